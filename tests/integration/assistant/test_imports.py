"""What the functions of the assistant load when everything they depend on is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bedrock import Bedrock, Script
from tests.environment import ALWAYS, run_python
from tests.events import scheduled_event
from tests.integration.assistant.conftest import Conversing
from tests.listeners import Listeners
from tests.sockets import connected, socket_event

DATABASE = {"pg8000", "sqlalchemy"}
NEVER = {"alembic", "apispec", "jinja2", "jwt", "PIL"}
ASK = {"action": "ask", "message": "Which lamp?"}


@pytest.mark.parametrize(
    "message", [{"action": "ping"}, {"action": "stop"}, ASK], ids=lambda message: message["action"]
)
def test_a_message_is_handled_without_the_database(
    assistant_environment: dict[str, str], person: Conversing, listeners: Listeners, message: dict[str, Any]
) -> None:
    connection_id = connected(person.person.id)
    event = socket_event("MESSAGE", connection_id, body=json.dumps(message))

    loaded = _loaded_by(f"app.websocket_message({event!r}, None)", assistant_environment)

    assert not loaded & (DATABASE | NEVER)
    assert "boto3" in loaded or message["action"] == "stop"
    assert len(listeners.invocations) == (message == ASK)


def test_a_question_is_answered_without_what_other_functions_need(
    assistant_environment: dict[str, str], person: Conversing, bedrock: Bedrock
) -> None:
    bedrock.will(Script(tools=[("list_own_orders", {}), ("search_products", {"query": "lamp"})]), Script())
    question = person.ask()

    loaded = _loaded_by(f"app.answer_question({question!r}, None)", assistant_environment)

    assert person.end["type"] == "assistant.done"
    assert loaded >= DATABASE
    assert not loaded & NEVER


def test_without_an_embedding_model_indexing_asks_nobody(assistant_environment: dict[str, str]) -> None:
    loaded = _loaded_by(f"app.index_products({scheduled_event()!r}, Context(60_000))", assistant_environment)

    assert not loaded & (NEVER | {"boto3"})


def _loaded_by(call: str, variables: dict[str, str]) -> set[str]:
    """Every module of a fresh interpreter that made `call`."""
    report = "import sys, json; print(json.dumps(sorted(sys.modules)))"
    code = f"import app\nfrom tests.events import Context\n{call}\n{report}"
    return set(json.loads(run_python(code, **ALWAYS, **variables).splitlines()[-1]))
