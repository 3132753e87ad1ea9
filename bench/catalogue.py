"""A database with one product in it, for the route that reads one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

from pg8000.native import Connection

from bench.targets import Target, function
from local import postgresql
from local.home import Home
from local.ports import bind
from local.processes import Processes

PRODUCT = UUID("00000000-0000-7000-8000-0000000000be")
_SELLER = UUID("00000000-0000-7000-8000-0000000000bf")


@contextmanager
def database(folder: Path, progress: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    """A PostgreSQL server of its own in `folder` while the context lasts: the URLs of the app and of the owner."""
    home = Home(folder)
    with home.locked():
        processes = Processes(home)
        settings = home.settings()
        with bind(0, "PostgreSQL", "--database-url") as free:
            settings.ports.postgresql = free.getsockname()[1]
        try:
            progress("starting PostgreSQL")
            postgresql.start(home, settings, processes)
            yield postgresql.app_login(settings).url(), postgresql.owner_login(settings).url()
        finally:
            processes.stop_all()


def migrate(root: Path, python: Path, owner_url: str) -> None:
    """Bring the database to the schema of the package at `root`, with the package's own function."""
    target: Target = function("migrate", "app.migrate", root, {}, DATABASE_URL=owner_url)
    with target.start(python) as environment:
        environment.invoke({})


@contextmanager
def product(url: str) -> Iterator[None]:
    """One active product while the context lasts; the database is as it was afterwards."""
    place = urlsplit(url)
    connection = Connection(
        unquote(place.username or ""),
        host=place.hostname or "127.0.0.1",
        port=place.port or 5432,
        database=place.path.lstrip("/"),
        password=unquote(place.password or "") or None,
    )
    try:
        _remove(connection)
        connection.run("INSERT INTO users (id, email) VALUES (:id, 'bench@example.com')", id=_SELLER)
        connection.run(
            "INSERT INTO products (id, seller_id, sku, name, price_amount, price_currency, stock, status)"
            " VALUES (:id, :seller, 'BENCH', 'Benchmark', 1299, 'EUR', 1, 'active')",
            id=PRODUCT,
            seller=_SELLER,
        )
        yield
    finally:
        _remove(connection)
        connection.close()


def _remove(connection: Connection) -> None:
    connection.run("DELETE FROM products WHERE id = :id", id=PRODUCT)
    connection.run("DELETE FROM users WHERE id = :id", id=_SELLER)
