"""What can be done with products."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from chalicelib import cache, database, users
from chalicelib.caller import Caller
from chalicelib.errors import Conflict, Forbidden, NotFound, Stale
from chalicelib.ids import new_id
from chalicelib.media import Picture
from chalicelib.paging import Page, PageRequest
from chalicelib.products import repository
from chalicelib.products.models import ARCHIVED, Product, product_from_json
from chalicelib.products.repository import Criteria

CACHED = cache.Lifetime(soft=30, hard=120)


class ProductNotFound(NotFound):
    """There is no such product, or it is not public and not the caller's."""


class DuplicateSku(Conflict):
    """A seller's SKUs are unique, archived products' too."""


class NotYourProduct(Forbidden):
    """Only its seller and staff change a product."""


class NotTaken(Exception):
    """Some of what was to be taken from stock is not for sale, or there is too little of it."""

    def __init__(self, not_for_sale: AbstractSet[UUID], short: Collection[Product]) -> None:
        super().__init__(f"{len(not_for_sale)} not for sale, {len(short)} short")
        self.not_for_sale = not_for_sale
        self.short = short


def create(caller: Caller, product: Mapping[str, Any]) -> Product:
    """The caller's new product. Raises `DuplicateSku`."""
    users.require_active(caller)
    created = repository.add(new_id(), caller.id, _columns(product))
    if created is None:
        raise DuplicateSku(f"You have a product with the SKU {product['sku']} already.")
    _forget_after_commit(created.id)
    return created


def read(viewer: Caller | None, product_id: UUID) -> Product:
    """The product: a public one to everybody, another one to its seller and to staff. Raises `ProductNotFound`."""
    found: Product | None = cache.get_or_load(_key(product_id), lambda: _public(product_id), CACHED, _from_cache)
    if found is None and viewer is not None:
        found = repository.find(product_id, viewer)
    if found is None:
        raise ProductNotFound("There is no such product.")
    return found


def own(caller: Caller, product_id: UUID) -> Product:
    """The caller's own product. Raises `ProductNotFound`, and `NotYourProduct` for somebody else's, to staff too."""
    found = read(caller, product_id)
    if found.seller_id != caller.id:
        raise NotYourProduct("The product is somebody else's.")
    return found


def change(caller: Caller, product_id: UUID, versions: Collection[int] | None, changes: Mapping[str, Any]) -> Product:
    """The product after `changes`. Raises `ProductNotFound`, `NotYourProduct`, or `Stale` (not at `versions`)."""
    editor = users.require_active(caller)
    changed = repository.change(product_id, editor, _columns(changes), versions)
    if changed is None:
        raise _why_not(editor, product_id)
    _forget_after_commit(product_id)
    return changed


def archive(caller: Caller, product_id: UUID, versions: Collection[int] | None) -> None:
    """Takes the product off the market until it is changed back; orders keep their lines. Raises as `change` does."""
    change(caller, product_id, versions, {"status": ARCHIVED})


def show(image: Picture) -> None:
    """Shows a published picture with its product, unless it shows a newer one."""
    if repository.show(image):
        _forget_after_commit(image.product_id)


def take(quantities: Mapping[UUID, int]) -> dict[UUID, Product]:
    """Takes units of each product from stock, all or none with the transaction at hand; the products after it.

    Raises `NotTaken`.
    """
    taken = {product.id: product for product in repository.take(quantities)}
    if missing := quantities.keys() - taken.keys():
        short = public(missing)
        raise NotTaken(missing - short.keys(), short.values())
    _forget_after_commit(*taken)
    return taken


def put_back(quantities: Mapping[UUID, int]) -> None:
    """Puts units of each product back into stock."""
    _forget_after_commit(*(product.id for product in repository.put_back(quantities)))


def public(product_ids: Collection[UUID]) -> dict[UUID, Product]:
    """Those of the products that everybody may see, by id."""
    return {product.id: product for product in repository.find_public(product_ids)}


def public_after(product_id: UUID | None, limit: int) -> Sequence[Product]:
    """Up to `limit` products that everybody may see, in the order of their ids, those after `product_id`."""
    return repository.public_after(product_id, limit)


def of_seller(caller: Caller, page: PageRequest) -> Page[Product]:
    """A page of the caller's own products in every status, newest first."""
    return repository.of_seller(caller.id, page)


def search(query: Mapping[str, Any], page: PageRequest) -> Page[Product]:
    """A page of the public catalogue."""
    return repository.search(Criteria(**query), page)


def _public(product_id: UUID) -> dict[str, Any] | None:
    found = repository.find(product_id, None)
    return None if found is None else found.to_json()


def _from_cache(value: Mapping[str, Any] | None) -> Product | None:
    return None if value is None else product_from_json(value)


def _why_not(caller: Caller, product_id: UUID) -> Exception:
    found = repository.find(product_id, caller)
    if found is None:
        return ProductNotFound("There is no such product.")
    if found.seller_id != caller.id and not caller.is_staff:
        return NotYourProduct("Only its seller changes a product.")
    return Stale("The product has changed since you read it.")


def _forget_after_commit(*product_ids: UUID) -> None:
    keys = [_key(product_id) for product_id in product_ids]
    database.after_commit(lambda: cache.invalidate(*keys))


def _key(product_id: UUID) -> str:
    return f"product:2:{product_id}"


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if (price := columns.pop("price", None)) is not None:
        columns |= {"price_amount": price.amount, "price_currency": price.currency}
    return columns
