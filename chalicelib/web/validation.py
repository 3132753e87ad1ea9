"""Loading what came in through a schema, and saying where it is wrong."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError

from chalicelib.errors import Invalid, Violation


def loaded(schema: type[Schema], data: Any) -> Any:
    """`data` as `schema` loads it. Raises `Invalid` with a JSON pointer for each violation."""
    if not isinstance(data, dict):
        raise Invalid("The body is not valid.", [Violation("", "A JSON object is expected.")])
    try:
        return schema().load(data)
    except ValidationError as error:
        raise Invalid("The request is not valid.", list(_violations(error.messages))) from None


def _violations(messages: Any, pointer: str = "") -> list[Violation]:
    """Marshmallow's nested messages as pointers (RFC 6901)."""
    if isinstance(messages, dict):
        found = []
        for name, nested in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")[:64]
            found += _violations(nested, pointer + step)
        return found
    return [Violation(pointer, str(message)) for message in messages]
