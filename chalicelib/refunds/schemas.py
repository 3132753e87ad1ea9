"""Refunds as they go out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import SumSchema, Timestamp, one_of


class RefundView(Schema):
    """How far the refund of an order is. A failed one says why, and is tried again when it is asked for again."""

    id = fields.UUID()
    order_id = fields.UUID()
    money = fields.Nested(SumSchema)
    status = one_of("pending", "refunded", "failed")
    reason = fields.String(allow_none=True)
    attempt = fields.Integer()
    created_at = Timestamp()
    updated_at = Timestamp()
