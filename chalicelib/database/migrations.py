"""Bringing the schema to the release's revision with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chalicelib import database
from chalicelib.observability import logger

LOCATION = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(revision: str = "head") -> dict[str, Any]:
    """Applies every migration up to `revision`; returns `{"from": …, "to": …}`. Running it again changes nothing.

    Raises `RuntimeError` when the package was built without its migrations.
    """
    from alembic import command
    from alembic.config import Config

    if not LOCATION.is_dir():
        raise RuntimeError("this package carries no migrations; build it with `python -m infra build`")
    settings = Config()
    settings.set_main_option("script_location", str(LOCATION))
    before = _current()
    command.upgrade(settings, revision)
    after = _current()
    logger.info("schema migrated", extra={"before": before, "after": after})
    return {"from": before, "to": after}


def _current() -> str | None:
    from sqlalchemy import text

    def look() -> str | None:
        connection = database.connection()
        if connection.execute(text("SELECT to_regclass('alembic_version') IS NULL")).scalar_one():
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    return database.read(look)
