"""The reckoning: what clients were told against what is in the database and what left the system."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.notifications.notices import TO_BUYERS, TO_SELLERS, WORDS
from chalicelib.orders import events
from tests.faults.shop import Expected
from tests.faults.world import Mail, World

HISTORY = {
    "confirmed": ["order.placed", "order.confirmed"],
    "cancelled": ["order.placed", "order.confirmed", "order.cancelled"],
    "expired": ["order.placed", "order.expired"],
}
"""The events of an order that ended so, each of which happens once."""

CONSUMERS = {kind.name: ("send_emails", "send_pushes") for kind in events.ALL} | {"order.placed": ("fulfil_orders",)}
DESTINATIONS = {kind.name: {destination.value for destination in kind.destinations} for kind in events.ALL}

_ORDERS = """
    SELECT id::text, status, version, buyer_id::text FROM orders
    WHERE id IN (SELECT order_id FROM order_lines WHERE product_id = ANY(CAST(:products AS uuid[])))
"""
_SELLERS = """
    SELECT DISTINCT order_id::text, seller_id::text FROM order_lines WHERE product_id = ANY(CAST(:products AS uuid[]))
"""
_EVENTS = """
    SELECT event_id::text, group_id::text, type, array_agg(destination), bool_and(published_at IS NOT NULL)
    FROM outbox WHERE group_id = ANY(CAST(:orders AS uuid[])) GROUP BY event_id, group_id, type
"""
_INBOX = "SELECT consumer, message_id::text FROM inbox"
_NOTIFICATIONS = """
    SELECT event_id::text, user_id::text, kind, channel, state, count(*) FROM notifications GROUP BY 1, 2, 3, 4, 5
"""
_PEOPLE = "SELECT id::text, email, notify_email FROM users"
_LEDGER = """
    SELECT products.id::text, stock,
           coalesce(sum(quantity) FILTER (WHERE orders.status NOT IN ('cancelled', 'expired')), 0)
    FROM products LEFT JOIN order_lines ON product_id = products.id LEFT JOIN orders ON orders.id = order_id
    WHERE products.id = ANY(CAST(:products AS uuid[])) GROUP BY products.id
