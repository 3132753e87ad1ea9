"""Reading an OpenAPI 3.1 document: its operations, its schemas in words, and examples made from them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Schema = dict[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_FORMATS = {
    "uuid": "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "buyer@example.com",
    "uri": "https://example.com/",
}
_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
# What the shell puts into a header of an example.
_HEADERS = {"if-match": "$ETAG", "idempotency-key": "$(uuidgen)"}
_DEPTH = 6


@dataclass(frozen=True)
class Operation:
    """One method of one path, with its references resolved where a reader needs them."""

    method: str
    path: str
    summary: str
    description: str
    audience: str
    parameters: list[dict[str, Any]]
    body: Schema | None
    responses: dict[str, Any]

    @property
    def anchor(self) -> str:
        """A fragment identifier that is this operation's own."""
        return f"{self.method}{self.path}".replace("/", "-").replace("{", "").replace("}", "").lower()


def operations(document: Document) -> Iterator[Operation]:
    """Every operation, in the document's order."""
    for path, item in document.get("paths", {}).items():
        for method in (m for m in _METHODS if m in item):
            yield _operation(document, method, path, item)


def responses(document: Document, operation: Operation) -> Iterator[tuple[str, Schema | None, str]]:
    """Each status with the schema of its body (None without one) and its description."""
    for status, given in operation.responses.items():
        response = resolve(document, given)
        yield status, _content_schema(response), response.get("description", "")


def words(document: Document, schema: Schema) -> str:
    """The schema's type in a few words; a named schema is its name."""
    if name := _name(schema):
        return name
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(words(document, option) for option in schema[union])
    if "enum" in schema:
        return "one of " + ", ".join("null" if value is None else str(value) for value in schema["enum"])
    if schema.get("properties"):
        return "{" + ", ".join(f"{key}: {words(document, inner)}" for key, inner in schema["properties"].items()) + "}"
    limits = [phrase.format(schema[key]) for key, phrase in _LIMITS.items() if _says_something(schema, key)]
    return ", ".join([_kind(document, schema), *limits])


def example(document: Document, schema: Schema, depth: int = 0) -> Any:
    """A value that looks like what `schema` describes."""
    schema = resolve(document, schema)
    for given in ("example", "default", "const"):
        if given in schema:
            return schema[given]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema and depth < _DEPTH:
            return example(document, schema[union][0], depth + 1)
    return _example_of_type(document, schema, depth)


def curl(document: Document, operation: Operation, api: str) -> str:
    """A command line that calls the operation below the URL `api`; `$TOKEN` stands for an access token."""
    path = operation.path.replace("{", "$").replace("}", "")
    method = "" if operation.method == "GET" else f"-X {operation.method} "
    lines = [f'curl -i {method}"{api}{path}"']
    if operation.audience != "anyone":
        lines.append('-H "Authorization: Bearer $TOKEN"')
    for parameter in operation.parameters:
        if parameter.get("in") == "header" and parameter.get("required"):
            value = _HEADERS.get(parameter["name"].lower(), "$VALUE")
            lines.append(f'-H "{parameter["name"]}: {value}"')
    if operation.body is not None:
        content = json.dumps(example(document, operation.body), ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(content)}"]
    return " \\\n  ".join(lines)


def pretty(value: Any) -> str:
    """`value` as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def resolve(document: Document, schema: Schema) -> Schema:
    """What a `$ref` points to, or the schema itself."""
    found: Any = schema
    for _ in range(_DEPTH):
        if "$ref" not in found:
            break
        found = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found.get(step, {})
        schema = found
    return dict(found)


def _operation(document: Document, method: str, path: str, item: dict[str, Any]) -> Operation:
    raw = item[method]
    parameters = [resolve(document, p) for p in [*item.get("parameters", []), *raw.get("parameters", [])]]
    body = _content_schema(resolve(document, raw.get("requestBody", {})))
    summary, description = raw.get("summary", ""), raw.get("description", "")
    responses = raw.get("responses", {})
    return Operation(method.upper(), path, summary, description, _audience(raw), parameters, body, responses)


def _audience(raw: dict[str, Any]) -> str:
    given = raw.get("x-audience")
    if given:
        return str(given).replace("_", " ")
    return "signed in" if raw.get("security") else "anyone"


def _content_schema(holder: dict[str, Any]) -> Schema | None:
    for media_type in holder.get("content", {}).values():
        schema: Schema = media_type.get("schema", {})
        return schema
    return None


def _says_something(schema: Schema, limit: str) -> bool:
    return limit in schema and not (limit in {"minLength", "minItems"} and schema[limit] == 0)


def _kind(document: Document, schema: Schema) -> str:
    kind = schema.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if "items" in schema:
        text = f"{text} of {words(document, schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        text = f"{text} of {words(document, schema['additionalProperties'])}"
    return f"{text} ({schema['format']})" if "format" in schema else text


def _name(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _example_of_type(document: Document, schema: Schema, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if (kind == "object" or "properties" in schema) and depth < _DEPTH:
        return {key: example(document, inner, depth + 1) for key, inner in schema.get("properties", {}).items()}
    if kind == "array" and depth < _DEPTH:
        return [example(document, schema.get("items", {}), depth + 1)]
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return _FORMATS.get(schema.get("format", ""), "text") if kind == "string" else None
