from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError

from chalicelib.fields import Change, CurrencyCode, Integer, QueryInteger, Text, Timestamp, price
from chalicelib.money import CURRENCIES, MAX_AMOUNT, Money


class Form(Schema):
    name = Text(maximum=5)
    story = Text(minimum=0, maximum=100, lines=True)
    count = Integer(minimum=0, maximum=10)
    limit = QueryInteger(minimum=0, maximum=10**12)
    currency = CurrencyCode()
    price = price()


class Rename(Change):
    name = Text(maximum=5)


def _load(**values: Any) -> dict[str, Any]:
    return dict(Form().load(values))


def _refused(**values: Any) -> None:
    with pytest.raises(ValidationError):
        _load(**values)


def test_text_is_stored_in_composed_form_without_space_around_it() -> None:
    assert _load(name=" Cafe\u0301 \u00a0") == {"name": "Café"}
    assert _load(name="\u1100\u1161\u11a8") == {"name": "각"}


def test_lengths_count_characters_after_normalisation() -> None:
    assert _load(name="e\u0301" * 5) == {"name": "é" * 5}
    _refused(name="e\u0301" * 6)
    assert _load(name="  12345  ") == {"name": "12345"}


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "नमस्ते", "שלום", "a'b", '<b>"', "%_", "\u200f\u05d0"])
def test_people_write_in_every_script(text: str) -> None:
    assert _load(name=text[:5])["name"] == unicodedata.normalize("NFC", text[:5])


@pytest.mark.parametrize(
    "character",
    [
        *map(chr, range(32)), "\x7f", "\x80", "\x85", "\x9f",
        "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
        "\ud800", "\udfff", "\ufffe", "\uffff", "\U0001ffff", "\u0378",  # noqa: PT014  they are not the same
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)  # fmt: skip
def test_what_cannot_be_stored_or_shown_is_refused(character: str) -> None:
    _refused(name=f"a{character}b")
    if character not in "\n\r\t":
        _refused(story=f"a{character}b")


def test_a_text_of_lines_has_line_breaks_and_tabs() -> None:
    assert _load(story="a\r\n\tb\n") == {"story": "a\r\n\tb"}


@pytest.mark.parametrize("value", ["", " ", "\u00a0", "123456", 1, True, None, [], {}, ["a"], 1.5])
def test_a_name_is_a_text_that_says_something(value: Any) -> None:
    _refused(name=value)


@given(st.text(max_size=30))
def test_what_text_lets_in_does_not_change_when_it_comes_again(text: str) -> None:
    try:
        loaded = _load(story=text)["story"]
    except ValidationError:
        return
    assert _load(story=loaded)["story"] == loaded
    assert "\x00" not in loaded
    loaded.encode()


@pytest.mark.parametrize("value", [0, 1, 10])
def test_an_integer_is_an_integer(value: int) -> None:
    assert _load(count=value) == {"count": value}


@pytest.mark.parametrize("value", [-1, 11, 10**30, 1.0, 1.5, True, False, "1", None, [], [1], {}, float("nan")])
def test_nothing_else_is_an_integer(value: Any) -> None:
    _refused(count=value)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("007", 7), ("1000000000000", 10**12)])
def test_an_integer_in_a_query_is_plain_digits(text: str, value: int) -> None:
    assert _load(limit=text) == {"limit": value}


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "1_000", "٣", "\uff11", "9" * 19, "9" * 5000, "1\n", "NaN"],
)
def test_any_other_text_in_a_query_is_no_integer(text: str) -> None:
    _refused(limit=text)


def test_every_active_currency_is_known() -> None:
    assert [_load(currency=code)["currency"] for code in sorted(CURRENCIES)] == sorted(CURRENCIES)
    assert {"EUR", "USD", "GBP", "JPY", "CHF"} <= CURRENCIES
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)


@pytest.mark.parametrize(
    "code", ["", "eur", "EU", "EURO", "XXX", "XTS", "XAU", "DEM", "ZZZ", "E€R", "EUR ", 978, None, ["EUR"]]
)
def test_any_other_currency_is_refused(code: Any) -> None:
    _refused(currency=code)


def test_money_is_minor_units_and_a_currency() -> None:
    assert _load(price={"amount": 1299, "currency": "EUR"}) == {"price": Money(1299, "EUR")}
    assert _load(price={"amount": MAX_AMOUNT, "currency": "JPY"}) == {"price": Money(MAX_AMOUNT, "JPY")}
    assert Form().dump({"price": Money(0, "EUR")}) == {"price": {"amount": 0, "currency": "EUR"}}


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1, 12.99, 12.0, "1299", True, None, float("inf"), 2**63, [1]])
def test_money_is_never_a_float_a_text_or_negative(amount: Any) -> None:
    _refused(price={"amount": amount, "currency": "EUR"})


@pytest.mark.parametrize(
    "value",
    [1299, "12.99 EUR", None, [], {}, {"amount": 1}, {"currency": "EUR"}, {"amount": 1, "currency": "EUR", "x": 1}],
)
def test_money_is_both_parts_and_nothing_more(value: Any) -> None:
    _refused(price=value)


def test_a_change_says_at_least_one_thing() -> None:
    assert Rename().load({"name": "x"}) == {"name": "x"}
    with pytest.raises(ValidationError):
        Rename().load({})


def test_times_are_shown_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))

    class View(Schema):
        at = Timestamp()

    assert View().dump({"at": datetime(2026, 7, 1, 12, 30, 0, 1, tzinfo=berlin)}) == {
        "at": "2026-07-01T10:30:00.000001Z"
    }
    assert View().dump({"at": datetime(2026, 7, 1, tzinfo=UTC)}) == {"at": "2026-07-01T00:00:00Z"}
    assert View().dump({"at": None}) == {"at": None}
