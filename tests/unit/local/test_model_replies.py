"""What the laptop's model says by itself: products that exist, tools where they help, and in enough words to stream."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from local.model_replies import embedding, reply
from local.model_server import Script

TOOLS = ["search_products", "list_own_orders"]
LAMP = {"id": "1", "name": "Walnut lamp", "description": "Warm light. Bright.", "price": "12.00 EUR", "in_stock": 3}
BELL = {"id": "2", "name": "Brass bell", "description": "Rings.", "price": "18.50 EUR", "in_stock": 1}
ORDER = {"id": "o1", "status": "confirmed", "total": "18.50 EUR", "lines": [{"name": "Brass bell", "quantity": 1}]}


def _asked(question: str, *products: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": f"<products>{json.dumps(products)}</products>\n{question}"}


def test_it_names_the_product_that_fits_best() -> None:
    said = reply([_asked("A bell for my door?", LAMP, BELL)], TOOLS)

    assert "Brass bell" in said.text
    assert said.text.index("Brass bell") < said.text.index("Walnut lamp")
    assert len(Script(reply=said.text).pieces) > 12
    assert "".join(Script(reply=said.text).pieces) == said.text


def test_it_names_nothing_that_it_was_not_shown() -> None:
    assert "nothing that fits" in reply([_asked("A bell?")], TOOLS).text


@pytest.mark.parametrize("question", ["Where is my order?", "What did I order?", "Show me my last order."])
def test_it_looks_up_orders_when_it_is_asked_about_them(question: str) -> None:
    assert reply([_asked(question, LAMP)], TOOLS).tool_calls == [("list_own_orders", {})]


def test_it_searches_when_it_is_asked_to() -> None:
    assert reply([_asked("Can you find me a brass bell?", LAMP)], TOOLS).tool_calls == [
        ("search_products", {"query": "brass bell"})
    ]


def test_without_tools_it_uses_none() -> None:
    assert "Walnut lamp" in reply([_asked("Where is my order?", LAMP)], []).text


def test_it_tells_what_the_tools_have_found() -> None:
    question, call = _asked("Where is my order?", LAMP), {"role": "assistant", "content": None}

    def after(result: Any) -> str:
        return reply([question, call, {"role": "tool", "content": json.dumps(result)}], TOOLS).text

    assert "o1" in after({"orders": [ORDER]})
    assert "no orders yet" in after({"orders": []})
    assert "Brass bell" in after({"products": [BELL]})
    assert "could not look that up" in after({"error": "down"})


def test_it_remembers_what_was_asked_before() -> None:
    before = [_asked("Is it tall?", LAMP), {"role": "assistant", "content": "Yes."}]

    assert "Is it tall?" in reply([*before, _asked("And heavy?", LAMP)], TOOLS).text


def test_texts_with_common_words_are_near_each_other() -> None:
    lamp, lamps, bell = (embedding(text, 1024) for text in ("a walnut lamp", "lamps of walnut", "a brass bell"))

    assert math.isclose(sum(each * each for each in lamp), 1)
    assert _nearness(lamp, lamps) > 0.9 > _nearness(lamp, bell)


def _nearness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
