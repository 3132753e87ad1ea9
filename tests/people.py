"""People who use the marketplace in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from chalicelib import database
from chalicelib.caller import Caller


@dataclass(frozen=True)
class Person:
    """Somebody with an account in the user pool."""

    id: UUID = field(default_factory=uuid4)
    groups: tuple[str, ...] = ("users",)

    @property
    def email(self) -> str:
        """An address of their own."""
        return f"{self.id}@example.com"

    @property
    def caller(self) -> Caller:
        """The person as use cases see them."""
        return Caller(self.id, frozenset(self.groups))


def enrolled(role: str = "users", *, disabled: bool = False) -> Person:
    """Somebody who has a profile in the database already."""
    from chalicelib.users import repository

    person = Person(groups=("users",) if role == "users" else ("users", role))
    database.write(lambda: repository.add(person.id, person.email, role))
    if disabled:
        database.write(lambda: repository.change(person.id, {"disabled": True}))
    return person
