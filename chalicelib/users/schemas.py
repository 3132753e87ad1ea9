"""People as they come in and go out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.caller import ROLES
from chalicelib.fields import Change, Flag, Text, Timestamp, one_of
from chalicelib.web.pagination import PageQuery


class NotificationPreferences(Schema):
    """Which notifications a person wants."""

    email = Flag()
    push = Flag()


class ProfileChange(Change):
    """What a person may change about themselves."""

    name = Text(minimum=0, maximum=200)
    notifications = fields.Nested(NotificationPreferences)


class ProfileView(Schema):
    """A person, to themselves."""

    id = fields.UUID()
    email = fields.String()
    name = fields.String()
    roles = fields.List(fields.String())
    notifications = fields.Nested(NotificationPreferences)
    created_at = Timestamp()


class UserSearch(PageQuery):
    """Search among people by a part of the e-mail address or the name."""

    q = Text(minimum=1, maximum=200, load_default=None)


class UserView(ProfileView):
    """A person, to admins."""

    role = fields.String()
    disabled = fields.Boolean()


class UserChange(Change):
    """What an admin may change about a person."""

    role = one_of(*ROLES)
    disabled = Flag()
