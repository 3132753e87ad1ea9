"""What people's accounts tell the rest of the system. `docs/events.md` is generated from this module."""

from __future__ import annotations

from marshmallow import fields

from chalicelib.fields import Timestamp
from chalicelib.messaging.envelope import Destination, EventData, EventType


class UserData(EventData):
    """The person as they were right after the event."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    version = fields.Integer(required=True, strict=True)
    created_at = Timestamp(required=True)


REGISTERED = EventType("user.registered", 1, UserData, (Destination.BUS,), "Somebody has a profile for the first time.")
CHANGED = EventType("user.changed", 1, UserData, (Destination.BUS,), "Somebody changed their name or preferences.")

ALL = (REGISTERED, CHANGED)
