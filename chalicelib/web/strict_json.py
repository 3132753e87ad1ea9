"""JSON as the contract means it: what another parser could read differently is refused (RFC 8259, I-JSON RFC 7493)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from chalicelib.web.problems import Malformed, TooLarge

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
_MAX_DIGITS = 20


def loads(body: bytes) -> Any:
    """The value in `body`.

    Raises `TooLarge` over 1 MiB, and `Malformed` for what is not UTF-8 or not JSON, duplicate keys, NaN and Infinity
    (also as an overflowing number), integers beyond 64 bits, lone surrogates, NUL, and nesting deeper than 64.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(f"The body has {len(body)} bytes; {MAX_BYTES} are allowed.")
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    _inspect(value)
    return value


def dumps(value: Any) -> str:
    """`value` as compact JSON. Raises `ValueError` for NaN and `TypeError` for what JSON has no form for."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, however it was written: for fingerprints."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("An object in the body has the same key twice.")
    return result


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise Malformed("A number in the body is too large.")
    return value


def _integer(text: str) -> int:
    if len(text) <= _MAX_DIGITS and -MAX_INTEGER - 1 <= (value := int(text)) <= MAX_INTEGER:
        return value
    raise Malformed("An integer in the body does not fit into 64 bits.")


def _inspect(value: Any) -> None:
    """Looks at every string and every level, without recursion."""
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            _inspect_text(item)
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
            children = [*item.keys(), *item.values()] if isinstance(item, dict) else item
            pending.extend((child, depth + 1) for child in children)


def _inspect_text(text: str) -> None:
    if "\x00" in text:
        raise Malformed("A string in the body contains NUL.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Malformed("A string in the body contains a lone surrogate.")
