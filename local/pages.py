"""The front door's pages: plain HTML, one style sheet, and one script on the welcome page; nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from local import openapi
from local.openapi import Document
from local.people import Person

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "pages.css").read_text()
SCRIPT = (_FOLDER / "welcome.js").read_text()
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0b7285"/>'
    '<path d="M4 12V4.5l4 4 4-4V12" fill="none" stroke="#fff" stroke-width="1.8"/></svg>'
)
_WELCOME = Template((_FOLDER / "welcome.html").read_text())
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def welcome_headers(reaches: Iterable[str]) -> dict[str, str]:
    """The headers of the welcome page: its own script runs, and connects to this origin and the URLs in `reaches`.

    Text that the script would make into markup is refused by the browser (Trusted Types).
    """
    connections = " ".join(["'self'", *reaches])
    script = f"script-src 'self'; connect-src {connections}; require-trusted-types-for 'script'; trusted-types 'none'"
    return {**HEADERS, "Content-Security-Policy": f"{_POLICY}; {script}"}


def welcome(document: Document, people: Iterable[Person]) -> str:
    """The first page: where people try everything out, and the endpoints."""
    who = tuple(people)
    content = _WELCOME.substitute(people=_buttons(who), tokens=_tokens(who), endpoints=_endpoints(document))
    return _layout("Marketplace", content, '<script type="module" src="/welcome.js"></script>')


def _buttons(people: Iterable[Person]) -> str:
    return "".join(
        f'<button type="button" aria-pressed="false" data-email="{escape(person.email)}">{escape(person.name)}</button>'
        for person in people
    )


def _tokens(people: Iterable[Person]) -> str:
    rows = "".join(
        _row(escape(who.email), f"<code>.venv/bin/python -m local token {escape(who.email)}</code>") for who in people
    )
    return f"<table>{_head('who', 'access token')}{rows}</table>"


def _endpoints(document: Document) -> str:
    rows = "".join(
        _row(f'<a href="/docs#{escape(o.anchor)}"><code>{o.method} {escape(o.path)}</code></a>', escape(o.audience),
             escape(o.summary))
        for o in openapi.operations(document)
    )  # fmt: skip
    return f"<table>{_head('endpoint', 'who', 'what')}{rows}</table>"


def docs(document: Document, api: str) -> str:
    """The documentation of every operation and every schema in `document`; its examples call the URL `api`."""
    info = document.get("info", {})
    operations = "".join(_operation(document, operation, api) for operation in openapi.operations(document))
    named = document.get("components", {}).get("schemas", {})
    return _layout(
        f"{info.get('title', 'API')}: documentation",
        f"""<p><a href="/">Marketplace</a></p><h1>{escape(str(info.get("title", "API")))}
{escape(str(info.get("version", "")))}</h1>{_paragraphs(info.get("description", ""))}
<p>Rendered from <a href="/api/openapi.json">the OpenAPI document</a>.</p>
<h2>Operations</h2>{operations}
<h2>Schemas</h2>{"".join(_schema(document, name, schema) for name, schema in sorted(named.items()))}""",
    )


def unavailable(reason: str) -> str:
    """What stands in place of a page while the API gives no OpenAPI document."""
    return _layout(
        "Marketplace",
        f"""<h1>The API does not answer</h1><p>{escape(reason)}</p>
<p>The terminal of <code>make run</code> says what happened; <code>.venv/bin/python -m local status</code> shows what
runs, <code>.venv/bin/python -m local logs</code> what the functions logged.</p>""",
    )


def _operation(document: Document, operation: openapi.Operation, api: str) -> str:
    parts = [
        f'<section class="operation" id="{escape(operation.anchor)}">',
        f'<span class="who">{escape(operation.audience)}</span>',
        f'<h3><span class="method">{operation.method}</span> {escape(operation.path)}</h3>',
        f"<p><strong>{escape(operation.summary)}</strong></p>{_paragraphs(operation.description)}",
        _parameters(document, operation.parameters),
        _request(document, operation),
        _responses(document, operation),
        f"<h4>Example</h4><pre>{escape(openapi.curl(document, operation, api))}</pre></section>",
    ]
    return "".join(parts)


def _parameters(document: Document, parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        _row(
            f"<code>{escape(p['name'])}</code>{_required(p.get('required', False))}",
            escape(p.get("in", "")),
            _type(document, p.get("schema", {})),
            escape(p.get("description", "")),
        )
        for p in parameters
    )
    return f"<h4>Parameters</h4><table>{_head('name', 'in', 'type', '')}{rows}</table>"


def _request(document: Document, operation: openapi.Operation) -> str:
    if operation.body is None:
        return ""
    example = openapi.pretty(openapi.example(document, operation.body))
    return f"<h4>Body</h4><p>{_type(document, operation.body)}</p><pre>{escape(example)}</pre>"


def _responses(document: Document, operation: openapi.Operation) -> str:
    rows = "".join(
        _row(f"<code>{escape(status)}</code>", _type(document, schema) if schema else "", escape(description))
        for status, schema, description in openapi.responses(document, operation)
    )
    return f"<h4>Responses</h4><table>{_head('status', 'body', '')}{rows}</table>"


def _schema(document: Document, name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        _row(
            f"<code>{escape(field)}</code>{_required(field in required)}",
            _type(document, shape),
            escape(shape.get("description", "")),
        )
        for field, shape in schema.get("properties", {}).items()
    )
    fields = f"<table>{_head('field', 'type', '')}{rows}</table>" if rows else f"<p>{_type(document, schema)}</p>"
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        f"{_paragraphs(schema.get('description', ''))}{fields}</section>"
    )


def _type(document: Document, schema: dict[str, Any]) -> str:
    """The type in words, with links to named schemas."""
    linked = []
    for word in openapi.words(document, schema).split(" "):
        name = word.strip("[]{},")
        is_named = name in document.get("components", {}).get("schemas", {})
        linked.append(f'<a href="#schema-{escape(name)}">{escape(word)}</a>' if is_named else escape(word))
    return " ".join(linked)


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _required(is_required: bool) -> str:
    return " <small>required</small>" if is_required else ""


def _head(*titles: str) -> str:
    return "<tr>" + "".join(f"<th>{title}</th>" for title in titles) + "</tr>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _layout(title: str, content: str, script: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/icon.svg">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{script}</head><body>{content}</body></html>"
    )
