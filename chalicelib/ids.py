"""Identifiers: UUIDv7 (RFC 9562), unique without asking anybody and sortable by the time they were made."""

from __future__ import annotations

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A new identifier."""
    return UUID(int=uuid_utils.uuid7().int)
