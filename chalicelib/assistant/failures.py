"""Why there is no answer, in the words of the business."""

from __future__ import annotations

from chalicelib.errors import DEFECT, Conflict, Exhausted, MarketplaceError, NotFound, Unavailable, name_of


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


def told_of(error: Exception) -> tuple[str, str]:
    """`BudgetSpent` is `budget-spent`, with a sentence for the person who asked; a defect is `internal-error`."""
    return (name_of(error), str(error)) if isinstance(error, MarketplaceError) else DEFECT
