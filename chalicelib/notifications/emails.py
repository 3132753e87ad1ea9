"""E-mail through SES: an HTML part that escapes what people wrote, a text part, and a way to the preferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from chalicelib import clients, config, users
from chalicelib.messaging.delivery import Outcome
from chalicelib.messaging.envelope import Envelope
from chalicelib.money import Money
from chalicelib.notifications import repository
from chalicelib.notifications.models import EMAIL, Notification
from chalicelib.notifications.notices import WORDS, notices, own_lines, read
from chalicelib.notifications.post import StoredPost, planned
from chalicelib.notifications.provider import outcome_of
from chalicelib.users import Profile

REFUSALS = frozenset({"BadRequestException", "MessageRejected"})
"""By these SES says that it will not send this to this address."""


@dataclass(frozen=True)
class Email:
    """What is sent to one address."""

    notification_id: UUID
    kind: str
    address: str
    subject: str
    text: str
    html: str


class Emails(StoredPost):
    """Tells people by e-mail: those who want that and whose address takes it."""

    channel = EMAIL

    def plan(self, message: Envelope) -> None:
        """Stores an e-mail for everybody who is to hear of `message`; again changes nothing."""
        wanted = notices(message)
        people = users.named({notice.user_id for notice in wanted})
        suppressed = repository.suppressed([person.email for person in people.values()])
        self.stored(
            message,
            [
                planned(notice)
                for notice in wanted
                if (person := people.get(notice.user_id)) and _wants(person, suppressed)
            ],
        )

    def claim(self, message: Envelope) -> Email | None:
        """The next e-mail of `message`, claimed."""
        notification = self.claimed(message)
        if notification is None:
            return None
        return _written(notification, read(message), users.named([notification.user_id])[notification.user_id])

    def send(self, email: Email) -> Outcome:
        """Hands the e-mail to SES, once."""
        settings = config.current()
        return outcome_of(
            email.notification_id,
            lambda: clients.client("sesv2", attempts=1).send_email(
                FromEmailAddress=settings.mail_from,
                Destination={"ToAddresses": [email.address]},
                Content={"Simple": _content(email)},
                ConfigurationSetName=settings.mail_configuration_set,
                EmailTags=[{"Name": "kind", "Value": email.kind}],
            ),
            REFUSALS,
        )


by_email = Emails()


def _wants(person: Profile, suppressed: set[str]) -> bool:
    return person.notify_email and not person.disabled and bool(person.email) and person.email.lower() not in suppressed


def _written(notification: Notification, order: Mapping[str, Any], person: Profile) -> Email:
    words, lines = WORDS[notification.kind], own_lines(order, notification.kind, person.id)
    values = {
        "words": words,
        "name": person.name,
        "order_id": order["id"],
        "lines": lines,
        "total": _total(lines),
        "preferences_url": config.current().preferences_url,
    }
    return Email(
        notification.id,
        notification.kind,
        person.email,
        words.title,
        _template("order.txt").render(values),
        _template("order.html").render(values),
    )


def _total(lines: Sequence[Mapping[str, Any]]) -> Money:
    return Money(sum(line["line_total"].amount for line in lines), lines[0]["line_total"].currency)


def _content(email: Email) -> dict[str, Any]:
    return {
        "Subject": {"Data": email.subject, "Charset": "UTF-8"},
        "Body": {
            "Text": {"Data": email.text, "Charset": "UTF-8"},
            "Html": {"Data": email.html, "Charset": "UTF-8"},
        },
        "Headers": [{"Name": "List-Unsubscribe", "Value": f"<{config.current().preferences_url}>"}],
    }


@lru_cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
