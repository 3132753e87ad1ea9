"""`logs`: what the functions wrote to CloudWatch Logs, a line each."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from local.home import Home
from local.progress import Problem
from local.stacks import PREFIX, Stacks, running

_PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")
_SHOWN_APART = {"level", "message", "timestamp", "service", "location", "function_name", "xray_trace_id"}
_LARGEST_PAGE = 10_000
_CONTEXT = ("cold_start", "function_memory_size", "function_arn", "function_request_id", "sampling_rate")


def run(home: Home, arguments: Namespace) -> None:
    """Print the lines so far, and with `arguments.follow` the lines to come."""
    stacks = running(home)[1]
    groups = _groups(stacks, arguments.function)
    seen: set[tuple[str, str, int, str]] = set()
    since = 0
    while True:
        for event, group in sorted(_events(stacks, groups, since), key=lambda found: found[0]["timestamp"]):
            if (identity := (group, *_identity(event))) not in seen:
                seen.add(identity)
                since = max(since, event["timestamp"] - 1000)
                print(line(group.removeprefix(f"/aws/lambda/{PREFIX}"), event), flush=True)
        if not arguments.follow:
            return
        time.sleep(0.5)


def events(client: Any, group: str, since: int = 0) -> Iterator[dict[str, Any]]:
    """Every event of a log group from `since` (milliseconds since 1970) on, in order, each of them once.

    The emulator answers with the oldest ten thousand and names no next page: it is asked again from the last one on.
    """
    seen: set[tuple[str, int, str]] = set()
    while True:
        page = client.filter_log_events(logGroupName=group, startTime=since)["events"]
        news = [event for event in page if _identity(event) not in seen]
        yield from news
        if len(page) < _LARGEST_PAGE or not news:
            return
        seen, since = {_identity(event) for event in page}, page[-1]["timestamp"]


def line(function: str, event: dict[str, Any]) -> str:
    """One log event for a person: time, function, level, message, and the fields that say more."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000).astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{at}  {function:<18} {_text(event['message'].rstrip())}"


def _text(message: str) -> str:
    try:
        record = json.loads(message)
    except ValueError:
        return message
    if not isinstance(record, dict) or "message" not in record:
        return message
    more = {k: v for k, v in record.items() if k not in _SHOWN_APART and k not in _CONTEXT}
    details = " ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in more.items())
    return f"{record.get('level', ''):<8} {record['message']}  {details}".rstrip()


def _groups(stacks: Stacks, function: str) -> list[str]:
    known = [name.removeprefix(PREFIX) for name in stacks.functions()]
    if function and function not in known:
        raise Problem(f"There is no function {function}.", f"The functions are {', '.join(known)}.")
    return [f"/aws/lambda/{PREFIX}{name}" for name in ([function] if function else known)]


def _events(stacks: Stacks, groups: list[str], since: int) -> Iterator[tuple[dict[str, Any], str]]:
    client = stacks.session.client("logs")
    for group in groups:
        try:
            found = events(client, group, since)
            yield from ((event, group) for event in found if not event["message"].startswith(_PLATFORM))
        except client.exceptions.ResourceNotFoundException:
            continue  # nothing was logged yet


def _identity(event: dict[str, Any]) -> tuple[str, int, str]:
    return event["logStreamName"], event["timestamp"], event["message"]