"""


@dataclass(frozen=True)
class Finding:
    """A promise that was not kept, about an order or a product.

    `kind` is `missing` (acknowledged and not stored), `phantom` (stored or sent, and nobody asked for it), `lost` (an
    order that did not end as it should), `undelivered` (an event or e-mail that did not get to where it was to go),
    `doubled`, `ledger` (units that are neither left nor reserved), or `refused` (an answer that nobody should get).
    """

    kind: str
    subject: str
    detail: str


class Reckoning:
    """The state of the world, read once, and what is wrong with it."""

    def __init__(self, world: World, expected: Expected) -> None:
        self._world = world
        self._expected = expected
        products = sorted(expected.stock)
        self._orders = {row[0]: row[1:] for row in world.sql(_ORDERS, products=products)}
        self._sellers: dict[str, list[str]] = defaultdict(list)
        for order_id, seller in world.sql(_SELLERS, products=products):
            self._sellers[order_id].append(seller)
        self._events = world.sql(_EVENTS, orders=sorted(self._orders))
        self._ledger = world.sql(_LEDGER, products=products)

    def findings(self) -> list[Finding]:
        """Every promise that was not kept."""
        checks: list[Callable[[], Iterator[Finding]]] = [
            self._acknowledged, self._phantoms, self._ends, self._histories, self._deliveries, self._notified,
            self._ledgers, self._refusals,
        ]  # fmt: skip
        return [finding for check in checks for finding in check()]

    @cached_property
    def uncertain(self) -> int:
        """Notifications of which nobody can say whether they were sent."""
        mine = {event[0] for event in self._events}
        return sum(row[5] for row in self._notifications if row[0] in mine and row[4] == "uncertain")

    @property
    def mails(self) -> int:
        """E-mails that left the system about these orders."""
        return sum(self._mailed.values())

    def _acknowledged(self) -> Iterator[Finding]:
        for order_id in self._expected.orders.keys() - self._orders.keys():
            yield Finding("missing", order_id, "was acknowledged and is not stored")

    def _phantoms(self) -> Iterator[Finding]:
        for order_id in self._orders.keys() - self._expected.orders.keys():
            yield Finding("phantom", order_id, "is stored and nobody was told")

    def _ends(self) -> Iterator[Finding]:
        for order_id, (status, version, _) in self._orders.items():
            wanted = self._expected.orders.get(order_id, "confirmed")
            if status != wanted:
                yield Finding("lost", order_id, f"is {status} and should be {wanted}")
            elif version > len(HISTORY[wanted]):
                yield Finding("doubled", order_id, f"was changed {version - 1} times on its way to {wanted}")

    def _histories(self) -> Iterator[Finding]:
        """Events of an order are stored once each, and have gone everywhere they were to go."""
        happened: dict[str, Counter[str]] = defaultdict(Counter)
        for _, order_id, kind, destinations, is_published in self._events:
            happened[order_id][kind] += 1
            if not is_published or set(destinations) != DESTINATIONS[kind]:
                yield Finding("undelivered", order_id, f"{kind} was not sent everywhere")
        for order_id, (status, *_) in self._orders.items():
            for kind, times in happened[order_id].items():
                if times > 1 or kind not in HISTORY.get(status, [kind]):
                    yield Finding("doubled", order_id, f"{kind} happened {times} times and it is {status}")
            for kind in HISTORY.get(status, []):
                if not happened[order_id][kind]:
                    yield Finding("undelivered", order_id, f"{kind} was never stored")

    def _deliveries(self) -> Iterator[Finding]:
        done = {(consumer, message_id) for consumer, message_id in self._world.sql(_INBOX)}
        for event_id, order_id, kind, *_ in self._events:
            for consumer in CONSUMERS[kind]:
                if (consumer, event_id) not in done:
                    yield Finding("undelivered", order_id, f"{kind} did not reach {consumer}")

    def _notified(self) -> Iterator[Finding]:
        """Nobody got two e-mails of a kind; who got none has a notification that nobody can decide."""
        states = {
            (event, user, kind): state
            for event, user, kind, channel, state, _ in self._notifications
            if channel == "email"
        }
        people = {row[0]: row[1:] for row in self._world.sql(_PEOPLE)}
        due: set[tuple[str, str, str]] = set()
        for event_id, order_id, event, *_ in self._events:
            for user, kind in self._notices(order_id, event):
                address, is_willing = people[user]
                times = self._mailed[Mail(order_id, address, WORDS[kind].title)]
                due.add((order_id, address, WORDS[kind].title))
                yield from self._mail_findings(order_id, kind, times, states.get((event_id, user, kind)), is_willing)
        for mail, times in self._mailed.items():
            if times > 1:
                yield Finding("doubled", mail.order_id, f"{times} e-mails {mail.subject!r} to {mail.address}")
            if (mail.order_id, mail.address, mail.subject) not in due:
                yield Finding("phantom", mail.order_id, f"e-mail {mail.subject!r} to {mail.address}")

    def _notices(self, order_id: str, event: str) -> Iterator[tuple[str, str]]:
        if event in TO_BUYERS:
            yield self._orders[order_id][2], TO_BUYERS[event]
        if event in TO_SELLERS:
            yield from ((seller, TO_SELLERS[event]) for seller in self._sellers[order_id])

    def _mail_findings(
        self, order_id: str, kind: str, times: int, state: str | None, is_willing: bool
    ) -> Iterator[Finding]:
        if not is_willing and times:
            yield Finding("phantom", order_id, f"e-mail {kind} to somebody who does not want any")
        if is_willing and times == 0 and state != "uncertain":
            yield Finding("undelivered", order_id, f"e-mail {kind} was not sent and is {state}")
        if is_willing and times and state not in {"sent", "uncertain"}:
            yield Finding("undelivered", order_id, f"e-mail {kind} was sent and is {state}")

    def _ledgers(self) -> Iterator[Finding]:
        for product_id, left, reserved in self._ledger:
            if left + reserved != self._expected.stock[product_id]:
                yield Finding(
                    "ledger", product_id, f"{left} left + {reserved} reserved of {self._expected.stock[product_id]}"
                )

    def _refusals(self) -> Iterator[Finding]:
        for refusal in self._expected.refusals:
            yield Finding("refused", "", refusal)

    @cached_property
    def _notifications(self) -> list[list[Any]]:
        return self._world.sql(_NOTIFICATIONS)

    @cached_property
    def _mailed(self) -> Counter[Mail]:
        return Counter(mail for mail in self._world.mails() if mail.order_id in self._orders)
