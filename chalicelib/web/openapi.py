"""The OpenAPI 3.1 document of the declared routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields, validate

from chalicelib.web.endpoint import Endpoint
from chalicelib.web.identity import Audience
from chalicelib.web.pagination import PageQuery

VERSION = "1.0.0"

DESCRIPTION = """\
People list products and order them. Errors are problem details (RFC 9457); ids are UUIDs, times RFC 3339 in UTC, and
money is an integer of minor units with an ISO 4217 currency."""


PROBLEMS = (400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503)


class ViolationView(Schema):
    """One thing that is wrong with the input."""

    pointer = fields.String(required=True, metadata={"description": "RFC 6901, into the body or to a parameter"})
    detail = fields.String(required=True)


class Problem(Schema):
    """An error (RFC 9457)."""

    type = fields.String(required=True, metadata={"example": "/problems/product-not-found"})
    title = fields.String(required=True)
    status = fields.Integer(required=True, validate=validate.Range(400, 599))
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    correlation_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ViolationView))


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document for `endpoints`."""
    return _document(tuple(endpoints))


@lru_cache(maxsize=1)
def _document(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    plugin = MarshmallowPlugin(schema_name_resolver=cast(Any, _schema_name))
    spec = APISpec(
        title="Marketplace",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": DESCRIPTION},
        servers=[{"url": "/api"}],
    )
    spec.components.security_scheme(
        "access_token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT, a Cognito access token"}
    )
    for status in PROBLEMS:
        spec.components.response(
            _problem_name(status),
            {"description": HTTPStatus(status).phrase, "content": _content(Problem, problem=True)},
        )
    for endpoint in endpoints:
        spec.path(path=endpoint.path, operations={endpoint.method.lower(): _operation(endpoint)})
    result: dict[str, Any] = spec.to_dict()
    return result


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    summary = (endpoint.view.__doc__ or endpoint.view.__name__).strip()
    operation: dict[str, Any] = {
        "operationId": endpoint.view.__name__,
        "summary": summary.split("\n")[0],
        "tags": [endpoint.path.strip("/").split("/")[0].removesuffix(".json")],
        "x-audience": endpoint.audience.value,
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(endpoint.body)}
    if endpoint.audience is Audience.VISITORS:
        operation["security"] = [{}, {"access_token": []}]
    elif endpoint.audience is not Audience.ANYONE:
        operation["security"] = [{"access_token": []}]
    return operation


def _parameters(endpoint: Endpoint) -> list[Any]:
    parameters: list[Any] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]
    if endpoint.query is not None:
        parameters.append({"in": "query", "schema": endpoint.query})
    if endpoint.idempotent:
        parameters.append(_header("Idempotency-Key", "1 to 255 visible characters, kept 24 hours", maxLength=255))
    if endpoint.conditional:
        parameters.append(_header("If-Match", "The ETag of the version that is changed"))
    return parameters


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1} | schema,
    }


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done"}
    if endpoint.status != 204:
        success["content"] = _success_content(endpoint)
    responses = {str(endpoint.status): success}
    return responses | {str(status): _problem_name(status) for status in _problem_statuses(endpoint)}


def _problem_name(status: int) -> str:
    """`404` is `NotFound`."""
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _success_content(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.returns is None:
        return {"application/json": {"schema": {"type": "object"}}}
    if not endpoint.is_paged:
        return _content(endpoint.returns)
    page = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": endpoint.returns},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
    return {"application/json": {"schema": page}}


def _problem_statuses(endpoint: Endpoint) -> list[int]:
    statuses = {429, 503}
    if endpoint.audience is not Audience.ANYONE:
        statuses.add(401)
    if endpoint.audience in {Audience.SIGNED_IN, Audience.ADMINS}:
        statuses.add(403)
    if "{" in endpoint.path or _names_something(endpoint):
        statuses.add(404)
    if endpoint.query is not None:
        statuses.add(422)
    if endpoint.body is not None:
        statuses |= {400, 413, 415, 422}
    if endpoint.idempotent:
        statuses |= {400, 409}
    if endpoint.conditional:
        statuses |= {400, 412, 428}
    return sorted(statuses)


def _names_something(endpoint: Endpoint) -> bool:
    """Whether a body has the id of something that may not be there, or a query must say which thing it is about."""
    body = {} if endpoint.body is None else endpoint.body().fields
    query = {} if endpoint.query is None else endpoint.query().fields
    return any(isinstance(field, fields.UUID) for field in body.values()) or any(
        field.required for field in query.values()
    )


def _content(schema: type[Schema], *, problem: bool = False) -> dict[str, Any]:
    return {"application/problem+json" if problem else "application/json": {"schema": schema}}


def _schema_name(schema: Any) -> str | bool:
    kind = schema if isinstance(schema, type) else type(schema)
    if issubclass(kind, PageQuery):
        return False
    return kind.__name__.removesuffix("View").removesuffix("Schema")
