"""Why there is no answer, in the words of the business."""

from __future__ import annotations

import re

from chalicelib.errors import Conflict, Exhausted, MarketplaceError, NotFound, Unavailable


class ConversationNotFound(NotFound):
    """There is no such conversation, it is not the caller's, or it has been forgotten."""


class AnswerUnderWay(Conflict):
    """One answer at a time over a connection."""


class BudgetSpent(Exhausted):
    """The caller has used up the day's tokens."""


class ModelBusy(Unavailable):
    """The model takes no more questions at the moment."""


class ModelFailed(Unavailable):
    """The model failed, or broke off."""


class OutOfTime(Unavailable):
    """The answer took longer than there is time for."""


class Interrupted(Unavailable):
    """What was answering the question ended before it had."""


def reason_of(error: Exception) -> str:
    """`BudgetSpent` is `budget-spent`; a defect is `internal-error`."""
    if not isinstance(error, MarketplaceError):
        return "internal-error"
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()


def detail_of(error: Exception) -> str:
    """A sentence for the person who asked."""
    return str(error) if isinstance(error, MarketplaceError) else "Something went wrong on our side."
