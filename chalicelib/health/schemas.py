"""Health as it goes out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import one_of


class HealthView(Schema):
    """The service answers."""

    status = one_of("ok")
    version = fields.String()


class DependencyView(Schema):
    """One dependency."""

    state = one_of("up", "down", "absent")
    milliseconds = fields.Float()


class DependenciesView(Schema):
    """Every dependency by its name."""

    status = one_of("ok")
    dependencies = fields.Dict(keys=fields.String(), values=fields.Nested(DependencyView))
