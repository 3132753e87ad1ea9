"""What the functions of the running system have logged."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.stack import Stack


def json_lines(stack: Stack, function: str) -> list[dict[str, Any]]:
    """The objects that a function logged so far."""
    return [json.loads(line) for line in stack.log_lines(function) if is_object(line)]


def is_object(line: str) -> bool:
    """Whether a log line is one JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def counted(stack: Stack, function: str) -> Counter[str]:
    """The sums of a function's metrics so far."""
    sums: Counter[str] = Counter()
    for line in json_lines(stack, function):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                sums[metric["Name"]] += sum(line[metric["Name"]])
    return sums
