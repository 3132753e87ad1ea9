"""The front door's pages: plain HTML that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Any

from local import openapi
from local.openapi import Document

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #8882; --accent: #0b7285; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); } code, pre { font-family: ui-monospace, monospace; font-size: .875em; }
pre { background: var(--quiet); padding: .75rem; border-radius: .4rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; }
th { font-weight: 600; } tr + tr td { border-top: 1px solid var(--line); }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 0 1rem 1rem; margin: 1rem 0; }
section h3 { font-family: ui-monospace, monospace; } section h4 { margin: 1rem 0 .3rem; }
.method { color: var(--accent); font-weight: 700; } .who { float: right; font: .8rem system-ui; border: 1px solid
var(--line); border-radius: 1rem; padding: .1rem .6rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def welcome(document: Document, people: Iterable[str]) -> str:
    """The first page: the endpoints, who may sign in, and where the documentation is."""
    operations = "".join(
        _row(f'<a href="/docs#{escape(o.anchor)}"><code>{o.method} {escape(o.path)}</code></a>', escape(o.audience),
             escape(o.summary))
        for o in openapi.operations(document)
    )  # fmt: skip
    tokens = "".join(_row(escape(who), f"<code>.venv/bin/python -m local token {escape(who)}</code>") for who in people)
    return _layout(
        "Marketplace",
        f"""<h1>Marketplace</h1>
<p>The backend runs on this machine. <a href="/docs">Read the API's documentation</a>, or take
<a href="/api/openapi.json">its OpenAPI document</a>.</p>
<h2>Demo people</h2>
<p>They share the password that <code>make run</code> printed. A token signs requests as one of them:</p>
<table>{_head("who", "access token")}{tokens}</table>
<h2>Endpoints</h2>
<p>All paths stand under <code>/api</code>.</p>
<table>{_head("endpoint", "who", "what")}{operations}</table>""",
    )


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
        f'<section id="{escape(operation.anchor)}"><span class="who">{escape(operation.audience)}</span>',
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


def _layout(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{content}</body></html>"
    )
