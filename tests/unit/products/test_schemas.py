from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from marshmallow import ValidationError

from chalicelib.money import Money
from chalicelib.products.schemas import NewProduct, ProductChange, ProductSearch, ProductView
from tests.products import new_product


def test_a_product_is_listed_with_what_it_needs() -> None:
    loaded = NewProduct().load(new_product(description="Two\nlines"))

    assert loaded["price"] == Money(1299, "EUR")
    assert loaded["description"] == "Two\nlines"


def test_a_description_may_be_left_out() -> None:
    body = new_product()
    body.pop("description", None)

    assert NewProduct().load(body)["description"] == ""


@pytest.mark.parametrize("name", ["sku", "name", "price", "stock", "status"])
def test_everything_else_must_be_given(name: str) -> None:
    body = new_product()
    del body[name]

    _refused(NewProduct, body, name)
    _refused(NewProduct, new_product(**{name: None}), name)


@pytest.mark.parametrize("sku", ["A", "a-1", "A.b_c-9", "0", "x" * 64])
def test_a_sku_is_letters_digits_and_a_few_signs(sku: str) -> None:
    assert NewProduct().load(new_product(sku=sku))["sku"] == sku


@pytest.mark.parametrize("sku", ["", " ", "-a", ".a", "a b", "a\n", "ä", "a/b", "x" * 65, "a\x00", 1, None, "\uff21"])
def test_any_other_sku_is_refused(sku: Any) -> None:
    _refused(NewProduct, new_product(sku=sku), "sku")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""), ("name", " "), ("name", "x" * 201), ("name", "a\nb"), ("description", "x" * 5001),
        ("description", None), ("stock", -1), ("stock", 1_000_001), ("stock", 1.0), ("stock", "1"), ("stock", True),
        ("status", "archived"), ("status", "ACTIVE"), ("status", ""), ("status", 1), ("price", 1299),
    ],
)  # fmt: skip
def test_a_product_outside_of_its_limits_is_refused(name: str, value: Any) -> None:
    _refused(NewProduct, new_product(**{name: value}), name)


@pytest.mark.parametrize(
    "column", ["id", "seller_id", "version", "created_at", "updated_at", "search", "price_amount", "price_currency"]
)
def test_no_column_is_written_that_the_contract_does_not_name(column: str) -> None:
    _refused(NewProduct, new_product(**{column: 1}), column)
    _refused(ProductChange, {"name": "x", column: 1}, column)


def test_the_sku_of_a_product_does_not_change() -> None:
    _refused(ProductChange, {"sku": "B"}, "sku")


def test_a_change_does_not_archive() -> None:
    _refused(ProductChange, {"status": "archived"}, "status")


@pytest.mark.parametrize("change", [{"name": "x"}, {"stock": 0}, {"description": ""}, {"status": "draft"}])
def test_a_part_may_be_changed_alone(change: dict[str, Any]) -> None:
    assert ProductChange().load(change) == change


def test_a_search_asks_for_nothing_in_particular_unless_it_says_so() -> None:
    loaded = ProductSearch().load({})

    assert {name for name, value in loaded.items() if value is not None} == {"limit"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("q", ""), ("q", " "), ("q", "x" * 201), ("q", "a\nb"), ("seller_id", "x"), ("seller_id", ""),
        ("min_price", "-1"), ("min_price", "1.5"), ("max_price", str(10**12 + 1)), ("currency", "eur"),
        ("sort", "price"), ("sort", ""), ("sort", "id; DROP TABLE products"), ("limit", "0"), ("limit", "101"),
        ("status", "draft"), ("offset", "1"), ("cursor", "x" * 1025),
    ],
)  # fmt: skip
def test_a_search_outside_of_its_limits_is_refused(name: str, value: str) -> None:
    _refused(ProductSearch, {name: value}, name)


def test_a_range_of_prices_has_a_lower_and_an_upper_end() -> None:
    assert ProductSearch().load({"min_price": "5", "max_price": "5"})["min_price"] == 5
    _refused(ProductSearch, {"min_price": "6", "max_price": "5"}, "min_price")


def test_a_product_is_shown_without_its_inner_columns() -> None:
    fields = set(ProductView._declared_fields)

    assert not fields & {"version", "search", "price_amount"}
    assert ProductView().dump({"id": uuid4(), "price": Money(5, "EUR")})["price"] == {"amount": 5, "currency": "EUR"}


def _refused(schema: Any, body: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        schema().load(body)
    assert list(refusal.value.messages) == [name]
