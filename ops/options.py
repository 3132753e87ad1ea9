"""The arguments of each command, in one place because `python -m local trace` takes those of `python -m ops trace`."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from pathlib import Path

from infra.stages import LAPTOP, STAGE_NAMES

MOST_MESSAGES = 100
"""The function reaches no more dead letters in one go."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m ops`."""
    whole = argparse.ArgumentParser(prog="python -m ops", description="Looks after a running stage.")
    whole.add_argument("--stage", choices=STAGE_NAMES, default=LAPTOP, help="which one (local: the laptop's)")
    whole.add_argument("--home", type=Path, default=Path(".local"), help="of the laptop's system (.local)")
    whole.add_argument("--profile", help="AWS profile; without it boto3's usual search for credentials")
    whole.add_argument("--region", help="AWS region; without it the profile's")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    text = "list, show and redrive dead letters: messages that failed three times"
    add_dead_letters(commands.add_parser("dead-letters", help=text, description=text))
    text = "list a stage's jobs and start one once, now or at a time"
    add_jobs(commands.add_parser("jobs", help=text, description=text))
    text = "print the way of a request through every hop"
    add_trace(commands.add_parser("trace", help=text, description=text))
    return whole


def add_dead_letters(parser: argparse.ArgumentParser) -> None:
    """The arguments of `dead-letters`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    every = {
        "list": actions.add_parser("list", help="how many there are in each queue"),
        "show": actions.add_parser("show", help="those of a queue, which stay where they are"),
        "redrive": actions.add_parser("redrive", help="send them back to their queue once the cause is mended"),
    }
    for name in ("show", "redrive"):
        every[name].add_argument("queue", help="orders.fifo, emails or pushes")
        every[name].add_argument(
            "--message-id", action="append", help="only this message; may be given more than once", metavar="ID"
        )
        every[name].add_argument("--event-type", help="only events of this type, for example order.placed")
        every[name].add_argument("--limit", type=_limit, default=MOST_MESSAGES, help="at most so many (100)")
    every["show"].add_argument("--body", action="store_true", help="with the messages themselves")
    every["redrive"].add_argument("--execute", action="store_true", help="do it; without this say what would be done")
    for each in every.values():
        _add_json(each)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    every = {
        "list": actions.add_parser("list", help="what starts by itself, and what is to be started once"),
        "start": actions.add_parser("start", help="start a job once, with the settings of its own schedule"),
        "cancel": actions.add_parser("cancel", help="take back a start whose time has not come"),
    }
    every["start"].add_argument("name", help="the job, for example export-catalogue")
    every["start"].add_argument(
        "--at",
        type=_minute,
        help="when, with a time zone, for example 2026-12-01T02:00+01:00; without it in about a minute",
        metavar="TIME",
    )
    every["cancel"].add_argument("name", help="what `jobs start` or `jobs list` call it")
    for each in every.values():
        _add_json(each)


def add_trace(parser: argparse.ArgumentParser) -> None:
    """The arguments of `trace`."""
    parser.add_argument("correlation_id", help="the header X-Correlation-Id of a response")
    parser.add_argument(
        "--since",
        type=_age,
        help="how far back to look, for example 30m, 6h or 2d; without it from the time in the id, or 1h",
    )
    parser.add_argument("--wait", type=_seconds, default=0.0, help="wait so long for what is still to come (0)")
    _add_json(parser)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_MESSAGES:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_MESSAGES} is expected")
    return int(text)


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError("a time such as 90s, 30m, 6h or 2d is expected")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text):
        raise argparse.ArgumentTypeError("seconds are expected")
    return float(text)


def _minute(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a time such as 2026-12-01T02:00+01:00 is expected") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no time zone: add one as in …T02:00+01:00, or Z for UTC")
    if moment.timestamp() % 60:
        raise argparse.ArgumentTypeError("jobs start at a whole minute: leave the seconds out")
    return moment
