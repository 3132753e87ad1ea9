"""Resources as Terraform's JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.terraform.expressions import ABSENT, Choice, Document, Text, Value, argument
from infra.terraform.stack import of
from infra.terraform.translation import Arguments, Blocks, Own

Json = dict[str, Any]


def body(arguments: Arguments, address: str) -> Json:
    """The arguments and nested blocks of a resource; `address` is that of the main one, for what refers to it."""
    made: Json = {}
    dynamic: Json = {}
    for name, value in arguments.items():
        if isinstance(value, Blocks):
            if static := [body(each, address) for each in value.bodies if isinstance(each, dict)]:
                made[name] = static[0] if len(static) == 1 else static
            if conditional := [inner for each in value.bodies for inner in _conditional(each, address)]:
                dynamic[name] = conditional[0] if len(conditional) == 1 else conditional
        elif value is not ABSENT:
            made[name] = argument(_owned(value, address))
    return made | ({"dynamic": dynamic} if dynamic else {})


def _conditional(block: Value, address: str, given: str = "") -> list[Json]:
    """The `dynamic` blocks for one that there is under conditions; `given` is what holds already."""
    if block is ABSENT or (isinstance(block, dict) and not given):
        return []
    if isinstance(block, Choice):
        held, missing = _both(given, block.condition), _both(given, f"!({block.condition})")
        return [*_conditional(block.then, address, held), *_conditional(block.otherwise, address, missing)]
    return [{"for_each": f"${{{given} ? [1] : []}}", "content": body(block, address)}]


def _both(first: str, second: str) -> str:
    return f"({first}) && ({second})" if first else second


def _owned(value: Value, address: str) -> Value:  # noqa: PLR0911 - a line for each form
    """`value` with what it says of the main resource's attributes in full."""
    match value:
        case Own(text):
            return of(address, text)
        case Choice(condition, then, otherwise):
            return Choice(condition, _owned(then, address), _owned(otherwise, address))
        case Document(content):
            return Document(_owned(content, address))
        case Text(parts):
            return Text(tuple(_owned(part, address) for part in parts))
        case Mapping():
            return {name: _owned(each, address) for name, each in value.items()}
        case list():
            return [_owned(each, address) for each in value]
    return value
