"""Devices as they come in and go out."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chalicelib.fields import Timestamp, one_of


class DeviceRegistration(Schema):
    """A device that takes push notifications, with the token that its platform gave it."""

    platform = one_of("fcm", "apns", required=True)
    token = fields.String(
        required=True,
        validate=validate.Regexp(r"[\x21-\x7e]{8,2048}\Z"),
        metadata={"pattern": "^[\\x21-\\x7e]{8,2048}$", "example": "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1"},
    )


class DeviceView(Schema):
    """A device; `enabled` is false once its platform has said that the token is no longer good."""

    id = fields.UUID()
    platform = one_of("fcm", "apns")
    enabled = fields.Boolean()
    updated_at = Timestamp()
