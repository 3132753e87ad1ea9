"""Pages of a list, by keyset: a page says after which key the next one begins, never how many rows to skip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from chalicelib.errors import Invalid, Violation

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

Item = TypeVar("Item")
Key = tuple[str | int, ...]


@dataclass(frozen=True)
class PageRequest:
    """Up to `limit` items that come after the key `after` (None: from the beginning)."""

    limit: int = DEFAULT_LIMIT
    after: Key | None = None

    def key(self, *kinds: type[str | int | UUID | datetime]) -> tuple[Any, ...] | None:
        """`after` with its parts checked to be of `kinds`. Raises `Invalid`: a cursor comes from the caller."""
        if self.after is None:
            return None
        if len(self.after) != len(kinds):
            raise _unusable()
        return tuple(_part(kind, part) for kind, part in zip(kinds, self.after, strict=True))


@dataclass(frozen=True)
class Page(Generic[Item]):
    """The items of a page and the key after which the next begins, or None when this was the last."""

    items: Sequence[Item]
    next_key: Key | None


def page_of(rows: Sequence[Item], limit: int, key: Callable[[Item], Key]) -> Page[Item]:
    """The page out of `rows`, which were asked for with one more than `limit` to learn whether others follow."""
    items = rows[:limit]
    return Page(items, key(items[-1]) if len(rows) > limit else None)


def _part(kind: type, value: str | int) -> Any:
    try:
        if kind is UUID and isinstance(value, str):
            return UUID(value)
        if kind is datetime and isinstance(value, str):
            return _moment(value)
    except ValueError:
        raise _unusable() from None
    if type(value) is not kind:
        raise _unusable()
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment


def _unusable() -> Invalid:
    return Invalid(
        "The cursor does not belong to this list.", [Violation("/cursor", "Use a next_cursor of this list.")]
    )
