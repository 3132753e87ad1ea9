"""`python -m infra`: build a stage's stack."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.build import build
from infra.errors import BuildError
from infra.stages import STAGE_NAMES


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 1, with a sentence on standard error, when it failed."""
    options = _parser().parse_args(arguments)
    try:
        made = build(options.stage, options.out)
    except BuildError as error:
        print(f"build failed: {error}", file=sys.stderr)
        return 1
    print(
        f"{options.out}: {len(made.functions)} functions, {len(made.routes)} routes, "
        f"package {made.size.zipped / 1e6:.1f} MB ({made.size.unzipped / 1e6:.1f} MB unpacked), {made.architecture}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("build", help="write template.json, package.zip and manifest.json")
    command.add_argument("--stage", required=True, choices=STAGE_NAMES)
    command.add_argument("--format", choices=["cloudformation"], default="cloudformation", help="of the template")
    command.add_argument("--out", type=Path, default=Path("build"), help="folder to write to (default: build)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
