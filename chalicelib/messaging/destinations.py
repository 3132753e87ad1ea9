"""Sending events to SQS, SNS and EventBridge, ten in a call, and learning which of them arrived.

A call that succeeds can still have refused some of its entries. When a service refuses a whole call because of what is
in it, its entries are sent one by one, so that one bad entry stops no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from chalicelib import clients, config
from chalicelib.messaging import queues
from chalicelib.messaging.envelope import MAX_BYTES, Destination

ENTRIES_IN_A_CALL = 10
SOURCES = {"order": "marketplace.orders", "user": "marketplace.users"}
"""Who tells of events, for the rules of the bus, by the first part of the event's type."""


@dataclass(frozen=True)
class Message:
    """A row of the outbox."""

    position: int
    event_id: UUID
    destination: str
    group_id: UUID
    type: str
    body: str
    correlation_id: str


@dataclass(frozen=True)
class Failure:
    """Why a message did not arrive.

    `is_refusal` when the service will never take it as it is, `is_outage` when the service could not be asked.
    """

    reason: str
    is_refusal: bool = False
    is_outage: bool = False


Failures = dict[int, Failure]
Entry = TypeVar("Entry")


def send(messages: Sequence[Message], note: Callable[[Sequence[Message], Failures], None]) -> Failures:
    """Sends `messages` and returns those that were not confirmed, by position; `note` hears of each call at once.

    A service that cannot be reached is asked once: what else is for it has failed, too.
    """
    failures: Failures = {}
    for destination, waiting in _by_destination(messages).items():
        outage: Failure | None = None
        for batch in calls_of(waiting, lambda message: len(message.body)):
            found = _all_failed(batch, outage) if outage else _attempt(_CALLS[destination], batch)
            outage = next((failure for failure in found.values() if failure.is_outage), None)
            note(batch, found)
            failures |= found
    return failures


def calls_of(entries: Sequence[Entry], size: Callable[[Entry], int]) -> Iterator[list[Entry]]:
    """`entries` in batches, each of as many as one call takes by number and by `size` in bytes."""
    batch: list[Entry] = []
    for entry in entries:
        is_full = len(batch) == ENTRIES_IN_A_CALL or sum(map(size, (*batch, entry))) > MAX_BYTES
        if batch and is_full:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _attempt(call: Callable[[Sequence[Message]], Failures], batch: Sequence[Message]) -> Failures:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(batch)
    except BotoCoreError as error:
        return _all_failed(batch, Failure(type(error).__name__, is_outage=True))
    except ClientError as error:
        is_refusal = error.response["ResponseMetadata"].get("HTTPStatusCode", 500) in {400, 413}
        code = str(error.response["Error"].get("Code", "unknown"))
        if not is_refusal or len(batch) == 1:
            return _all_failed(batch, Failure(code, is_refusal and not clients.is_throttling(error)))
    failures: Failures = {}
    for message in batch:
        failures |= _attempt(call, [message])
    return failures


def _all_failed(batch: Sequence[Message], failure: Failure) -> Failures:
    return {message.position: failure for message in batch}


def _by_destination(messages: Sequence[Message]) -> dict[Destination, list[Message]]:
    found: dict[Destination, list[Message]] = defaultdict(list)
    for message in messages:
        found[Destination(message.destination)].append(message)
    return found


def _to_queue(batch: Sequence[Message]) -> Failures:
    entries = [
        {
            "Id": str(index),
            "MessageBody": message.body,
            "MessageAttributes": _attributes(message),
            "MessageGroupId": str(message.group_id),
            "MessageDeduplicationId": str(message.event_id),
        }
        for index, message in enumerate(batch)
    ]
    answer = clients.client("sqs").send_message_batch(QueueUrl=queues.url(queues.ORDERS.name), Entries=entries)
    return _unconfirmed(batch, answer)


def _to_topic(batch: Sequence[Message]) -> Failures:
    entries = [
        {"Id": str(index), "Message": message.body, "MessageAttributes": _attributes(message)}
        for index, message in enumerate(batch)
    ]
    topic = config.current().order_events_topic_arn
    answer = clients.client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    return _unconfirmed(batch, answer)


def _to_bus(batch: Sequence[Message]) -> Failures:
    entries = [
        {
            "EventBusName": config.current().bus_name,
            "Source": SOURCES[message.type.partition(".")[0]],
            "DetailType": message.type,
            "Detail": message.body,
        }
        for message in batch
    ]
    answer = clients.client("events").put_events(Entries=entries)
    return {
        message.position: Failure(str(entry["ErrorCode"]), is_refusal=entry["ErrorCode"] not in _PASSING)
        for message, entry in zip(batch, answer["Entries"], strict=True)
        if not entry.get("EventId")
    }


_CALLS = {Destination.ORDERS: _to_queue, Destination.ORDER_EVENTS: _to_topic, Destination.BUS: _to_bus}
_PASSING = {"InternalFailure", "InternalException", "ThrottlingException"}


def _attributes(message: Message) -> dict[str, Any]:
    return {"type": {"DataType": "String", "StringValue": message.type}}


def _unconfirmed(batch: Sequence[Message], answer: dict[str, Any]) -> Failures:
    """Whatever is not listed as successful has not arrived."""
    confirmed = {int(entry["Id"]) for entry in answer.get("Successful", [])}
    told = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
    return {
        message.position: Failure(
            str(told.get(index, {}).get("Code", "unconfirmed")), bool(told.get(index, {}).get("SenderFault"))
        )
        for index, message in enumerate(batch)
        if index not in confirmed
    }
