"""Notifications in tests: what people are sent, and what is known about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import app
from chalicelib.messaging.envelope import sealed
from tests.edge import Edge, Refusal, Sent
from tests.events import Context, sqs_event
from tests.people import Person
from tests.services import Services

if TYPE_CHECKING:
    from chalicelib.messaging.envelope import EventType
    from chalicelib.orders.models import Order


def told(kind: EventType, order: Order) -> str:
    """The body of a new message that tells of `order`."""
    return sealed(kind, order).to_json()


def emailed(*bodies: str) -> Any:
    """The report of the function that sends e-mails."""
    return app.send_emails(sqs_event("emails", bodies), Context())


def pushed(*bodies: str) -> Any:
    """The report of the function that sends pushes."""
    return app.send_pushes(sqs_event("pushes", bodies), Context())


def emails_to(edge: Edge, person: Person) -> list[Mapping[str, Any]]:
    """The e-mails that `person` got, as they were handed to SES."""
    return [
        sent.fields
        for sent in edge.accepted
        if sent.destination == "email" and sent.fields["Destination"]["ToAddresses"] == [person.email]
    ]


def text_of(email: Mapping[str, Any]) -> str:
    """The text part of an e-mail."""
    return str(email["Content"]["Simple"]["Body"]["Text"]["Data"])


def html_of(email: Mapping[str, Any]) -> str:
    """The HTML part of an e-mail."""
    return str(email["Content"]["Simple"]["Body"]["Html"]["Data"])


def states(services: Services, body: str) -> list[tuple[str, str, str]]:
    """Kind, state and detail of each notification of a message, in the order in which they were planned."""
    rows = services.sql(
        "SELECT kind, state, detail FROM notifications WHERE event_id = CAST(:id AS uuid) ORDER BY id",
        id=json.loads(body)["id"],
    )
    return [(kind, state, detail) for kind, state, detail in rows]


def of_providers(refusal: Refusal | None) -> Callable[[list[Sent]], Refusal | None]:
    """Refuses what is for people, and lets events pass."""
    carriers = {"orders.fifo", "order-events", "bus"}
    return lambda sent: None if sent[0].destination in carriers else refusal


def changed(services: Services, person: Person, **columns: Any) -> Person:
    """`person`, with other columns in their profile."""
    for name, value in columns.items():
        services.sql(f"UPDATE users SET {name} = :value WHERE id = :id", value=value, id=str(person.id))  # noqa: S608
    return person
