"""Working through what a queue delivers: each message by itself, once, and before the function's time is up.

A message whose work fails is reported to SQS, which delivers it again; after three times it is a dead letter. The
others of the batch are done. In a FIFO queue, what follows a failed message in its group waits with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, SqsFifoPartialProcessor
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chalicelib import config, database
from chalicelib.messaging import inbox, relay
from chalicelib.messaging.envelope import Envelope, opened
from chalicelib.observability import correlated, count, logger

RESERVE_MILLISECONDS = 6_000
"""A message is not begun when less time is left: a statement may take five seconds."""


class OutOfTime(Exception):
    """The function's time is nearly up; the message was not begun."""


class BatchFailed(Exception):
    """Messages failed, and SQS would take a report about them for success: the whole batch has to come again."""


def consume(event: Any, consumer: str, effect: Callable[[Envelope], None]) -> dict[str, Any]:
    """Does `effect` for each message of a Chalice `SQSEvent`, in one transaction with the note that it is done.

    Returns SQS's report of the messages to deliver again. Raises `BatchFailed` where such reports are not read.
    """

    def once(message: Envelope) -> bool:
        is_first = inbox.add(consumer, message.id)
        if is_first:
            effect(message)
        return is_first

    return process(event, lambda message: database.write(lambda: once(message)))


def process(event: Any, work: Callable[[Envelope], bool]) -> dict[str, Any]:
    """Calls `work`, which says whether there was anything left to do, for each message of the batch; as `consume`."""
    batch = event.to_dict()
    processor = _processor(batch)
    with relay.together(), processor(records=batch["Records"], handler=lambda record: _process(event, record, work)):
        processor.process()
    report: dict[str, Any] = processor.response()
    if report["batchItemFailures"] and not config.reports_partial_batches():
        raise BatchFailed(f"{len(report['batchItemFailures'])} of {len(batch['Records'])} messages failed")
    return report


def _processor(batch: dict[str, Any]) -> Any:
    if batch["Records"][0]["eventSourceARN"].endswith(".fifo"):
        processor: Any = SqsFifoPartialProcessor(skip_group_on_error=True)
        processor.raise_on_entire_batch_failure = False
        return processor
    return BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def _process(event: Any, record: SQSRecord, work: Callable[[Envelope], bool]) -> None:
    started = time.perf_counter()
    queue = record.event_source_arn.rpartition(":")[2]
    try:
        message = opened(record.body)
    except Exception as error:
        _tell_failure(error, queue, record)
        raise
    with correlated(message.correlation_id):
        try:
            _check_time(event.context)
            is_first = work(message)
        except Exception as error:
            _tell_failure(error, queue, record, event_id=str(message.id), type=message.type)
            raise
        count("MessagesProcessed" if is_first else "MessagesRepeated")
        logger.info(
            "message consumed",
            extra={
                "queue": queue,
                "event_id": str(message.id),
                "type": message.type,
                "repeated": not is_first,
                "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            },
        )


def _check_time(context: Any) -> None:
    if context.get_remaining_time_in_millis() < RESERVE_MILLISECONDS:
        raise OutOfTime("not begun")


def _tell_failure(error: Exception, queue: str, record: SQSRecord, **known: str) -> None:
    count("MessagesFailed")
    logger.warning(
        "message failed",
        extra=known
        | {
            "queue": queue,
            "message_id": record.message_id,
            "receive_count": record.attributes.approximate_receive_count,
            "error": type(error).__name__,
            "reason": str(error)[:500],
        },
    )
