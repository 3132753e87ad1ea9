"""`python -m local`: the arguments of each command. What a command does is the `run` function of its module."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from local.aws import forget_the_account_of_this_shell
from local.home import Home
from local.progress import Problem
from ops.options import add_trace

COMMANDS = {
    "up": ("local.system", "start everything and serve until Ctrl-C"),
    "down": ("local.down", "stop a system that runs in this home"),
    "status": ("local.status", "show what runs, and where"),
    "logs": ("local.logs", "print what the functions logged"),
    "trace": ("local.trace", "print the way of a request through every hop"),
    "mail": ("local.mail", "list the e-mails that were sent, or show one"),
    "token": ("local.token", "print an access token of a demo person"),
    "seed": ("local.seed", "add demo people and products; again changes nothing"),
    "sql": ("local.sql", "run SQL in the application's role"),
    "env": ("local.variables", "print the settings by which `chalice local` serves this app"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 1 after something that a person can put right, with a sentence on standard error."""
    chosen = _parser().parse_args(arguments)
    forget_the_account_of_this_shell()
    try:
        status = importlib.import_module(COMMANDS[chosen.command][0]).run(Home(chosen.home), chosen)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole system on this machine.")
    parser.add_argument("--home", type=Path, default=Path(".local"), help="where all its state is kept (.local)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    each = {name: commands.add_parser(name, help=text, description=text) for name, (_, text) in COMMANDS.items()}
    for option, service, port in (
        ("--port", "the front door", 8000),
        ("--postgresql-port", "PostgreSQL", 5442),
        ("--valkey-port", "Valkey", 6390),
        ("--emulator-port", "the embedded AWS", 4566),
        ("--model-port", "the model", 4570),
    ):
        each["up"].add_argument(option, type=int, default=port, help=f"of {service} ({port}); 0 picks a free one")
    each["up"].add_argument("--no-reload", action="store_true", help="leave the functions alone when a file is saved")
    each["up"].add_argument(
        "--record-calls", action="store_true", help="note in calls.jsonl what each function asks of AWS"
    )
    each["logs"].add_argument("function", nargs="?", default="", help="one function, for example api_handler")
    each["logs"].add_argument("--follow", action="store_true", help="wait for more until Ctrl-C")
    add_trace(each["trace"])
    each["mail"].add_argument("action", nargs="?", choices=["show"], help="show one instead of listing all")
    each["mail"].add_argument("number", nargs="?", type=int, help="which one; without it the newest")
    each["mail"].add_argument("--to", default="", metavar="ADDRESS", help="only e-mails to this address")
    each["mail"].add_argument("--html", action="store_true", help="show the HTML part instead of the text")
    each["mail"].add_argument("--follow", action="store_true", help="wait for more until Ctrl-C")
    each["token"].add_argument("email", help="for example buyer@example.com")
    each["token"].add_argument("--password", help="of a person who is no demo person")
    each["seed"].add_argument("--products", type=int, default=25, help="how many demo products there are in all (25)")
    each["sql"].add_argument("statement", nargs="?", help="one statement; without it a prompt opens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
