"""Log lines of a stage's functions, found by a term in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from ops.account import Account
from ops.refusals import explained

MOST_LINES = 1_000
"""Of one function. A client that sends one correlation id with everything has no use for more."""

Line = tuple[str, str]


class LogGroups:
    """The log groups of a stage's functions."""

    def __init__(self, account: Account) -> None:
        self._stage = account.stage
        self._client = account.client("logs")
        self._prefix = f"/aws/lambda/{account.prefix}"

    def find(self, term: str, since: datetime) -> list[Line]:
        """`(function, line)` of each line since then that holds `term`, in each function's order.

        Raises Problem when CloudWatch refuses, or the stage has no log groups.
        """
        with explained(self._stage):
            # One after the other: CloudWatch takes few of these in a second, and Ctrl-C would wait for threads.
            return [line for group in self._groups() for line in self._lines(group, term, since)]

    def _groups(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._prefix)
        return [str(group["logGroupName"]) for page in pages for group in page["logGroups"]]

    def _lines(self, group: str, term: str, since: datetime) -> Iterator[Line]:
        """A quoted term is found in lines of any form; CloudWatch may answer with empty pages in between."""
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{term}"', startTime=_milliseconds(since)
        )
        events: Iterator[Any] = (event for page in pages for event in page["events"])
        for event in islice(events, MOST_LINES):
            yield group.removeprefix(self._prefix), event["message"]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
