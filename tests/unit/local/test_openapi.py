"""Reading an OpenAPI document for the documentation page."""

from __future__ import annotations

from typing import Any

from local import openapi, pages

DOCUMENT: dict[str, Any] = {
    "info": {"title": "Shop <1>", "version": "1"},
    "paths": {
        "/things/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
            ],
            "patch": {
                "summary": "Changes a thing",
                "x-audience": "signed_in",
                "parameters": [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
                "responses": {
                    "200": {"description": "It", "content": {"application/json": {"schema": {"type": "object"}}}},
                    "204": {"$ref": "#/components/responses/Nothing"},
                },
            },
            "get": {"responses": {}},
        }
    },
    "components": {
        "responses": {"Nothing": {"description": "Nothing to say"}},
        "schemas": {
            "Change": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 5, "example": "it's"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}},
                    "state": {"enum": ["on", "off"]},
                    "when": {"type": ["string", "null"], "format": "date-time"},
                },
            }
        },
    },
}


def test_operations_come_in_order_with_what_their_path_declares() -> None:
    get, patch = openapi.operations(DOCUMENT)

    assert [p["name"] for p in patch.parameters] == ["id", "If-Match"]
    assert (get.audience, patch.audience) == ("anyone", "signed in")
    assert get.anchor != patch.anchor


def test_schemas_are_told_in_words() -> None:
    properties = DOCUMENT["components"]["schemas"]["Change"]["properties"]

    said = {name: openapi.words(DOCUMENT, schema) for name, schema in properties.items()}

    assert said == {
        "name": "string, at most 5 characters",
        "parts": "array of Change",
        "state": "one of on, off",
        "when": "string or null (date-time)",
    }
    inline = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}}},
    }
    assert openapi.words(DOCUMENT, inline) == "{items: array of Change}"


def test_schema_that_holds_itself_has_an_example() -> None:
    example = openapi.example(DOCUMENT, {"$ref": "#/components/schemas/Change"})

    assert example["name"] == "it's"
    assert example["parts"][0]["state"] == "on"


def test_curl_command_is_quoted_for_the_shell() -> None:
    patch = list(openapi.operations(DOCUMENT))[1]

    command = openapi.curl(DOCUMENT, patch, "http://localhost:8000/api")

    assert command.startswith('curl -i -X PATCH "http://localhost:8000/api/things/$id"')
    assert '-H "Authorization: Bearer $TOKEN"' in command
    assert '-H "If-Match: $ETAG"' in command
    assert """'"'"'s""" in command


def test_page_escapes_what_the_document_says_and_links_named_schemas() -> None:
    page = pages.docs(DOCUMENT, "http://localhost:8000/api")

    assert "Shop &lt;1&gt;" in page
    assert "<1>" not in page
    assert '<a href="#schema-Change">Change</a>' in page
    assert "Nothing to say" in page
