"""Demo data in the database: the demo people's profiles and demo products. Seeding again changes nothing."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing, suppress
from itertools import islice
from uuid import NAMESPACE_DNS, uuid5

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from local import catalogue, postgresql
from local.catalogue import Product
from local.home import Home, Settings
from local.people import DEMO, People, Person
from local.stacks import running

DEFAULT_PRODUCTS = 25
_BATCH = 1000
_INSERT_PEOPLE = """
    INSERT INTO users (id, email, name, role)
    SELECT id, email, name, role FROM jsonb_to_recordset(:rows) AS r (id uuid, email text, name text, role text)
    ON CONFLICT (id) DO NOTHING
"""
# A person who had to be made again in the user pool has another id: the products follow.
_INSERT_PRODUCTS = """
    INSERT INTO products (id, seller_id, sku, name, description, price_amount, price_currency, stock, status,
                          created_at, updated_at)
    SELECT id, seller_id, sku, name, description, price_amount, price_currency, stock, status, listed_at, listed_at
    FROM jsonb_to_recordset(:rows) AS r (id uuid, seller_id uuid, sku text, name text, description text,
        price_amount bigint, price_currency char(3), stock int, status text, listed_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET seller_id = EXCLUDED.seller_id WHERE products.seller_id <> EXCLUDED.seller_id
"""


def run(home: Home, arguments: Namespace) -> None:
    """Seed the system that runs in `home` with `arguments.products` products."""
    settings, stacks = running(home)
    began = time.monotonic()
    everything(settings, People(stacks), arguments.products)
    seconds = time.monotonic() - began
    print(f"{len(DEMO)} demo people and {arguments.products} demo products are there ({seconds:.1f} s).")


def everything(settings: Settings, pool: People, count: int) -> None:
    """Make sure of the demo people, of their profiles, and of the first `count` demo products."""
    ids = {pool.ensure(person, settings.demo_password): person for person in DEMO}
    with closing(postgresql.app_login(settings).connect()) as database:
        _insert_people(database, ids)
        _insert_products(database, _seller(ids), count)
        _forget_former_people(database, ids)
    if count > DEFAULT_PRODUCTS:
        with closing(postgresql.owner_login(settings).connect()) as owner:
            owner.run("ANALYZE products")


def _insert_people(database: Connection, people: Mapping[str, Person]) -> None:
    rows = [{"id": i, "email": p.email, "name": p.name, "role": p.role} for i, p in people.items()]
    database.run(_INSERT_PEOPLE, rows=json.dumps(rows))


def _insert_products(database: Connection, demo_seller: str, count: int) -> None:
    sellers = [str(uuid5(NAMESPACE_DNS, f"{number}.sellers.example.com")) for number in range(len(catalogue.SELLERS))]
    shops = (Person(f"shop{number}@example.com", name) for number, name in enumerate(catalogue.SELLERS))
    _insert_people(database, dict(zip(sellers, shops, strict=True)))
    products = catalogue.products(count)
    while batch := list(islice(products, _BATCH)):
        rows = [_row(p, demo_seller if p.seller == catalogue.DEMO_SELLER else sellers[p.seller]) for p in batch]
        database.run(_INSERT_PRODUCTS, rows=json.dumps(rows))


def _forget_former_people(database: Connection, people: Mapping[str, Person]) -> None:
    """Remove the profiles of demo people whom the user pool no longer knows, unless something refers to them."""
    emails = [person.email for person in people.values()]
    former = database.run(
        "SELECT id FROM users WHERE email = ANY(:emails) AND id <> ALL(:ids::uuid[])", emails=emails, ids=list(people)
    )
    for (person,) in former or []:
        with suppress(DatabaseError):
            database.run("DELETE FROM users WHERE id = :id", id=person)


def _seller(people: Mapping[str, Person]) -> str:
    return next(subject for subject, person in people.items() if person.email == "seller@example.com")


def _row(product: Product, seller: str) -> dict[str, object]:
    return {
        "id": str(product.id),
        "seller_id": seller,
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "price_amount": product.amount,
        "price_currency": product.currency,
        "stock": product.stock,
        "status": product.status,
        "listed_at": product.listed_at.isoformat(),
    }
