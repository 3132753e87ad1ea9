"""What the laptop's model says when nobody has told it what to say: it reads its prompt as the assistant writes it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PRODUCTS = re.compile(r"<products>(.*?)</products>\s*", re.DOTALL)
_ABOUT_ORDERS = re.compile(r"\b(my|own|last|recent) (\w+ )?orders?\b|\bi (order|bought|purchased)", re.IGNORECASE)
_SEARCHES = re.compile(r"\b(?:search|find|look)\b(?:\s+(?:for|me|up|an?|the|some|all)\b)*\s*([^?!]*)", re.IGNORECASE)
_LONGEST_QUERY = 120

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What the model says, or which tools it wants: name and arguments."""

    text: str = ""
    tool_calls: Sequence[tuple[str, Any]] = ()


def reply(messages: Sequence[Message], tools: Sequence[str]) -> Said:
    """The next thing that a helpful assistant says after `messages`, with the named tools at hand."""
    if messages[-1]["role"] == "tool":
        return Said(_from_results(messages))
    shown, question = _read(str(messages[-1]["content"] or ""))
    if "list_own_orders" in tools and _ABOUT_ORDERS.search(question):
        return Said(tool_calls=[("list_own_orders", {})])
    if "search_products" in tools and (search := _SEARCHES.search(question)):
        return Said(tool_calls=[("search_products", {"query": search[1].strip(" ?.!\n")[:_LONGEST_QUERY] or question})])
    return Said(_earlier(messages) + _recommendation(shown, question))


def embedding(text: str, dimensions: int) -> list[float]:
    """A vector of the text's words: texts with common words point in similar directions."""
    vector = [0.0] * dimensions
    for word in _words(text):
        place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        vector[place % dimensions] += 1
    length = math.sqrt(sum(each * each for each in vector)) or 1.0
    return [each / length for each in vector]


def _from_results(messages: Sequence[Message]) -> str:
    """What the tools have found, in sentences."""
    results = [_json(message["content"]) for message in messages if message["role"] == "tool"]
    result = results[-1] if isinstance(results[-1], dict) else {}
    if "orders" in result:
        return _orders(result["orders"])
    if result.get("products"):
        questions = [_read(str(each["content"]))[1] for each in messages if each["role"] == "user"]
        return _recommendation(result["products"], questions[-1])
    return "I could not look that up just now. Please try again in a moment, or ask me something else."


def _orders(orders: Sequence[Mapping[str, Any]]) -> str:
    if not orders:
        return "You have no orders yet. When you place one, you can ask me here what has become of it."
    newest = orders[0]
    lines = ", ".join(f"{line['quantity']} x {line['name']}" for line in newest["lines"])
    return (
        f"I found {len(orders)} of your orders. The newest one is {newest['status']}: {lines}. "
        f"It comes to {newest['total']}, and its number is {newest['id']}. "
        "Tell me if you want to know more about it or about an earlier one."
    )


def _recommendation(products: Sequence[Mapping[str, Any]], question: str) -> str:
    if not products:
        return (
            "I was shown nothing that fits. Tell me a little more about what you have in mind, and I will look again."
        )
    wanted = set(_words(question))
    best, *others = sorted(products, key=lambda one: -len(wanted & set(_words(f"{one['name']} {one['description']}"))))
    first_sentence = re.split(r"(?<=[.!?])\s", str(best["description"]).strip(), maxsplit=1)[0]
    sentences = [
        f"From what you write, I would look at the {best['name']} first.",
        f"It costs {best['price']}, and there are {best['in_stock']} of it in stock.",
        f"Its seller says of it: {first_sentence}" if first_sentence else "",
        f"If that is not quite it, the {others[0]['name']} for {others[0]['price']} may be." if others else "",
        "Tell me more about what it is for, and I will gladly narrow it down.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _earlier(messages: Sequence[Message]) -> str:
    asked = [_read(str(message["content"]))[1] for message in messages[:-1] if message["role"] == "user"]
    return f"Before this you asked: “{asked[-1]}” " if asked else ""


def _read(content: str) -> tuple[list[dict[str, Any]], str]:
    """The products in a message of the user, and the question beside them."""
    found = _PRODUCTS.search(content)
    products = _json(found[1]) if found else []
    return products if isinstance(products, list) else [], _PRODUCTS.sub("", content, count=1).strip()


def _json(text: Any) -> Any:
    try:
        return json.loads(str(text))
    except ValueError:
        return None


def _words(text: str) -> list[str]:
    """The words that mean something, by their beginnings: `lamps` is `lamp` here."""
    return [word[:5].rstrip("s") for word in re.findall(r"\w{4,}", text.lower())]
