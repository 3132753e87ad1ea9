"""The audit log as it goes out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import Timestamp
from chalicelib.web.pagination import PageQuery


class AuditQuery(PageQuery):
    """A page of the audit log."""


class AuditEntryView(Schema):
    """Who did what, when."""

    id = fields.UUID()
    at = Timestamp()
    actor_id = fields.UUID(allow_none=True, metadata={"description": "null for an operator, whom `detail` names"})
    action = fields.String()
    subject = fields.String()
    detail = fields.Dict()
    correlation_id = fields.String()
