"""Changes, printed for the people who decide about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from infra.changes import Change, Detail, Kind

_STYLES = {
    Kind.ADDED: ("+", "green"),
    Kind.IMPORTED: ("+", "green"),
    Kind.CHANGED: ("~", "yellow"),
    Kind.FOLLOWING: ("·", "dim"),
    Kind.PERHAPS_REPLACED: ("±", "red"),
    Kind.REPLACED: ("±", "bold red"),
    Kind.REMOVED: ("-", "bold red"),
}
_LONGEST_VALUE = 60


def summary(name: str, changes: Sequence[Change], note: str = "") -> Text:
    """One line about a stack: how many resources of each kind of change."""
    counts = Counter(change.kind for change in changes)
    parts = [Text(f"{counts[kind]} {kind}", _STYLES[kind][1]) for kind in Kind if counts[kind]]
    told = Text(", ").join(parts) if parts else Text("no changes")
    return Text.assemble((name, "bold"), ": ", told, f" ({note})" if note else "")


def lines(changes: Sequence[Change]) -> list[Text]:
    """A line for each resource, and one below it for each of its properties that changes."""
    width = max((len(change.resource) for change in changes), default=0)
    return [
        line
        for change in changes
        for line in (_line(change, width), *(_detail(each, change.kind) for each in change.details))
    ]


def _line(change: Change, width: int) -> Text:
    sign, style = _STYLES[change.kind]
    line = Text.assemble("  ", (f"{sign} {change.resource.ljust(width)}", style), f"  {change.type}")
    if change.kind not in {Kind.ADDED, Kind.CHANGED}:
        line.append(f"  {change.kind}", style)
    if change.endangers:
        line.append(f", and it holds {change.holds}", style)
    if change.is_kept:
        line.append(" (the old one stays in the account)")
    return line


def _detail(detail: Detail, kind: Kind) -> Text:
    is_alarming = detail.replaces and kind != Kind.FOLLOWING
    line = Text.assemble("      ", (detail.name, "red" if is_alarming else "yellow"))
    if detail.before or detail.after:
        line.append(f": {_short(detail.before)} → {_short(detail.after)}")
    if is_alarming:
        line.append(" (needs a new resource)", "red")
    if detail.cause:
        line.append(f" because of {detail.cause}", "dim")
    return line


def _short(value: str) -> str:
    """A value on one line, without what would steer a terminal."""
    plain = "".join(each if each.isprintable() else " " for each in value) or "nothing"
    return plain if len(plain) <= _LONGEST_VALUE else f"{plain[: _LONGEST_VALUE - 1]}…"
