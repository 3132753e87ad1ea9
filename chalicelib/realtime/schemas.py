"""Tickets as they go out, and messages as they come in over a WebSocket."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import Text, one_of

MAX_QUESTION = 4000


class TicketView(Schema):
    """Where to connect, once, within `expires_in` seconds. `url` holds the ticket."""

    ticket = fields.String()
    url = fields.String()
    expires_in = fields.Integer()


class Ping(Schema):
    """Is anybody there?"""

    action = one_of("ping", required=True)


class Ask(Schema):
    """A question to the assistant; with `conversation_id` it goes on with a conversation."""

    action = one_of("ask", required=True)
    message = Text(required=True, maximum=MAX_QUESTION, lines=True)
    conversation_id = fields.UUID(load_default=None)


class Stop(Schema):
    """Stop the answer that is under way."""

    action = one_of("stop", required=True)


ACTIONS: dict[str, type[Schema]] = {"ping": Ping, "ask": Ask, "stop": Stop}
