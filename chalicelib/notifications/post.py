"""What every way to reach people has in common: who is to be told what is stored, claimed and settled alike."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chalicelib.ids import new_id
from chalicelib.messaging.delivery import Outcome
from chalicelib.messaging.envelope import Envelope
from chalicelib.notifications import repository
from chalicelib.notifications.models import UNCERTAIN, Notification
from chalicelib.notifications.notices import Notice
from chalicelib.observability import count, logger


class StoredPost:
    """The part of a `Post` that is kept in the database, for one channel."""

    channel: str

    def settle(self, outcome: Outcome) -> None:
        """Stores what became of a notification."""
        settled = repository.settle(outcome.delivery_id, outcome.state, outcome.detail)
        if settled is not None:
            self._tell(outcome.state, *settled)

    def is_finished(self, message: Envelope) -> bool:
        """Whether no notification of `message` waits or is in somebody's hands."""
        return repository.is_finished(message.id, self.channel)

    def claimed(self, message: Envelope) -> Notification | None:
        """A pending notification of `message`, claimed; those that a crash left in hand are given up."""
        for _ in range(repository.give_up_abandoned(message.id, self.channel)):
            self._tell(UNCERTAIN, message.id)
        return repository.claim(message.id, self.channel)

    def stored(self, message: Envelope, planned: Sequence[Notification]) -> None:
        """Plans notifications; again changes nothing."""
        repository.plan(message.id, self.channel, planned)

    def _tell(self, state: str, event_id: UUID, kind: str = "") -> None:
        count(f"Notifications{state.title()}")
        told = {"channel": self.channel, "state": state, "event_id": str(event_id), "kind": kind}
        logger.info(f"{self.channel} {state}", extra=told)


def planned(notice: Notice, **device: object) -> Notification:
    """A new notification of `notice`."""
    return Notification(new_id(), notice.user_id, notice.kind, **device)  # type: ignore[arg-type]
