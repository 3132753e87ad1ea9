"""Log events as a person reads them."""

from __future__ import annotations

import json

from local.logs import line


def event(message: str) -> dict[str, object]:
    return {"timestamp": 1_780_000_000_123, "message": message}


def test_structured_record_shows_its_level_message_and_fields() -> None:
    record = {
        "level": "INFO",
        "message": "request",
        "timestamp": "…",
        "cold_start": True,
        "status": 200,
        "route": "GET /",
    }

    shown = line("api_handler", event(json.dumps(record)))

    assert shown.endswith("api_handler        INFO     request  status=200 route=GET /")
    assert ".123  " in shown


def test_other_lines_pass_as_they_are() -> None:
    assert line("migrate", event("Traceback (most recent call last):\n")).endswith("Traceback (most recent call last):")
    assert line("migrate", event('["a", "list"]')).endswith('["a", "list"]')
