from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.web import strict_json
from chalicelib.web.problems import Malformed, TooLarge

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4), max_leaves=24
)


@given(_values)
def test_every_value_of_the_contract_survives_a_round_trip(value: Any) -> None:
    assert strict_json.loads(strict_json.dumps(value).encode()) == value


@given(_values)
def test_escaped_and_unescaped_text_mean_the_same(value: Any) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=True).encode()) == value


@given(
    st.binary(max_size=64)
    | _texts.map(str.encode)
    | st.text('[]{}",:\\ue-+.0123456789naN', max_size=40).map(str.encode)
)
@example(b'"\\ud83d\\ude00"')
def test_whatever_is_sent_is_read_or_called_malformed(body: bytes) -> None:
    try:
        value = strict_json.loads(body)
    except Malformed:
        return
    strict_json.dumps(value).encode()


@pytest.mark.parametrize(
    "body",
    [
        '{"a":1,"a":2}',
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        '[{"b":{"a":1,"c":2,"a":3}}]',
        '{"":1,"":2}',
    ],
)
def test_a_key_that_is_given_twice_is_refused(body: str) -> None:
    _refused(body, "same key twice")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 400 + ".0", "9e999999999"])
@pytest.mark.parametrize("place", ["%s", '{"price":%s}', "[[1,%s]]"])
def test_a_number_that_is_none_is_refused(number: str, place: str) -> None:
    _refused(place % number)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -1, 9007199254740993])
def test_integers_of_64_bits_are_exact(number: int) -> None:
    assert strict_json.loads(str(number).encode()) == number


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63) - 1), "1" * 20, "9" * 4000, "9" * 5000, "-" + "9" * 5000])
def test_integers_beyond_64_bits_are_refused(digits: str) -> None:
    _refused(digits, "64 bits")


def test_64_levels_are_read_and_65_are_not() -> None:
    assert strict_json.loads(b"[" * 64 + b"]" * 64) is not None
    assert strict_json.loads(b'{"a":' * 63 + b"[]" + b"}" * 63) is not None
    _refused("[" * 65 + "]" * 65, "nested deeper")
    _refused('{"a":' * 64 + "[]" + "}" * 64, "nested deeper")


@pytest.mark.parametrize("depth", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ("[", "")])
def test_any_depth_is_refused_without_a_stack_overflow(depth: int, opening: str, closing: str) -> None:
    depth = min(depth, strict_json.MAX_BYTES // (len(opening) + len(closing)) - 1)

    _refused(opening * depth + closing * depth)


@pytest.mark.parametrize(
    "body",
    [
        '"\\ud800"',
        '"\\udfff"',
        '{"name":"a\\ud800b"}',
        '{"\\ud800":1}',
        '[["\\ude00\\ud83d"]]',
        '{"a":[{"b":"\\uDBFF"}]}',
    ],
)
def test_a_lone_surrogate_is_refused_as_text_and_as_key(body: str) -> None:
    _refused(body, "lone surrogate")


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert strict_json.loads(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("body", ['"\\u0000"', '{"a\\u0000b":1}', '[{"x":["a\\u0000"]}]'])
def test_nul_is_refused(body: str) -> None:
    _refused(body, "NUL")


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b'"\xff"',
        b'"\xc3"',
        b'"\xc0\xaf"',
        b'"\xed\xa0\x80"',
        b'{"a":"caf\xe9"}',
    ],
)
def test_anything_but_plain_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        strict_json.loads(body)


@pytest.mark.parametrize(
    "body", ["", " ", "{", "[1,]", "{'a':1}", '{"a":1}x', "01", "+1", ".5", "1.", "nul", '"\t"', "// x\n1", "{1:2}"]
)
def test_what_is_not_json_is_refused(body: str) -> None:
    _refused(body)


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_too_large() -> None:
    body = b'"' + b"a" * (strict_json.MAX_BYTES - 2) + b'"'

    assert len(strict_json.loads(body)) == strict_json.MAX_BYTES - 2
    with pytest.raises(TooLarge):
        strict_json.loads(body + b" ")


def test_what_is_written_is_json_that_everybody_reads() -> None:
    assert strict_json.dumps({"é": [1, None, True]}) == '{"é":[1,null,true]}'
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="Out of range"):
            strict_json.dumps([number])


def test_the_canonical_form_does_not_depend_on_how_a_value_was_written() -> None:
    one = strict_json.loads(b'{"b": 1.0, "a": ["\\u00e9"]}')
    other = strict_json.loads('{"a":["é"],"b":1.0}'.encode())

    assert strict_json.canonical(one) == strict_json.canonical(other)
    assert strict_json.canonical({"a": 1}) != strict_json.canonical({"a": "1"})
    assert strict_json.canonical({"a": 1}) != strict_json.canonical({"a": True})


def _refused(body: str, reason: str = r"\.") -> None:
    with pytest.raises(Malformed, match=reason):
        strict_json.loads(body.encode())
