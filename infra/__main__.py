"""`python -m infra`: builds a stage, and takes it into an AWS account."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.commands import build, deploy, destroy, diff, outputs, status, stock
from infra.errors import BuildError, DeploymentFailed, Interrupted, Refused
from infra.stages import STAGE_NAMES

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 1, with a sentence on standard error, when it failed."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (BuildError, DeploymentFailed, Refused, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except Interrupted as error:
        print(f"\n{error}", file=sys.stderr)
        return _INTERRUPTED
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return _INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_build(commands.add_parser("build", help="write template.json, package.zip and manifest.json"))
    _add_diff(commands.add_parser("diff", help="say what a deployment would change"))
    _add_deploy(commands.add_parser("deploy", help="deploy a release: stacks in order, the schema before the code"))
    _add_destroy(commands.add_parser("destroy", help="delete everything of a stage that is not protected"))
    _add_status(commands.add_parser("status", help="say how each stack is"))
    _add_outputs(commands.add_parser("outputs", help="print what the stacks give to those who use them"))
    _add_stock(commands.add_parser("stock", help="write a copy of the project that `chalice deploy` can deploy"))
    return parser


def _add_build(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=build.run)
    _add_stage(command)
    command.add_argument("--out", type=Path, default=Path("build"), help="folder to write to (build)")
    command.add_argument("--format", choices=["cloudformation", build.TERRAFORM], default="cloudformation")
    command.add_argument("--for-emulator", action="store_true", help="as an emulator on this machine needs it")


def _add_stock(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=stock.run)
    _add_stage(command)
    command.add_argument("--out", type=Path, default=Path("build/stock"), help="folder to write to (build/stock)")


def _add_diff(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=diff.run)
    _add_release(command)
    command.add_argument("--exit-code", action="store_true", help=f"end with status {diff.DIFFERENT} on any change")


def _add_deploy(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=deploy.run)
    _add_release(command)
    command.add_argument("--yes", action="store_true", help="agree to what is lost, but in staging and prod")
    command.add_argument(
        "--allow-replacement", action="append", default=[], metavar="RESOURCE", help="agree to lose what this one holds"
    )
    command.add_argument("--no-migrations", action="store_true", help="leave the schema: for an earlier release")


def _add_destroy(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=destroy.run)
    _add_account(command)
    command.add_argument("--confirm", default="", metavar="STAGE", help="the stage's name, instead of being asked")


def _add_status(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=status.run)
    _add_account(command)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=outputs.run)
    _add_account(command)
    command.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _add_release(command: argparse.ArgumentParser) -> None:
    _add_account(command)
    command.add_argument("--stacks", default="", help="only these, with commas between them")
    command.add_argument("--build", type=Path, metavar="FOLDER", help="a finished build, instead of building now")
    command.add_argument("--bucket", default="", help="for code and templates")
    command.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="STACK.NAME=VALUE",
        help="of a stack; remembered until it is given again, and forgotten without =VALUE",
    )


def _add_account(command: argparse.ArgumentParser) -> None:
    _add_stage(command)
    command.add_argument("--profile", help="AWS profile; without it boto3's usual search for credentials")
    command.add_argument("--region", help="AWS region; without it the profile's")


def _add_stage(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stage", required=True, choices=STAGE_NAMES)


if __name__ == "__main__":
    sys.exit(main())
