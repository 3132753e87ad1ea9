"""Broken on purpose: the application without one of its precautions. A check that passes these checks nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from chalicelib import database
from chalicelib.messaging import destinations, inbox, relay
from chalicelib.messaging.destinations import Message
from chalicelib.messaging.envelope import sealed
from chalicelib.orders import events
from tests.faults import crash_points as at
from tests.faults.seams import crash_after, crash_before, replace

CALL_SECONDS = 0.1
"""How long it takes to send events where they are not stored: as long as a service may take, not an emulator."""


@dataclass(frozen=True)
class Control:
    """A variant, the scene in which it fails, and the kind of finding by which the check has to notice it."""

    name: str
    variant: Callable[[], None]
    scene: str
    finding: str
    arm: Callable[[], None] = lambda: None


def no_outbox() -> None:
    """Events are sent after the commit, and stored nowhere."""

    def instead(_: Any) -> Any:
        def add(kind: Any, subject: Any, *, group: Any) -> None:
            event = sealed(kind, subject)
            messages = [
                Message(number, event.id, each.value, group, event.type, event.to_json(), event.correlation_id)
                for number, each in enumerate(kind.destinations)
            ]
            _send_after_commit(messages)

        return add

    replace(at.STORE, instead)


def marked_before_sent() -> None:
    """The relay commits that an event was sent, and then sends it."""

    def instead(_: Any) -> Any:
        def claimed(claim: Any, chosen: dict[str, Any]) -> int | None:
            rows = database.connection().execute(claim, {"limit": 30} | chosen).all()
            positions = [row.position for row in rows]
            database.connection().execute(relay._PUBLISHED, {"positions": positions})
            _send_after_commit([Message(**row._asdict()) for row in rows])
            return len(rows) or None

        return claimed

    replace("chalicelib.messaging.relay:_send_claimed", instead)


def no_inbox() -> None:
    """Every delivery is taken for the first, and its effect does not look at what has happened already."""

    def confirm(message: Any) -> None:
        from chalicelib.messaging import outbox
        from chalicelib.orders import repository

        order = repository.find_for_change(message.read(events.PLACED)["id"])
        changed = None if order is None else repository.change_status(order, "confirmed")
        if changed is not None:
            outbox.add(events.CONFIRMED, changed, group=changed.id)

    replace("chalicelib.orders:confirm", lambda _: confirm)
    replace(at.INBOX, lambda add: lambda consumer, message_id: add(consumer, message_id) or True)


def no_claim() -> None:
    """E-mails are sent in the transaction that notes them."""

    def instead(_: Any) -> Any:
        def deliver(message: Any, consumer: str, post: Any) -> bool:
            return database.write(lambda: once(message, consumer, post))

        def once(message: Any, consumer: str, post: Any) -> bool:
            post.plan(message)
            while (delivery := post.claim(message)) is not None:
                post.settle(post.send(delivery))
            return inbox.add(consumer, message.id)

        return deliver

    replace("chalicelib.messaging.delivery:_deliver", instead)


def no_outbox_and_no_inbox() -> None:
    """Events are sent after the commit, and every delivery has its effect."""
    no_outbox()
    no_inbox()
    no_claim()


def no_conditional_update() -> None:
    """The stock is read, reduced here, and written back."""
    put = text("UPDATE products SET stock = :left WHERE id = :id")

    def instead(take: Any) -> Any:
        def read_and_write(quantities: Any) -> list[Any]:
            from chalicelib.products import repository

            found = repository.find_public(quantities.keys())
            database.connection().execute(text("SELECT pg_sleep(0.05)"))
            for product in found:
                left = product.stock - quantities[product.id]
                database.connection().execute(put, {"left": left, "id": product.id})
            return found

        return read_and_write

    replace(at.TAKE, instead)


def no_idempotency_record() -> None:
    """A repeated request is a new one."""
    replace("chalicelib.web.idempotency:_remember", lambda _: lambda wanted, answer: None)


def stock_put_back_later() -> None:
    """Stock is returned in a transaction of its own, after the one that ended the order."""

    def instead(put_back: Any) -> Any:
        return lambda quantities: database.after_commit(lambda: database.write(lambda: put_back(quantities)))

    replace("chalicelib.products:put_back", instead)


def deleted_before_sent() -> None:
    """A redrive takes a dead letter away, and then sends it."""

    def instead(_: Any) -> Any:
        from tests.faults.world import redrive

        def send_back(queue: Any, messages: list[Any]) -> list[Any]:
            entries = [{"Id": str(index), **redrive._redriven(queue, each)} for index, each in enumerate(messages)]
            if messages:
                redrive._call("delete_message_batch", queue.dead, Entries=redrive._handles(messages))
                redrive._call("send_message_batch", queue.name, Entries=entries)
            return messages

        return send_back

    replace("chalicelib.messaging.redrive:_send_back", instead)


def no_commit() -> None:
    """Nothing is ever committed."""
    replace(at.COMMIT, lambda _: lambda unit: None)


CONTROLS = [
    Control("no outbox", no_outbox, "place", "lost", lambda: crash_before(at.SEND)),
    Control("marked before it is sent", marked_before_sent, "place", "lost", lambda: crash_before(at.SEND)),
    Control("no inbox", no_inbox, "fulfil", "doubled", lambda: crash_before(at.REPLY)),
    Control("no claim before an e-mail", no_claim, "email", "doubled", lambda: crash_after(at.EMAIL)),
    Control("no conditional update of the stock", no_conditional_update, "crowd", "ledger"),
    Control("no idempotency record", no_idempotency_record, "place", "phantom", lambda: crash_before(at.REPLY)),
    Control("stock put back later", stock_put_back_later, "expire", "ledger", lambda: crash_after(at.COMMIT)),
    Control("deleted before it is sent", deleted_before_sent, "redrive", "lost", lambda: crash_after(at.QUEUE_CALL, 3)),
    Control("no commit", no_commit, "crowd", "missing"),
]


def _send_after_commit(messages: list[Message]) -> None:
    def send() -> None:
        time.sleep(CALL_SECONDS)
        destinations.send(messages, lambda *_: None)

    database.after_commit(send)
