"""Telling people what has just been recorded, on every socket they have open."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from chalicelib import realtime, table
from chalicelib.activity import items
from chalicelib.observability import correlated, logger

RESERVE_MILLISECONDS = 5_000
"""A record is not begun when less time is left."""


class OutOfTime(Exception):
    """The function's time is nearly up; the record was not begun."""


def push_live(event: Any) -> dict[str, Any]:
    """Pushes each event that a Chalice `DynamoDBEvent` tells to have been recorded to its person.

    Returns the report by which the stream goes on from the first record that failed. What comes after that one comes
    again: frames have the event's `id`, by which a client knows a repetition.
    """
    processor: Any = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    with processor(records=event.to_dict()["Records"], handler=lambda record: _push(record, event.context)):
        processor.process()
    report: dict[str, Any] = processor.response()
    return report


def frame(item: table.Item) -> dict[str, Any]:
    """The frame about an event; without the order's lines when they do not fit into one."""
    told = {"type": item["type"], "id": item["id"], "occurred_at": item["occurred_at"], "data": item["data"]}
    if realtime.fits(told):
        return told
    data = {name: value for name, value in item["data"].items() if name != "lines"}
    return {**told, "data": {**data, "lines_omitted": True}}


def _push(record: DynamoDBRecord, context: Any) -> None:
    image = record.raw_event["dynamodb"].get("NewImage") or {}
    if record.raw_event["eventName"] != "INSERT" or image.get("kind") != {"S": items.EVENT}:
        return
    item = table.item_of_stream(image)
    with correlated(item["correlation_id"]):
        if context.get_remaining_time_in_millis() < RESERVE_MILLISECONDS:
            raise OutOfTime("not begun")
        sent = realtime.push(items.owner(item), frame(item))
        logger.info("event pushed", extra={"event_id": item["id"], "type": item["type"], "connections": sent})
