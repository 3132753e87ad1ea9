"""Questions as they come in, replies and conversations as they go out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import Text, one_of

MAX_QUESTION = 4000


class Question(Schema):
    """A question to the assistant; with `conversation_id` it goes on with a conversation."""

    message = Text(required=True, maximum=MAX_QUESTION, lines=True)
    conversation_id = fields.UUID(load_default=None)


class UsageView(Schema):
    """How many tokens the model read and wrote; estimated where it did not tell."""

    input_tokens = fields.Integer()
    output_tokens = fields.Integer()


class ReplyView(Schema):
    """The assistant's reply. `sources` are the products that it names, by id."""

    conversation_id = fields.UUID()
    reply = fields.String()
    sources = fields.List(fields.UUID())
    usage = fields.Nested(UsageView)


class MessageView(Schema):
    """A question, or what was replied to it."""

    role = one_of("user", "assistant")
    text = fields.String()
    sources = fields.List(fields.UUID())


class ConversationView(Schema):
    """The caller's conversation, its newest hundred messages in their order."""

    id = fields.UUID()
    messages = fields.List(fields.Nested(MessageView))
