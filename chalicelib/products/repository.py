"""SQL about products.

Every read says who is looking: `visible_to` is the one place that decides what somebody may see, and every condition
is added to it with AND, so that no search term can widen it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    TextClause,
    Uuid,
    cast,
    func,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from chalicelib.caller import Caller
from chalicelib.database import connection
from chalicelib.media import Picture
from chalicelib.paging import Key, Page, PageRequest, page_of
from chalicelib.products.models import ACTIVE, Product, image_to_json, product_from_row, products

COLUMNS = [column for column in products.c if column.name != "search"]

# Everybody locks products in the order of their ids, so that no two orders wait for each other; the condition on the
# stock is checked against the row as it is once it is locked.
_MOVE_STOCK = """
    WITH wanted AS (
        SELECT id, quantity FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS entry (id uuid, quantity int)
    ), locked AS MATERIALIZED (
        SELECT products.id FROM products JOIN wanted USING (id) ORDER BY products.id FOR NO KEY UPDATE OF products
    )
    UPDATE products
    SET stock = products.stock {sign} wanted.quantity, version = products.version + 1, updated_at = now()
    FROM wanted JOIN locked USING (id)
    WHERE products.id = wanted.id {condition}
    RETURNING {columns}
"""
_RETURNED = ", ".join(f"products.{column.name}" for column in COLUMNS)
_TAKE = text(
    _MOVE_STOCK.format(
        sign="-", condition="AND products.status = 'active' AND products.stock >= wanted.quantity", columns=_RETURNED
    )
)
_PUT_BACK = text(_MOVE_STOCK.format(sign="+", condition="", columns=_RETURNED))


@dataclass(frozen=True)
class Criteria:
    """What is searched for in the public catalogue; None is no restriction."""

    q: str | None = None
    seller_id: UUID | None = None
    min_price: int | None = None
    max_price: int | None = None
    currency: str | None = None
    sort: str | None = None

    @property
    def order(self) -> str:
        """The order asked for; by relevance only where there is something to be relevant to."""
        if self.q is None:
            return "newest" if self.sort in {None, "relevance"} else str(self.sort)
        return self.sort or "relevance"


def add(product_id: UUID, seller_id: UUID, values: Mapping[str, Any]) -> Product | None:
    """The product as stored, or None when the seller has one with this SKU already."""
    statement = (
        insert(products)
        .values(id=product_id, seller_id=seller_id, **values)
        .on_conflict_do_nothing(constraint="products_seller_sku")
        .returning(*COLUMNS)
    )
    return _one(statement)


def find(product_id: UUID, viewer: Caller | None) -> Product | None:
    """The product, if `viewer` may see it."""
    return _one(select(*COLUMNS).where(products.c.id == product_id, visible_to(viewer)))


def change(
    product_id: UUID, editor: Caller, changes: Mapping[str, Any], versions: Collection[int] | None
) -> Product | None:
    """The product after `changes`; None unless `editor` may change it and it is at one of `versions` (None: any)."""
    statement = update(products).where(products.c.id == product_id, _editable_by(editor))
    if versions is not None:
        statement = statement.where(products.c.version.in_(versions))
    return _one(statement.values(version=products.c.version + 1, updated_at=func.now(), **changes).returning(*COLUMNS))


def show(image: Picture) -> bool:
    """Makes the picture that of its product; False when the product has a newer one, by the time in its id (UUIDv7)."""
    shown = cast(products.c.image["upload_id"].astext, Uuid)
    statement = update(products).where(
        products.c.id == image.product_id, or_(products.c.image.is_(None), shown < image.upload_id)
    )
    values = {"image": image_to_json(image), "version": products.c.version + 1, "updated_at": func.now()}
    return bool(connection().execute(statement.values(values)).rowcount)


def take(quantities: Mapping[UUID, int]) -> list[Product]:
    """Takes units from stock; returns the products that are for sale and had enough, as they are after it."""
    return _move(_TAKE, quantities)


def put_back(quantities: Mapping[UUID, int]) -> list[Product]:
    """Puts units back into stock, of products that are no longer for sale, too."""
    return _move(_PUT_BACK, quantities)


def find_public(product_ids: Collection[UUID]) -> list[Product]:
    """Those of the products that everybody may see."""
    return list(_all(select(*COLUMNS).where(products.c.id.in_(product_ids), visible_to(None))))


def public_after(product_id: UUID | None, limit: int) -> Sequence[Product]:
    """Products that everybody may see, in the order of their ids, after `product_id` (None: from the first)."""
    statement = select(*COLUMNS).where(visible_to(None)).order_by(products.c.id).limit(limit)
    return _all(statement if product_id is None else statement.where(products.c.id > product_id))


def of_seller(seller_id: UUID, page: PageRequest) -> Page[Product]:
    """A page of everything the seller has, in every status, newest first."""
    statement = select(*COLUMNS).where(products.c.seller_id == seller_id).order_by(products.c.id.desc())
    if (key := page.key(UUID)) is not None:
        statement = statement.where(products.c.id < key[0])
    return page_of(_all(statement.limit(page.limit + 1)), page.limit, lambda product: (str(product.id),))


def search(criteria: Criteria, page: PageRequest) -> Page[Product]:
    """A page of the public catalogue."""
    statement = select(*COLUMNS).where(visible_to(None), *_filters(criteria))
    match criteria.order:
        case "relevance":
            return _by_relevance(statement, criteria, page)
        case "price_asc":
            return _by_price(statement, page, descending=False)
        case "price_desc":
            return _by_price(statement, page, descending=True)
    if (key := page.key(UUID)) is not None:
        statement = statement.where(products.c.id < key[0])
    rows = _all(statement.order_by(products.c.id.desc()).limit(page.limit + 1))
    return page_of(rows, page.limit, lambda product: (str(product.id),))


def visible_to(viewer: Caller | None) -> ColumnElement[bool]:
    """Everybody sees what is active; sellers see their own and staff see all, whatever the status."""
    if viewer is None:
        return products.c.status == ACTIVE
    return true() if viewer.is_staff else or_(products.c.status == ACTIVE, products.c.seller_id == viewer.id)


def _editable_by(editor: Caller) -> ColumnElement[bool]:
    return true() if editor.is_staff else products.c.seller_id == editor.id


def _filters(criteria: Criteria) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if criteria.q is not None:
        conditions.append(_matches(criteria.q))
    if criteria.seller_id is not None:
        conditions.append(products.c.seller_id == criteria.seller_id)
    if criteria.min_price is not None:
        conditions.append(products.c.price_amount >= criteria.min_price)
    if criteria.max_price is not None:
        conditions.append(products.c.price_amount <= criteria.max_price)
    if criteria.currency is not None:
        conditions.append(products.c.price_currency == criteria.currency)
    return conditions


def _matches(text: str) -> ColumnElement[bool]:
    """Full text (index `products_search`), or a name with a word much like it (index `products_typos`)."""
    query = func.websearch_to_tsquery("english", text)
    return or_(products.c.search.op("@@")(query), func.lower(products.c.name).op("%>")(text.lower()))


def _relevance(text: str) -> ColumnElement[int]:
    """How well a product fits, in millionths, an integer so that a cursor can hold it exactly."""
    rank = func.ts_rank_cd(products.c.search, func.websearch_to_tsquery("english", text))
    likeness = func.word_similarity(text.lower(), func.lower(products.c.name))
    return cast((rank + likeness) * 1_000_000, BigInteger)


def _by_relevance(statement: Select[Any], criteria: Criteria, page: PageRequest) -> Page[Product]:
    scored = statement.add_columns(_relevance(criteria.q or "").label("score")).subquery()
    ordered = select(scored).order_by(scored.c.score.desc(), scored.c.id.desc()).limit(page.limit + 1)
    if (key := page.key(int, UUID)) is not None:
        ordered = ordered.where(tuple_(scored.c.score, scored.c.id) < tuple_(*key))
    rows = [dict(row._mapping) for row in connection().execute(ordered)]
    scores = {row["id"]: row.pop("score") for row in rows}
    return page_of([product_from_row(row) for row in rows], page.limit, lambda one: (scores[one.id], str(one.id)))


def _by_price(statement: Select[Any], page: PageRequest, *, descending: bool) -> Page[Product]:
    position = tuple_(products.c.price_amount, products.c.id)
    if (key := page.key(int, UUID)) is not None:
        statement = statement.where(position < tuple_(*key) if descending else position > tuple_(*key))
    columns = (products.c.price_amount, products.c.id)
    ordered = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    return page_of(_all(ordered.limit(page.limit + 1)), page.limit, _price_key)


def _price_key(product: Product) -> Key:
    return product.price.amount, str(product.id)


def _move(statement: TextClause, quantities: Mapping[UUID, int]) -> list[Product]:
    wanted = [{"id": str(product_id), "quantity": quantity} for product_id, quantity in quantities.items()]
    rows = connection().execute(statement.columns(*COLUMNS), {"wanted": json.dumps(wanted)})
    return [product_from_row(row._asdict()) for row in rows]


def _one(statement: Any) -> Product | None:
    row = connection().execute(statement).one_or_none()
    return None if row is None else product_from_row(row._asdict())


def _all(statement: Select[Any]) -> Sequence[Product]:
    return [product_from_row(row._asdict()) for row in connection().execute(statement)]
