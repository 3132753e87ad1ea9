"""Bodies that no write may accept, made from a valid one: broken, ambiguous, hostile and merely wrong."""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.integration.canaries import CANARY

JSON = {"Content-Type": "application/json"}
PLACE = "@@place@@"

Place = tuple[str | int, ...]
"""The names and positions that lead to a value."""

MEBIBYTE = 1024 * 1024

MALFORMED = (
    *('"\\ud800"', '"\\udfff"', '"\\udc00\\ud800"', '"a\\ud83d"', '"\\u0000"', '"a\\u0000b"', "[" * 66 + "]" * 66),
    *('{"a":' * 66 + "1" + "}" * 66, '{"a": 1, "a": 2}', "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0.1e1000"),
    *("9223372036854775808", "-9223372036854775809", "1" + "0" * 30, "9" * 4000, "9" * 5000, "-" + "9" * 5000),
    *("undefined", "None", "True", "'x'", "01", "+1", ".5", "1.", "0x10", "1_000", '"\\x41"', '"\\u12"', '"a\nb"'),
    *('"a\tb"', '"open', "/* x */ 1", "", "{", "[1,]", "{'a': 1}", "{a: 1}", '{"a": 1,}', '"a" "b"', "@", "`x`"),
)
"""What is not JSON, or JSON that two parsers may read differently, as a value."""

CONTROLS = ("\\u0007", "\\u001b[31m", "\\u007f", "\\u0085", "\\r\\nBcc:\\u000b", "\\u202e", "\\u2066", "\\ufffe")
LONG = ("x" * 100_000, "a" * 50_000 + "!", "\U0001f600" * 5_001, "é" * 20_000)
INVALID = (
    *("1.5", "-1", "-0.0", "1e-400", "null", "[]", '["x"]', '{"a": 1}'),
    *(f'"a{control}b"' for control in CONTROLS),
    *(f'"{text}"' for text in LONG),
)
"""JSON that is wrong in the place of any text, integer, flag or choice."""

INVALID_FOR = {
    str: ("true", "0", "5"),
    int: ("true", "false", '"1"', '""', "1.0", "1e0"),
    bool: ("0", "1", '"true"', '"false"', '""', '"yes"'),
    dict: ("true", '"x"', "0", '[["amount", 1]]'),
    list: ("true", '"x"', "0", "[null]", "[[]]", '[["product_id"]]', '{"0": {}}', "[true]"),
}
"""JSON that is wrong in the place of one kind of value."""

NOT_THE_CALLERS = (
    "id", "version", "created_at", "updated_at", "seller_id", "user_id", "email_verified", "is_admin", "cognito:groups",
    "custom:role", "search", "price_amount", "__class__", "__proto__", "constructor", "$where", "sku ", "Name", "",
    "a/b~c", "k" * 10_000,
)  # fmt: skip
"""Names of members that no body has: columns, claims, other languages' magic."""


@dataclass(frozen=True)
class BadBody:
    """Bytes to send, the headers that belong to them, and the statuses that are a fitting answer."""

    name: str
    content: bytes
    headers: dict[str, str]
    fitting: frozenset[int]


def bad_bodies(sample: dict[str, Any]) -> Iterator[BadBody]:
    """Bad bodies of every kind, made from the valid body `sample`."""
    kinds: dict[str, tuple[Iterator[bytes], set[int]]] = {
        "malformed value": (_values(sample, MALFORMED), {400}),
        "invalid value": (_values(sample, INVALID), {422}),
        "value of another kind": (_values(sample, ()), {422}),
        "member twice": (_doubled(sample), {400}),
        "member of a false name": (_misnamed(sample), {400}),
        "unknown member": (_unknown(sample), {422}),
        "document": (_documents(sample), {400, 422}),
        "encoding": (_encodings(sample), {400, 422}),
        "size": (_sizes(sample), {413}),
        "truncation": (_truncations(sample), {400}),
    }
    seen: set[bytes] = set()  # an element of a list and the list itself can come to the same
    for kind, (contents, fitting) in kinds.items():
        for number, content in enumerate(contents):
            if content not in seen:
                seen.add(content)
                yield BadBody(f"{kind} {number}: {content[:60]!r}", content, JSON, frozenset(fitting))
    for name, content, headers in _declarations(sample):
        yield BadBody(f"declared as {name}", content, headers, frozenset({415}))


def _values(sample: dict[str, Any], tokens: tuple[str, ...]) -> Iterator[bytes]:
    """Every token in the place of every value, at every depth; without tokens, those that are wrong for its kind."""
    for path, value in _places(sample):
        for token in tokens or INVALID_FOR[type(value)]:
            if token or isinstance(path[-1], str):  # nothing in the place of the only element is an empty list
                yield _with_text(sample, path, token)


def _doubled(sample: dict[str, Any]) -> Iterator[bytes]:
    """Members that are there twice, at every depth."""
    for path, value in [((), sample), *_places(sample)]:
        if isinstance(value, dict):
            inner = json.dumps(value)
            for name in value:
                again = json.dumps({name: value[name]})[1:-1]
                yield _with_text(sample, path, f"{inner[:-1]}, {again}}}")
                yield _with_text(sample, path, f"{{{again}, {inner[1:]}")


