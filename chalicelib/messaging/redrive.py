"""Dead letters: looking at them without taking them, and sending them back once the cause is mended.

A message goes back at most three times, then it stays. It is sent before it is deleted, so that a crash in between
doubles it and never loses it; the inbox takes care of the double. Everything is bounded: a look and a redrive reach 100
messages at most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib import audit, clients, users
from chalicelib.caller import Caller
from chalicelib.errors import Unavailable
from chalicelib.messaging import inbox, relay
from chalicelib.messaging.destinations import calls_of
from chalicelib.messaging.envelope import Unreadable, opened
from chalicelib.messaging.queues import QUEUES, Queue, named, url
from chalicelib.messaging.schemas import MOST_MESSAGES
from chalicelib.observability import count

MOST_REDRIVES = 3
HELD_SECONDS = 30
"""How long messages that are looked at are hidden from others; they are let go at once when the look is over."""

_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True)
class DeadLetter:
    """A message that failed three times; `event_id` and `type` are empty when it is no envelope."""

    message_id: str
    event_id: str
    type: str
    correlation_id: str
    sent_at: datetime
    receive_count: int
    redrive_count: int
    body: str

    @property
    def is_parked(self) -> bool:
        """Whether it has been sent back as often as it may."""
        return self.redrive_count >= MOST_REDRIVES


@dataclass(frozen=True)
class Redrive:
    """What a redrive sent back, or would; `parked` are those that may not go back again."""

    dry_run: bool
    redriven: list[DeadLetter]
    parked: list[DeadLetter]
    remaining: int


def queue_states(caller: Caller) -> dict[str, Any]:
    """The state of each queue and of the outbox, for staff. Raises `Forbidden` for all but staff."""
    users.require_staff(caller)
    return {"queues": [_state(queue) for queue in QUEUES], "outbox": relay.outbox_state()}


def dead_letters(caller: Caller, queue: str) -> dict[str, list[DeadLetter]]:
    """`{"items"}`: a queue's dead letters, oldest first, left where they are. Raises `QueueNotFound`, `Forbidden`."""
    users.require_admin(caller)
    return {"items": _look(named(queue))}


def redrive(caller: Caller, queue: str, wanted: Mapping[str, Any]) -> Redrive:
    """Sends dead letters back to their queue, or says which it would. Raises `QueueNotFound`, `Forbidden`.

    `wanted` has `dry_run`, `message_ids`, `event_type` and `limit`.
    """
    users.require_admin(caller)
    if not wanted["dry_run"]:
        audit.record(caller, "dead-letters.redriven", queue, _noted(wanted))
    return _redrive(named(queue), wanted)


def answer_operator(command: Mapping[str, Any]) -> dict[str, Any]:
    """What `python -m ops dead-letters` asks of the function of this name; the invocation's permission lets it in.

    `command` has `action` (`list`, `show`, `redrive`), `operator`, `queue`, and for a redrive what `redrive` takes.
    """
    action = command["action"]
    if action == "list":
        return {"queues": [_state(queue) for queue in QUEUES]}
    if action == "show":
        return {"messages": [_plain(letter) for letter in _look(named(command["queue"]))]}
    if action != "redrive":
        raise ValueError(f"no such action: {action}")
    wanted = {"dry_run": True, "message_ids": None, "event_type": None, "limit": MOST_MESSAGES} | dict(command)
    if not wanted["dry_run"]:
        noted = {"operator": str(command["operator"]), **_noted(wanted)}
        audit.record(None, "dead-letters.redriven", command["queue"], noted)
    done = _redrive(named(command["queue"]), wanted)
    return {
        "dry_run": done.dry_run,
        "redriven": [_plain(letter) for letter in done.redriven],
        "parked": [_plain(letter) for letter in done.parked],
        "remaining": done.remaining,
    }


def _noted(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wanted[name] for name in ("message_ids", "event_type", "limit") if wanted[name] is not None}


def _state(queue: Queue) -> dict[str, Any]:
    alive, dead = _attributes(queue.name), _attributes(queue.dead)
    state: dict[str, Any] = {name: int(alive[attribute]) for name, attribute in _COUNTS.items()}
    return {
        "name": queue.name,
        **state,
        "oldest_seconds": _age(queue) if any(state.values()) else 0,
        "dead": int(dead[_COUNTS["waiting"]]) + int(dead[_COUNTS["in_flight"]]),
    }


def _age(queue: Queue) -> int | None:
    """How long the oldest waiting message has been there at most: it is no older than the newest one that was done.

    SQS tells the age of a message to CloudWatch alone. None when nothing has been done yet.
    """
    newest = inbox.newest(queue.consumer)
    if newest is None:
        return None
    return max(0, round(datetime.now(UTC).timestamp() - (newest.int >> 80) / 1000))


