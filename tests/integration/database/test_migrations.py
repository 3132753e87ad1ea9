"""Bringing a database to the release's schema, with the function that a release calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

import app
from chalicelib.database import migrations
from local.postgresql import Login
from tests.environment import configured, run_python
from tests.services import Services

HEAD = max(path.stem.partition("_")[0] for path in (migrations.LOCATION / "versions").glob("[0-9]*.py"))


@pytest.fixture
def empty(services: Services) -> Iterator[Login]:
    """The owner of a database without a table, in whose environment the function runs."""
    name = f"empty_{uuid4().hex}"
    services.sql(f"CREATE DATABASE {name} OWNER marketplace_owner")
    login = dataclasses.replace(services.owner, dbname=name)
    with configured(DATABASE_URL=login.url(), DATABASE_TLS="disable", DATABASE_POOL_SIZE="4"):
        yield login
    services.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_gets_every_table(empty: Login) -> None:
    assert app.migrate({}, None) == {"from": None, "to": HEAD}

    assert {"alembic_version", "audit_log", "idempotency_keys", "products", "users"} <= _tables(empty)


def test_where_pgvector_may_not_be_created_there_are_no_meanings(empty: Login) -> None:
    app.migrate({}, None)

    assert "product_embeddings" not in _tables(empty)


def test_where_pgvector_is_there_products_get_meanings(empty: Login, services: Services) -> None:
    with closing(dataclasses.replace(services.superuser, dbname=empty.dbname).connect()) as superuser:
        superuser.run("CREATE EXTENSION vector")

    app.migrate({}, None)

    assert "product_embeddings" in _tables(empty)


def test_a_database_of_this_release_stays_as_it_is(empty: Login) -> None:
    app.migrate({}, None)

    assert app.migrate({}, None) == {"from": HEAD, "to": HEAD}


def test_two_releases_at_once_take_turns(empty: Login) -> None:
    with ThreadPoolExecutor(2) as threads:
        ends = [future.result() for future in [threads.submit(_migrate_in_a_process, empty) for _ in range(2)]]

    assert ends == [HEAD, HEAD]


def test_a_migration_that_fails_leaves_nothing_behind(
    empty: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((migrations.LOCATION / "env.py").read_text())
    (broken / "versions" / "0001_first.py").write_text(
        "from alembic import op\nrevision = '0001'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (id int)')\n    op.execute('SELECT broken')\n"
    )
    monkeypatch.setattr(migrations, "LOCATION", broken)

    with pytest.raises(Exception, match="broken"):
        app.migrate({}, None)

    assert "half" not in _tables(empty)
    monkeypatch.undo()
    assert app.migrate({}, None) == {"from": None, "to": HEAD}


def test_a_package_without_migrations_says_so(empty: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCATION", tmp_path / "missing")

    with pytest.raises(RuntimeError, match="carries no migrations"):
        app.migrate({}, None)


def _migrate_in_a_process(login: Login) -> str:
    """Alembic keeps what it works on in globals, so that the second release is a process of its own."""
    code = "import app; print(app.migrate({}, None)['to'])"
    return run_python(code, DATABASE_URL=login.url(), DATABASE_TLS="disable")


def _tables(login: Login) -> set[str]:
    with closing(login.connect()) as connection:
        rows = connection.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}
