"""Queues and dead letters as they come in and go out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chalicelib.fields import Flag, Integer, Text, Timestamp

MOST_MESSAGES = 100
"""How many dead letters one look or redrive reaches."""


class QueueView(Schema):
    """A queue. `oldest_seconds` is how long its oldest message has waited at most; null while nothing is known."""

    name = fields.String()
    waiting = fields.Integer()
    in_flight = fields.Integer()
    delayed = fields.Integer()
    oldest_seconds = fields.Integer(allow_none=True)
    dead = fields.Integer(metadata={"description": "dead letters"})


class OutboxView(Schema):
    """The outbox: events that wait to be sent, and those that were given up on."""

    pending = fields.Integer()
    parked = fields.Integer()
    oldest_seconds = fields.Integer()


class QueuesView(Schema):
    """Every queue, and the outbox."""

    queues = fields.List(fields.Nested(QueueView))
    outbox = fields.Nested(OutboxView)


class DeadLetterView(Schema):
    """A message that failed three times. `body` is as it was sent; the rest is empty when it is no envelope."""

    message_id = fields.String()
    event_id = fields.String()
    type = fields.String()
    correlation_id = fields.String()
    sent_at = Timestamp()
    receive_count = fields.Integer()
    redrive_count = fields.Integer()
    body = fields.String()


class DeadLettersView(Schema):
    """Dead letters, oldest first: 100 at most."""

    items = fields.List(fields.Nested(DeadLetterView))


class RedriveOrder(Schema):
    """Which dead letters to send back; without `dry_run: false` the answer says which it would be."""

    dry_run = Flag(load_default=True)
    message_ids = fields.List(
        Text(maximum=100),
        load_default=None,
        validate=validate.Length(1, MOST_MESSAGES),
    )
    event_type = Text(maximum=100, load_default=None)
    limit = Integer(minimum=1, maximum=MOST_MESSAGES, load_default=MOST_MESSAGES)


class RedriveView(Schema):
    """What went back (or would); `parked` went back three times already and stay; `remaining` are left."""

    dry_run = fields.Boolean()
    redriven = fields.List(fields.Nested(DeadLetterView))
    parked = fields.List(fields.Nested(DeadLetterView))
    remaining = fields.Integer()