def _attributes(name: str) -> dict[str, str]:
    attributes: dict[str, str] = _call("get_queue_attributes", name, AttributeNames=list(_COUNTS.values()))[
        "Attributes"
    ]
    return attributes


def _look(queue: Queue) -> list[DeadLetter]:
    held = list(_receive(queue))
    _let_go(queue, held)
    return sorted((_letter(message) for message in held), key=lambda letter: letter.sent_at)


def _redrive(queue: Queue, wanted: Mapping[str, Any]) -> Redrive:
    held = list(_receive(queue))
    matching = [message for message in held if _is_wanted(_letter(message), wanted)]
    parked = [message for message in matching if _letter(message).is_parked]
    chosen = [message for message in matching if message not in parked][: wanted["limit"] or MOST_MESSAGES]
    moved = [] if wanted["dry_run"] else _send_back(queue, chosen)
    kept = [message for message in held if message not in moved]
    _let_go(queue, kept)
    redriven = chosen if wanted["dry_run"] else moved
    return Redrive(
        wanted["dry_run"], [_letter(each) for each in redriven], [_letter(each) for each in parked], len(kept)
    )


def _is_wanted(letter: DeadLetter, wanted: Mapping[str, Any]) -> bool:
    ids: Collection[str] | None = wanted["message_ids"]
    is_chosen = ids is None or letter.message_id in {str(each) for each in ids}
    return is_chosen and wanted["event_type"] in {None, letter.type}


def _send_back(queue: Queue, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of `messages` that are in their queue again and no longer among the dead."""
    moved = []
    for batch in calls_of(messages, lambda message: len(message["Body"].encode())):
        entries = [{"Id": str(index), **_redriven(queue, message)} for index, message in enumerate(batch)]
        answer = _call("send_message_batch", queue.name, Entries=entries)
        sent = [batch[int(entry["Id"])] for entry in answer.get("Successful", [])]
        if sent:
            _call("delete_message_batch", queue.dead, Entries=_handles(sent))
        count("MessagesRedriven", len(sent))
        moved += sent
    return moved


def _redriven(queue: Queue, message: dict[str, Any]) -> dict[str, Any]:
    """The message as it was, counted; a FIFO queue would take the same deduplication id for a repetition."""
    letter = _letter(message)
    times = str(letter.redrive_count + 1)
    attributes = message.get("MessageAttributes", {}) | {"redrive_count": {"DataType": "Number", "StringValue": times}}
    entry = {"MessageBody": message["Body"], "MessageAttributes": attributes}
    if queue.is_fifo:
        entry["MessageGroupId"] = message["Attributes"]["MessageGroupId"]
        entry["MessageDeduplicationId"] = f"{letter.event_id or letter.message_id}:{times}"
    return entry


def _receive(queue: Queue) -> Iterator[dict[str, Any]]:
    """Messages of the dead-letter queue, held; a long poll asks every server of SQS, so an empty answer is the end."""
    received = 0
    while received < MOST_MESSAGES:
        answer = _call(
            "receive_message",
            queue.dead,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HELD_SECONDS,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        received += len(messages)
        yield from messages


def _let_go(queue: Queue, messages: list[dict[str, Any]]) -> None:
    for batch in _tens(messages):
        entries = [entry | {"VisibilityTimeout": 0} for entry in _handles(batch)]
        _call("change_message_visibility_batch", queue.dead, Entries=entries)


def _handles(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(messages)]


def _tens(messages: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(messages), 10):
        yield messages[start : start + 10]


def _letter(message: dict[str, Any]) -> DeadLetter:
    attributes = message["Attributes"]
    redrives = message.get("MessageAttributes", {}).get("redrive_count", {}).get("StringValue", "0")
    event_id, kind, correlation = _names(message["Body"])
    return DeadLetter(
        message_id=message["MessageId"],
        event_id=event_id,
        type=kind,
        correlation_id=correlation,
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        receive_count=int(attributes["ApproximateReceiveCount"]),
        redrive_count=int(redrives),
        body=message["Body"],
    )


def _names(body: str) -> tuple[str, str, str]:
    """Event id, type and correlation id of an envelope; empty for what is none."""
    try:
        message = opened(body)
    except Unreadable:
        return "", "", ""
    return str(message.id), message.type, message.correlation_id


def _plain(letter: DeadLetter) -> dict[str, Any]:
    return asdict(letter) | {"sent_at": letter.sent_at.isoformat()}


def _call(action: str, queue: str, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return getattr(clients.client("sqs"), action)(QueueUrl=url(queue), **arguments)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The queues are not available right now.") from error
