"""Lists of which some elements depend on a condition, as resources that there are one or none of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from infra.terraform.expressions import ABSENT, Choice, Expression, Value
from infra.terraform.translation import Block


def elements(value: Value, conditions: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Each element that there may be in a list, and the conditions that all have to hold for it."""
    if isinstance(value, Choice):
        yield from elements(value.then, (*conditions, value.condition))
        yield from elements(value.otherwise, (*conditions, f"!({value.condition})"))
    elif isinstance(value, list):
        for each in value:
            yield from elements(each, conditions)
    elif value is not ABSENT:
        yield conditions, value


def under(conditions: tuple[str, ...], block: Block) -> Block:
    """`block`, of which there is one when all `conditions` hold, and none otherwise."""
    if not conditions:
        return block
    count = Expression(f"{' && '.join(f'({each})' for each in conditions)} ? 1 : 0")
    return replace(block, arguments={"count": count, **block.arguments})
