"""Writing down what happened: each event once, however often and in whatever order events arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib import table
from chalicelib.activity import items
from chalicelib.messaging.envelope import Envelope, opened
from chalicelib.observability import correlated, count, logger
from chalicelib.orders import events as order_events
from chalicelib.users import events as user_events

NEWER = "attribute_not_exists(pk) OR #version < :version"
_NAMES = {"#version": "version"}


def record(event: Mapping[str, Any]) -> None:
    """Records the order events in every record of SNS's notification.

    Raises what went wrong first, after the others were recorded: SNS's delivery is repeated as a whole, and recording
    again changes nothing.
    """
    failure: Exception | None = None
    for each in event["Records"]:
        try:
            _record(opened(each["Sns"]["Message"]))
        except Exception as error:  # noqa: BLE001  one bad message stops no other
            failure = failure or error
    if failure:
        raise failure


def record_profile(body: Mapping[str, Any]) -> None:
    """Records the summary of the person in a `user.registered` or `user.changed`, unless a newer one is there."""
    message = opened(body)
    with correlated(message.correlation_id):
        message.read(user_events.REGISTERED, user_events.CHANGED)
        is_news = _stored(items.of_profile(message.data))
        logger.info("profile recorded", extra=_known(message, is_news))


def _record(message: Envelope) -> None:
    with correlated(message.correlation_id):
        message.read(*order_events.ALL)
        is_first = _stored_once(message)
        count("ActivityRecorded" if is_first else "ActivityRepeated")
        logger.info("activity recorded", extra=_known(message, is_first))


def _stored_once(message: Envelope) -> bool:
    """Stores the event, and the order unless a later event has told more of it; False when the event was there."""
    event, order = items.of_event(message), items.of_order(message)
    try:
        table.put_together(
            table.Put(event, table.ABSENT), table.Put(order, NEWER, {"version": order["version"]}, _NAMES)
        )
    except table.TransactionRefused as refusal:
        return refusal.failed == (1,) and _added(event)
    return True


def _added(event: table.Item) -> bool:
    try:
        table.put(event, table.ABSENT)
    except table.ConditionFailed:
        return False
    return True


def _stored(profile: table.Item) -> bool:
    try:
        table.put(profile, NEWER, _NAMES, version=profile["version"])
    except table.ConditionFailed:
        return False
    return True


def _known(message: Envelope, is_first: bool) -> dict[str, Any]:
    return {"event_id": str(message.id), "type": message.type, "repeated": not is_first}
