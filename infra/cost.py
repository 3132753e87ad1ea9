"""`python -m infra.cost`: writes what the stages cost into docs/cost.md."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from infra.bill import PROJECT, Inputs, Month, read
from infra.stages import named

PAGE = PROJECT / "docs" / "cost.md"
RATES = (0, 1, 100, 10_000)
STAGES = ("dev", "staging", "prod")

_BEGIN, _END = "<!-- begin: python -m infra.cost -->", "<!-- end -->"
_LARGEST = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description="Writes the figures in docs/cost.md.")
    parser.parse_args(arguments)
    PAGE.write_text(page(PAGE.read_text(), figures(read())))
    print(f"{PAGE.relative_to(PROJECT)} is written")
    return 0


def page(text: str, generated: str) -> str:
    """The page `text` with `generated` between its marks. Raises `ValueError` when they are not there."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"docs/cost.md needs the lines {_BEGIN} and {_END}")
    return f"{before}{begin}\n{generated}\n{end}{after}"


def figures(inputs: Inputs) -> str:
    """The part of the page that is computed: stages, what is large, what is taken for granted, and the prices."""
    stages = "\n\n".join(_stage(inputs, stage) for stage in STAGES)
    parts = (stages, _asleep(inputs), _largest(inputs), _functions(inputs), _guesses(inputs), _prices(inputs))
    return "\n\n".join(parts) + "\n"


def _stage(inputs: Inputs, stage: str) -> str:
    bills = [Month(inputs, stage, rate).bill() for rate in RATES]
    most = named(stage).throttle_rate
    rates = ["idle", *(f"{rate:,} a second{'*' if rate > most else ''}" for rate in RATES[1:])]
    rows = [(item, *(_dollars(bill[item]) for bill in bills)) for item in bills[0]]
    total = ("**together**", *(f"**{_dollars(sum(bill.values()))}**" for bill in bills))
    return f"### {stage}\n\n" + _table(["USD a month", *rates], [*rows, total])


def _asleep(inputs: Inputs) -> str:
    database = {**inputs.load["database"], "awake_acu": 0}
    asleep = replace(inputs, load={**inputs.load, "database": database})
    awake, paused = (sum(Month(each, "dev", 0).bill().values()) for each in (inputs, asleep))
    return (
        f"Idle, `dev` costs {_dollars(awake)} USD a month with its schedules on, which keep the database awake, and "
        f"{_dollars(paused)} USD with them off."
    )


def _largest(inputs: Inputs) -> str:
    rows = []
    for rate in RATES:
        bill = Month(inputs, "prod", rate).bill()
        shares = sorted(((amount / sum(bill.values()), item) for item, amount in bill.items()), reverse=True)
        rows.append((f"{rate:,}", ", ".join(f"{item} {share:.0%}" for share, item in shares[:_LARGEST])))
    return "### Where the money goes in prod\n\n" + _table(["requests a second", "most of it"], rows)


def _functions(inputs: Inputs) -> str:
    calls, times = Month(inputs, "prod", 1).calls(), inputs.load["milliseconds"]
    rows = [
        (f"`{name}`", str(inputs.memory[name]), f"{times[name]:,}", f"{number:,.0f}") for name, number in calls.items()
    ]
    head = ["function", "MB", "ms", "calls a month at 1 request a second"]
    return "### Functions\n\n" + _table(head, rows)


def _guesses(inputs: Inputs) -> str:
    rows = [
        (section.replace("_", " "), name.replace("_", " "), f"{value:,}")
        for section, values in inputs.load.items()
        if section != "milliseconds"
        for name, value in values.items()
    ]
    return "### What is taken for granted\n\n" + _table(["of", "what", "how much"], rows)


def _prices(inputs: Inputs) -> str:
    rows = [
        (
            each["unit"],
            f"{each['usd']:.10f}".rstrip("0").rstrip("."),
            "to be checked" if each["sure"] else "estimated",
            each["source"],
        )
        for each in inputs.prices["prices"].values()
    ]
    title = f"### Prices\n\nOf {inputs.prices['region']}, put down on {inputs.prices['date']}.\n\n"
    return title + _table(["for a", "USD", "it is", "source"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows))


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if _is_numeric(column) else '---' for column in zip(*rows, strict=True))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _is_numeric(column: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[*\d.,]+", cell) for cell in column)


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 or amount == 0 else f"{amount:.2f}"


if __name__ == "__main__":
    sys.exit(main())
