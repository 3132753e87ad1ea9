"""Values that Terraform computes, and how they are written: as arguments in JSON, and in its own language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A literal (str, int, float, bool, None, list, dict of values), or one of the classes below.
Value = Any


@dataclass(frozen=True)
class Expression:
    """Something in Terraform's own language, such as `aws_sqs_queue.services_orders.arn`."""

    text: str


@dataclass(frozen=True)
class Text:
    """A string made of literal and computed parts."""

    parts: tuple[Value, ...]


@dataclass(frozen=True)
class Choice:
    """One of two values, by a condition in Terraform's own language. `ABSENT` is one that is left out."""

    condition: str
    then: Value
    otherwise: Value


@dataclass(frozen=True)
class Document:
    """A value that is handed over as a string of JSON."""

    content: Value


class Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


def argument(value: Value) -> Any:  # noqa: PLR0911 - a line for each form
    """`value` as Terraform's JSON has it in an argument: strings are templates, everything else is itself."""
    match value:
        case Absent():
            return None
        case str():
            return escaped(value)
        case dict():
            return {escaped(str(name)): argument(each) for name, each in value.items()}
        case list() if not _has_gaps(value):
            return [argument(each) for each in value]
        case Text(parts):
            return "".join(escaped(part) if isinstance(part, str) else f"${{{hcl(part)}}}" for part in parts)
        case Document(content) if is_literal(content):
            return escaped(_json(content))
        case list() | Expression() | Choice() | Document():
            return f"${{{hcl(value)}}}"
    return value


def hcl(value: Value) -> str:  # noqa: PLR0911 - a line for each form
    """`value` in Terraform's own language."""
    match value:
        case Absent() | None:
            return "null"
        case Expression(text):
            return text
        case str():
            return _quoted(value)
        case Text(parts):
            inner = "".join(_quoted(part)[1:-1] if isinstance(part, str) else f"${{{hcl(part)}}}" for part in parts)
            return f'"{inner}"'
        case Choice():
            return _choice(value)
        case Document(content):
            return hcl(_json(content)) if is_literal(content) else f"jsonencode({hcl(content)})"
        case list():
            text = f"[{', '.join(hcl(each) for each in value)}]"
            return f"[for each in {text} : each if each != null]" if _has_gaps(value) else text
        case dict():
            text = f"{{{', '.join(f'{_quoted(str(name))} = {hcl(each)}' for name, each in value.items())}}}"
            gaps = _has_gaps(list(value.values()))
            return f"{{for name, each in {text} : name => each if each != null}}" if gaps else text
    return json.dumps(value)


def is_literal(value: Value) -> bool:
    """Whether Terraform has nothing to compute in `value`."""
    match value:
        case Expression() | Text() | Choice() | Document():
            return False
        case dict():
            return all(is_literal(each) for each in value.values())
        case list():
            return all(is_literal(each) for each in value)
    return True


def joined(parts: list[Value]) -> Value:
    """The parts as one string: literal as far as they are, `Text` where something is computed."""
    merged: list[Value] = []
    for part in _flat(parts):
        literal = not isinstance(part, (Expression, Choice, Document, dict, list))
        text = _plain(part) if literal else part
        if literal and merged and isinstance(merged[-1], str):
            merged[-1] += text
        elif text != "":
            merged.append(text)
    match merged:
        case []:
            return ""
        case [str(only)]:
            return only
        case [Expression() as only]:
            return only
    return Text(tuple(merged))


def mapped(value: Value, change: Any) -> Value:
    """`change` of `value`, or of both sides when it is a choice."""
    if isinstance(value, Choice):
        return Choice(value.condition, mapped(value.then, change), mapped(value.otherwise, change))
    return ABSENT if value is ABSENT else change(value)


def without_absent(value: Mapping[str, Value]) -> dict[str, Value]:
    """What of a map there is."""
    return {name: each for name, each in value.items() if each is not ABSENT}


def escaped(text: str) -> str:
    """`text` as a template in which nothing is computed."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _choice(value: Choice) -> str:
    then, otherwise = hcl(value.then), hcl(value.otherwise)
    if _has_objects(value.then) and _has_objects(value.otherwise):
        # Terraform wants both sides of a condition to be of one type, which objects with other keys are not.
        return f"jsondecode({value.condition} ? jsonencode({then}) : jsonencode({otherwise}))"
    return f"({value.condition} ? {then} : {otherwise})"


def _has_objects(value: Value) -> bool:
    if isinstance(value, list):
        return any(_has_objects(each) for each in value)
    if isinstance(value, Choice):
        return _has_objects(value.then) or _has_objects(value.otherwise)
    return isinstance(value, dict)


def _has_gaps(values: list[Value]) -> bool:
    return any(_may_be_absent(each) for each in values)


def _may_be_absent(value: Value) -> bool:
    if isinstance(value, Choice):
        return _may_be_absent(value.then) or _may_be_absent(value.otherwise)
    return value is ABSENT


def _flat(parts: list[Value]) -> list[Value]:
    return [inner for part in parts for inner in (part.parts if isinstance(part, Text) else (part,))]


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _json(value: Value) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _quoted(text: str) -> str:
    return re.sub(r"\\[bf]", " ", json.dumps(escaped(text), ensure_ascii=False))