def _misnamed(sample: dict[str, Any]) -> Iterator[bytes]:
    """Members whose name is no text, or no text that can be stored."""
    whole = json.dumps(sample)
    for name in ('"\\ud800"', '"\\u0000"', "name", "1", "null", "'x'", ""):
        yield f"{whole[:-1]}, {name}: 1}}".encode()


def _unknown(sample: dict[str, Any]) -> Iterator[bytes]:
    """Members that nobody asked for, at every depth."""
    for name in NOT_THE_CALLERS:
        yield json.dumps(sample | {name: CANARY}).encode()
    for path, value in _places(sample):
        if isinstance(value, dict):
            yield json.dumps(_replaced(sample, (*path, CANARY), 1)).encode()


def _documents(sample: dict[str, Any]) -> Iterator[bytes]:
    """Documents that are no object, or not one, or not JSON."""
    whole = json.dumps(sample)
    texts = [
        "", " ", "\n\t", "{}", "[]", "null", "true", "0", "-0", '"x"', '""', f"[{whole}]", json.dumps(whole), "{}{}",
        "[{}]", whole + whole, whole + "}", whole + ",", whole + "]", whole + " // comment", whole + "\x00",
        "\x00" + whole, f"callback({whole})", ")]}',\n" + whole, f"for(;;);{whole}", str(sample), whole + "\n---\n",
        whole.replace(":", "=", 1), whole.replace(":", "", 1), whole.replace("{", "", 1), whole.replace(",", ";", 1),
        f"<xml>{CANARY}</xml>", f"name={CANARY}&stock=1", f"name: {CANARY}", '{"a": {"$ref": "#"}}',
        "[" * 100_000, '{"a":' * 100_000, "[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, "[]" * 50_000, "{" * 10,
        "[" + "[]," * 50_000 + "[]]", "\ufeff" + whole, whole + "\ufeff", "\u2028" + whole, "\u00a0" + whole,
        whole + "\u3000",
    ]  # fmt: skip
    yield from (text.encode() for text in texts if not _is(text, sample))


def _encodings(sample: dict[str, Any]) -> Iterator[bytes]:
    """Bytes that are not UTF-8, or that are it only to some."""
    whole = json.dumps(sample)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7", "cp037"):
        yield whole.replace("{", "{+" if encoding == "utf-7" else "{", 1).encode(encoding)
    for broken in (
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\xf4\x90\x80\x80",
    ):
        yield broken + whole.encode()
        yield whole.encode() + broken
        yield whole.encode().replace(b"{", b'{"' + broken + b'": 1, ', 1)
    yield gzip.compress(whole.encode())
    yield zlib.compress(whole.encode())


def _sizes(sample: dict[str, Any]) -> Iterator[bytes]:
    """More than one mebibyte, however it is spent."""
    whole = json.dumps(sample).encode()
    yield whole + b" " * MEBIBYTE
    yield b" " * MEBIBYTE + whole
    yield json.dumps(sample | {"x": "x" * MEBIBYTE}).encode()
    yield b"[" + b"0," * (MEBIBYTE // 2) + b"0]"
    yield b"[" * (2 * MEBIBYTE)
    yield b"9" * (MEBIBYTE + 1)


def _truncations(sample: dict[str, Any]) -> Iterator[bytes]:
    """What arrives when the connection is cut."""
    whole = json.dumps(sample).encode()
    yield from (whole[:length] for length in range(1, len(whole), max(1, len(whole) // 16)))


def _declarations(sample: dict[str, Any]) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """A body that would be welcome under another name, and bodies under a false one."""
    whole = json.dumps(sample).encode()
    kinds = (
        "", "text/plain", "text/json", "text/html", "application/xml", "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x", "application/octet-stream", "application/jsonp", "application/x-json",
        "json", "*/*", "application/json, text/plain", "application/merge-patch+json",
        "application/json; charset=utf-16", "application/json; charset=iso-8859-1", 'application/json; charset="utf-7"',
        "application/problem+json",
    )  # fmt: skip
    yield "nothing", whole, {}
    for kind in kinds:
        yield kind or "an empty type", whole, {"Content-Type": kind}
    packed = {"gzip": gzip.compress(whole), "deflate": zlib.compress(whole)}
    for encoding in ("gzip", "deflate", "br", "identity", "gzip, gzip"):
        yield f"encoded by {encoding}", packed.get(encoding, whole), JSON | {"Content-Encoding": encoding}


def _places(value: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value below an object or a list, with what leads to it."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, name), inner
        if isinstance(inner, dict | list):
            yield from _places(inner, (*path, name))


def _with_text(sample: dict[str, Any], path: Place, text: str) -> bytes:
    """The sample as JSON, with `text` as it is where `path` leads."""
    if not path:
        return text.encode()
    return json.dumps(_replaced(sample, path, PLACE)).replace(f'"{PLACE}"', text).encode()


def _replaced(sample: dict[str, Any], path: Place, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(sample)
    place: Any = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed


def _is(text: str, sample: dict[str, Any]) -> bool:
    """Whether `text` is the sample after all."""
    try:
        return bool(json.loads(text) == sample)
    except (ValueError, RecursionError):
        return False
