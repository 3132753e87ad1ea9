"""The demo products."""

from __future__ import annotations

from local import catalogue


def test_products_are_the_same_every_time() -> None:
    assert list(catalogue.products(200)) == list(catalogue.products(200))
    assert list(catalogue.products(300))[:200] == list(catalogue.products(200))


def test_ids_are_version_7_and_rise_with_the_listing_time() -> None:
    ids = [product.id for product in catalogue.products(500)]

    assert {i.version for i in ids} == {7}
    assert ids == sorted(set(ids))


def test_many_products_are_varied_and_valid() -> None:
    products = list(catalogue.products(5000))

    assert len({product.sku for product in products}) == 5000
    assert len({product.name for product in products}) > 4000
    assert all(1 <= len(product.name) <= 200 and 100 <= product.amount <= 100_000 for product in products)
    assert {product.currency for product in products} == {"EUR", "USD", "GBP"}
    assert {product.status for product in products} == {"active", "draft", "archived"}
