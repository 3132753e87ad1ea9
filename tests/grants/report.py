"""The comparison for people: a table of functions, and what is wrong in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from local.home import CHECKOUT
from tests.grants.comparison import Comparison

FILE = CHECKOUT / "build" / "grants.md"


def summary(found: Comparison) -> str:
    """The comparison in a line."""
    return (
        f"{len(found.grants)} grants: {len(found.used)} used, {len(found.explained)} explained, "
        f"{len(found.unused)} unexplained granted-not-used; {len(found.not_granted)} used-not-granted; "
        f"{len(found.stale)} explanations out of date"
    )


def faults(found: Comparison, *, is_whole: bool = True) -> list[str]:
    """What is wrong. After a part of the tests, what nobody has used yet is not."""
    return [
        *(f"used, not granted: {call}" for call in sorted(found.not_granted)),
        *(f"granted, not used: {grant}" for grant in sorted(found.unused) if is_whole),
        *(f"explanation out of date: {sentence}" for sentence in sorted(found.stale)),
    ]


def write(found: Comparison, *, is_whole: bool) -> None:
    """Writes the report to `FILE`."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(markdown(found, is_whole=is_whole))


def markdown(found: Comparison, *, is_whole: bool) -> str:
    """The report as a page."""
    return "\n".join(_lines(found, is_whole)) + "\n"


def _lines(found: Comparison, is_whole: bool) -> Iterator[str]:
    yield from ("# Grants", "", f"{summary(found)}.", "")
    if not is_whole:
        yield from ("Only a part of the tests ran: what is unused may be used by the others.", "")
    yield from ("| function | grants | used | explained | unused | used, not granted |", "|---|---|---|---|---|---|")
    for function in sorted({each.function for each in (*found.grants, *found.not_granted)}):
        groups = (found.grants, found.used, found.explained, found.unused, found.not_granted)
        numbers = (str(sum(each.function == function for each in group)) for group in groups)
        yield f"| `{function}` | {' | '.join(numbers)} |"
    if wrong := faults(found, is_whole=is_whole):
        yield from ("", "## Wrong", "", *(f"- {sentence}" for sentence in wrong))
    yield from ("", "## Explained", "")
    for reason in sorted({each.reason for each in found.explained.values()}):
        yield f"- {reason}"
        yield from (f"  - `{grant}`" for grant in sorted(found.explained) if found.explained[grant].reason == reason)
    yield from ("", "## Used", "", *(f"- `{grant}`" for grant in sorted(found.used)))
