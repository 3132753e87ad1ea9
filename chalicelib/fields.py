"""Marshmallow fields for what every domain takes in and gives out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from chalicelib.money import CURRENCIES, MAX_AMOUNT, MAX_SUM, Money

_LINE_BREAKS = "\n\r\t"


class Text(fields.String):
    """Text in Unicode's composed form (NFC), trimmed, without control, bidi-override or unassigned characters.

    `lines=True` admits line breaks and tabs. Lengths count characters after normalisation.
    """

    def __init__(self, *, minimum: int = 1, maximum: int, lines: bool = False, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=minimum, max=maximum), **kwargs)
        self._lines = lines

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs)).strip()
        if any(not self._admits(character) for character in text):
            raise ValidationError("Contains a character that cannot be stored or shown.")
        return text

    def _admits(self, character: str) -> bool:
        if character in _LINE_BREAKS:
            return self._lines
        if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
            return False
        return unicodedata.category(character) not in {"Cc", "Cs", "Cn"}


class Integer(fields.Integer):
    """An integer within `minimum` and `maximum`, never a float, a bool or a string."""

    def __init__(self, *, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=minimum, max=maximum), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Flag(fields.Boolean):
    """`true` or `false`, never a number or a string."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if value is True or value is False:
            return value
        raise self.make_error("invalid", input=value)


class QueryInteger(fields.Integer):
    """An integer in a query string: plain decimal digits within `minimum` and `maximum`."""

    def __init__(self, *, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=minimum, max=maximum), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not re.fullmatch(r"[0-9]{1,18}", str(value)):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Timestamp(fields.AwareDateTime):
    """RFC 3339 in UTC with `Z`, to the microsecond."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class CurrencyCode(fields.String):
    """An active ISO 4217 code in capitals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"pattern": "^[A-Z]{3}$", "example": "EUR"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        code = super()._deserialize(value, attr, data, **kwargs)
        if code not in CURRENCIES:
            raise ValidationError("Not an active ISO 4217 currency code.")
        return code


class Change(Schema):
    """A change to a resource: any of its fields, but at least one."""

    @validates_schema
    def _says_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Give at least one field to change.")


class MoneySchema(Schema):
    """`{"amount": 1299, "currency": "EUR"}`: integer minor units and an ISO 4217 code."""

    amount = Integer(required=True, minimum=0, maximum=MAX_AMOUNT, metadata={"example": 1299})
    currency = CurrencyCode(required=True)

    @post_load
    def _money(self, data: dict[str, Any], **_: Any) -> Money:
        return Money(**data)


class SumSchema(MoneySchema):
    """A sum of prices, which may be more than a price may be."""

    amount = Integer(required=True, minimum=0, maximum=MAX_SUM, metadata={"example": 2598})


def price(**kwargs: Any) -> fields.Nested:
    """A field that holds `Money`."""
    return fields.Nested(MoneySchema, **kwargs)


def one_of(*choices: str, **kwargs: Any) -> fields.String:
    """A field that holds one of `choices`."""
    return fields.String(validate=validate.OneOf(choices), **kwargs)
