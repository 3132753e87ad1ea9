"""The answer that is under way over a connection: one item, which says who talks and whether to stop.

`asked` by `websocket_message`, `streaming` as long as the holder in `answer_question` renews its lease, `ended`. A
function that was killed renews nothing more: when the lease is over, its retry takes the turn and tells the client.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chalicelib import table
from chalicelib.assistant.failures import AnswerUnderWay
from chalicelib.ids import new_id

ASKED = "asked"
STREAMING = "streaming"
ENDED = "ended"

KEPT_SECONDS = 360
"""Longer than Lambda keeps an invocation that it could not finish: then nobody answers any more."""

LEASE_SECONDS = 15
"""Longer than the model may be silent."""

_SK = "answer"
_NAMES = {"#state": "state"}


class Superseded(Exception):
    """The turn is somebody else's by now, or nobody's."""


@dataclass(frozen=True)
class Turn:
    """The turn of one answer over one connection, as one invocation sees it."""

    connection_id: str
    answer_id: UUID
    holder: str = field(default_factory=lambda: str(new_id()))

    def ask(self) -> None:
        """Notes that the answer was asked for. Raises `AnswerUnderWay` when another one is."""
        item = {
            "pk": _pk(self.connection_id),
            "sk": _SK,
            "answer_id": str(self.answer_id),
            "state": ASKED,
            "stop_requested": False,
            "expires_at": table.expiry(KEPT_SECONDS),
        }
        condition = f"{table.ABSENT} OR #state = :ended OR expires_at < :now OR answer_id = :id"
        try:
            table.put(item, condition, _NAMES, ended=ENDED, now=int(time.time()), id=str(self.answer_id))
        except table.ConditionFailed:
            raise AnswerUnderWay("An answer is under way; stop it, or wait for its end.") from None

    def hold(self) -> bool:
        """Takes the turn of a question that nobody has begun to answer, or keeps it; False when it is another's."""
        condition = "#state = :asked OR (#state = :streaming AND holder = :holder)"
        try:
            self._take(condition, asked=ASKED)
        except Superseded:
            return False
        return True

    def renew(self) -> bool:
        """Keeps the turn for a while; says whether to stop. Raises `Superseded`."""
        return self._take("#state = :streaming AND holder = :holder")

    def take_over(self) -> bool:
        """Waits until who talks has ended, or has let the lease run out; then this takes the turn, which is True."""
        while True:
            item = table.get(_pk(self.connection_id), _SK)
            if item is None or item["answer_id"] != str(self.answer_id) or item["state"] != STREAMING:
                return False
            if item["lease"] < time.time():
                with suppress(Superseded):
                    self._take("#state = :streaming AND (lease = :before OR holder = :holder)", before=item["lease"])
                    return True
            time.sleep(1)

    def close(self) -> None:
        """Ends the turn, so that the next question may be asked."""
        with suppress(table.ConditionFailed):
            table.update(
                *(_pk(self.connection_id), _SK, "SET #state = :ended", "answer_id = :id", _NAMES),
                ended=ENDED,
                id=str(self.answer_id),
            )

    def _take(self, condition: str, **values: Any) -> bool:
        """Holds the turn for a lease if `condition` is true of it; returns whether to stop. Raises `Superseded`."""
        try:
            item = table.update(
                *(_pk(self.connection_id), _SK, "SET #state = :streaming, holder = :holder, lease = :lease"),
                f"answer_id = :id AND ({condition})",
                _NAMES,
                id=str(self.answer_id),
                streaming=STREAMING,
                holder=self.holder,
                lease=table.expiry(LEASE_SECONDS),
                **values,
            )
        except table.ConditionFailed:
            raise Superseded from None
        return bool(item["stop_requested"])


def request_stop(connection_id: str) -> None:
    """Asks who talks over the connection to stop; when nobody does, nothing happens."""
    with suppress(table.ConditionFailed):
        table.update(_pk(connection_id), _SK, "SET stop_requested = :yes", "attribute_exists(pk)", yes=True)


def _pk(connection_id: str) -> str:
    return f"connection#{connection_id}"
