"""Tickets as they go out, and messages as they come in over a WebSocket."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.assistant.schemas import Question
from chalicelib.fields import one_of


class TicketView(Schema):
    """Where to connect, once, within `expires_in` seconds. `url` holds the ticket."""

    ticket = fields.String()
    url = fields.String()
    expires_in = fields.Integer()


class Ping(Schema):
    """Is anybody there?"""

    action = one_of("ping", required=True)


class Ask(Question):
    """A question to the assistant."""

    action = one_of("ask", required=True)


class Stop(Schema):
    """Stop the answer that is under way."""

    action = one_of("stop", required=True)


ACTIONS: dict[str, type[Schema]] = {"ping": Ping, "ask": Ask, "stop": Stop}
