"""What can go wrong, in the words of the business.

Nothing here knows HTTP: `web/problems.py` owns the table that turns these into responses. A domain gives its own
error a name by subclassing one of these; the name becomes the problem's type (`DuplicateSku` is
`/problems/duplicate-sku`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with the input: an RFC 6901 JSON pointer and a sentence."""

    pointer: str
    detail: str


class MarketplaceError(Exception):
    """A refusal that a caller can be told about. `str(error)` is safe to show; `violations` say where in the input."""

    violations: Sequence[Violation] = ()


class NotFound(MarketplaceError):
    """It does not exist, or the caller may not know that it does."""


class Forbidden(MarketplaceError):
    """The caller may see it but not do this to it."""


class Unauthenticated(MarketplaceError):
    """The caller is not who they claim to be."""


class Conflict(MarketplaceError):
    """The request is sound, but the state of things does not admit it now."""


class Stale(MarketplaceError):
    """The caller's picture of the resource is out of date."""


class Unavailable(MarketplaceError):
    """A dependency is down or slow; the same request may succeed after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Exhausted(MarketplaceError):
    """The caller has used up what they may use for now; there is more after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(MarketplaceError):
    """The input was understood and breaks a rule; `violations` says where."""

    def __init__(self, message: str, violations: list[Violation] | None = None) -> None:
        super().__init__(message)
        self.violations = violations or []


DEFECT = "internal-error", "Something went wrong on our side."
"""What is told of an error that is not the business's: its name and a sentence, and nothing of it."""


def name_of(error: Exception) -> str:
    """The error's stable name: `DuplicateSku` is `duplicate-sku`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
