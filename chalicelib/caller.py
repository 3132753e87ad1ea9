"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

ADMINS = "admins"
MODERATORS = "moderators"
USERS = "users"
ROLES = (ADMINS, MODERATORS, USERS)


@dataclass(frozen=True)
class Caller:
    """A verified person: the Cognito subject and the groups their token carries."""

    id: UUID
    groups: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_staff(self) -> bool:
        """Whether the caller moderates the marketplace (moderators and admins)."""
        return bool(self.groups & {ADMINS, MODERATORS})
