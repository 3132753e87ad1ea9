from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chalicelib.media import Picture
from chalicelib.money import Money
from chalicelib.products.models import Product, product_from_json
from chalicelib.products.repository import Criteria


@pytest.mark.parametrize("has_image", [True, False])
def test_a_product_survives_the_cache(has_image: bool) -> None:
    product_id = uuid4()
    product = Product(
        id=product_id,
        seller_id=uuid4(),
        sku="A-1",
        name="Café",
        description="a\nb",
        price=Money(1299, "EUR"),
        stock=0,
        status="active",
        image=Picture(product_id, uuid4(), 1280, 960) if has_image else None,
        version=3,
        created_at=datetime(2026, 11, 22, 12, 0, 0, 123456, UTC),
        updated_at=datetime(2026, 11, 22, 13, 0, tzinfo=UTC),
    )

    assert product_from_json(json.loads(json.dumps(product.to_json()))) == product


def test_only_a_search_for_words_is_ordered_by_relevance() -> None:
    assert Criteria().order == "newest"
    assert Criteria(sort="relevance").order == "newest"
    assert Criteria(sort="price_asc").order == "price_asc"
    assert Criteria(q="x").order == "relevance"
    assert Criteria(q="x", sort="newest").order == "newest"
    assert Criteria(q="x", sort="price_desc").order == "price_desc"
