"""Uploads as they come in and go out."""

from __future__ import annotations

from marshmallow import Schema, fields

from chalicelib.fields import Integer, Timestamp, one_of

MAX_BYTES = 10 * 1024 * 1024
CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")


class NewUpload(Schema):
    """A picture to send: for which product, what it is, and how large."""

    product_id = fields.UUID(required=True)
    content_type = one_of(*CONTENT_TYPES, required=True)
    bytes = Integer(required=True, minimum=1, maximum=MAX_BYTES)


class UploadFormView(Schema):
    """Where to send the file: a POST of `multipart/form-data` with `fields`, and the file as the last field `file`."""

    id = fields.UUID()
    url = fields.String()
    fields_ = fields.Dict(keys=fields.String(), values=fields.String(), attribute="fields", data_key="fields")
    expires_at = Timestamp()


class UploadView(Schema):
    """What became of an upload: the published picture, or the reason why there is none."""

    id = fields.UUID()
    product_id = fields.UUID()
    status = one_of("pending", "published", "refused")
    url = fields.String(attribute="picture.url", dump_default=None, allow_none=True)
    thumbnail_url = fields.String(attribute="picture.thumbnail_url", dump_default=None, allow_none=True)
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)
    reason = fields.String(allow_none=True)


class OriginalView(Schema):
    """Where the file as it was sent can be fetched, for so many seconds."""

    url = fields.String()
    expires_in = fields.Integer()
