"""`python -m infra`: build a stage's stack, or prepare the project for stock Chalice."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

from infra import stages, stock
from infra.build import PROJECT, build
from infra.errors import BuildError
from infra.stages import DEFAULT_REGION, STAGE_NAMES


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 1, with a sentence on standard error, when it failed."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (BuildError, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def _build(options: argparse.Namespace) -> None:
    made = build(options.stage, options.out)
    print(
        f"{options.out}: {len(made.functions)} functions, {len(made.routes)} routes, "
        f"package {made.size.zipped / 1e6:.1f} MB ({made.size.unzipped / 1e6:.1f} MB unpacked), {made.architecture}"
    )


def _export(options: argparse.Namespace) -> None:
    session = Session()
    stock.export(PROJECT, stages.named(options.stage), options.out, session, session.region_name or DEFAULT_REGION)
    print(f"{options.out}: run `chalice deploy --stage {options.stage}` there")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("build", help="write template.json, package.zip and manifest.json")
    command.add_argument("--format", choices=["cloudformation"], default="cloudformation", help="of the template")
    command.set_defaults(run=_build, out=Path("build"))
    _add_common(command)
    command = commands.add_parser("stock", help="write a copy of the project that `chalice deploy` can deploy")
    command.set_defaults(run=_export, out=Path("build/stock"))
    _add_common(command)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", required=True, choices=STAGE_NAMES)
    command.add_argument("--out", type=Path, help=f"folder to write to (default: {command.get_default('out')})")


if __name__ == "__main__":
    sys.exit(main())
