"""Writing to a terminal, or to whatever a script reads."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH_OF_A_FILE = 240
"""What is not read in a terminal is not wrapped to one."""


def console() -> Console:
    """Standard output."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; what is too wide is folded, never cut. Columns named in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def printable(text: str) -> str:
    """`text` without what would steer a terminal: messages and log lines hold what anybody sent."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


def write_json(value: Any) -> None:
    """`value` on standard output, for scripts."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
