"""`trace`: the way of a request through every hop, with times, from the log groups of a stage."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from rich.text import Text

from local.progress import Problem
from ops import account, hops, terminal
from ops.account import Account
from ops.hops import Hop
from ops.log_groups import LogGroups

DEFAULT_AGE = timedelta(hours=1)
CLOCKS_DIFFER = timedelta(minutes=5)
POLL_SECONDS = 1.0

_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_TIMED_VERSION = 7


def run(arguments: Namespace) -> None:
    """Print the hops of `arguments.correlation_id` in the stage that the options choose."""
    show(account.of(arguments), arguments)


def show(account: Account, arguments: Namespace) -> None:
    """Print the hops. Raises Problem when the id is none, or nothing is found."""
    correlation_id = arguments.correlation_id.strip()
    if not _WELL_FORMED.fullmatch(correlation_id):
        raise Problem(
            f"{correlation_id!r} is no correlation id.", "Take the header X-Correlation-Id of a response as it is."
        )
    since = beginning(correlation_id, arguments.since, datetime.now(UTC))
    found = _collected(LogGroups(account), correlation_id, since, arguments.wait)
    if not found:
        raise Problem(
            f"No function of the stage {account.stage} has logged {correlation_id} since {_local(since):%d %b %H:%M}.",
            "Logs come a few seconds late (--wait 10); --since 2d looks further back.",
        )
    if arguments.json:
        terminal.write_json(
            {"hops": [hops.plain(hop, found[0]) for hop in found], "missing": hops.still_to_come(found)}
        )
    else:
        _print(correlation_id, found)


def beginning(correlation_id: str, age: timedelta | None, now: datetime) -> datetime:
    """From when on to look: as far back as `age`, else from the time in the id (a UUIDv7), else an hour."""
    if age is not None:
        return now - age
    made = _time_in(correlation_id)
    return now - DEFAULT_AGE if made is None or made > now else made - CLOCKS_DIFFER


def _time_in(correlation_id: str) -> datetime | None:
    """The time in a UUIDv7 (RFC 9562, section 5.7)."""
    try:
        identifier = UUID(correlation_id)
        if identifier.version != _TIMED_VERSION:
            return None
        return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _collected(groups: LogGroups, correlation_id: str, since: datetime, patience: float) -> list[Hop]:
    """The hops that are there once nothing is missing, or `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while True:
        lines = groups.find(correlation_id, since)
        found = hops.in_order(
            hop for function, line in lines if (hop := hops.read(function, line, correlation_id)) is not None
        )
        if (found and not hops.still_to_come(found)) or time.monotonic() >= deadline:
            return found
        time.sleep(POLL_SECONDS)


def _print(correlation_id: str, found: Sequence[Hop]) -> None:
    console = terminal.console()
    console.print(f"{correlation_id}  began {_local(found[0].began):%d %b %Y, %H:%M:%S (UTC%z)}", markup=False)
    table = terminal.table("time", "+ ms", "function", "hop", "what happened", "took ms", right=("+ ms", "took ms"))
    for hop in found:
        table.add_row(
            f"{_local(hop.began):%H:%M:%S.%f}"[:-3],
            str(hops.since(hop, found[0])),
            hop.function,
            hop.place,
            Text(terminal.printable(hop.what)),
            "" if hop.milliseconds is None else f"{hop.milliseconds:.1f}",
            style="red" if hop.failed else None,
        )
    console.print(table)
    if missing := hops.still_to_come(found):
        console.print(f"not seen yet: {', '.join(missing)}", markup=False)


def _local(moment: datetime) -> datetime:
    return moment.astimezone()
