"""What the model may look up. Whose orders it sees is decided by who asked, never by what the model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chalicelib import orders
from chalicelib.assistant import catalogue
from chalicelib.assistant.model import ToolUse
from chalicelib.assistant.reading import LookUp
from chalicelib.caller import Caller
from chalicelib.errors import MarketplaceError
from chalicelib.observability import logger
from chalicelib.paging import PageRequest

SEARCH_PRODUCTS = "search_products"
LIST_OWN_ORDERS = "list_own_orders"
ORDERS_SHOWN = 10

_LONGEST_QUERY = 200
_LONGEST_DESCRIPTION = 600

_QUERY = {"type": "string", "description": "Words of a name or a description.", "maxLength": _LONGEST_QUERY}
SPECIFICATIONS = [
    {
        "toolSpec": {
            "name": SEARCH_PRODUCTS,
            "description": "Searches the public catalogue for products.",
            "inputSchema": {"json": {"type": "object", "properties": {"query": _QUERY}, "required": ["query"]}},
        }
    },
    {
        "toolSpec": {
            "name": LIST_OWN_ORDERS,
            "description": "Lists the newest orders of the person who asks. It takes no input and knows nobody else's.",
            "inputSchema": {"json": {"type": "object", "properties": {}}},
        }
    },
]


class Refused(Exception):
    """The model asked for something that there is not, or not in this way; it is told the sentence."""


class Toolbox:
    """The tools of one answer. `shown` has every product that the model was shown, by id."""

    def __init__(self, caller: Caller, look_up: LookUp) -> None:
        self._caller = caller
        self._look_up = look_up
        self.shown: dict[UUID, Any] = {}

    def products(self, question: str) -> list[dict[str, Any]]:
        """Products that fit, as the model is shown them."""
        found = catalogue.find(question, self._look_up)
        self.shown |= {product.id: product for product in found}
        return [_product(product) for product in found]

    def use(self, wanted: ToolUse) -> dict[str, Any]:
        """The result of a tool, for the model; what went wrong is a result, too."""
        try:
            content, status = self._result(wanted), "success"
        except (Refused, MarketplaceError) as error:
            logger.info("tool refused", extra={"reason": type(error).__name__})
            content, status = {"error": str(error)}, "error"
        return {"toolResult": {"toolUseId": wanted.id, "content": [{"json": content}], "status": status}}

    def _result(self, wanted: ToolUse) -> dict[str, Any]:
        match wanted.name:
            case "search_products":
                return {"products": self.products(_query(wanted.arguments))}
            case "list_own_orders":
                return {"orders": self._own_orders()}
        raise Refused("There is no such tool.")

    def _own_orders(self) -> list[dict[str, Any]]:
        page = self._look_up(lambda: orders.of_buyer(self._caller, PageRequest(ORDERS_SHOWN)))
        return [_order(order) for order in page.items]


def named_in(reply: str, shown: Mapping[UUID, Any]) -> Sequence[UUID]:
    """The products of `shown` that `reply` names, in the order in which it does."""
    text = f" {_words(reply)} "
    places = {product_id: text.find(f" {_words(product.name)} ") for product_id, product in shown.items()}
    return sorted((product_id for product_id, place in places.items() if place >= 0), key=lambda one: places[one])


def _words(text: str) -> str:
    """The words alone, in lower case, so that neither punctuation nor emphasis hides a name."""
    return " ".join("".join(each if each.isalnum() else " " for each in text.casefold()).split())


def _query(arguments: Mapping[str, Any]) -> str:
    query = arguments.get("query")
    if not isinstance(query, str) or not query.strip():
        raise Refused("Give a query: words to search for.")
    return query[:_LONGEST_QUERY].replace("\x00", " ")


def _product(product: Any) -> dict[str, Any]:
    return {
        "id": str(product.id),
        "name": product.name,
        "description": product.description[:_LONGEST_DESCRIPTION],
        "price": str(product.price),
        "in_stock": product.stock,
    }


def _order(order: Any) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "status": order.status,
        "placed_at": order.placed_at.isoformat(),
        "total": str(order.total),
        "lines": [{"name": line.name, "quantity": line.quantity} for line in order.lines],
    }
