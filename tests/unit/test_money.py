from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.money import CURRENCIES, Money


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1299, "EUR"), "12.99 EUR"),
        (Money(0, "EUR"), "0.00 EUR"),
        (Money(5, "USD"), "0.05 USD"),
        (Money(100, "CHF"), "1.00 CHF"),
        (Money(123456789, "EUR"), "1,234,567.89 EUR"),
        (Money(1299, "JPY"), "1,299 JPY"),
        (Money(0, "KRW"), "0 KRW"),
        (Money(1299, "BHD"), "1.299 BHD"),
        (Money(7, "KWD"), "0.007 KWD"),
    ],
)
def test_money_is_shown_in_its_currencys_own_units(money: Money, text: str) -> None:
    assert str(money) == text


@given(amount=st.integers(0, 10**16), currency=st.sampled_from(sorted(CURRENCIES)))
def test_what_is_shown_is_the_exact_amount(amount: int, currency: str) -> None:
    shown, _, code = str(Money(amount, currency)).partition(" ")

    assert int(shown.replace(",", "").replace(".", "")) == amount
    assert code == currency
