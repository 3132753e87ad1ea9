"""`mail`: the e-mails that SES took. The emulator delivers none; it keeps them."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local import aws
from local.home import Home, Settings
from local.progress import Problem
from local.stacks import running
from ops.terminal import printable

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Email:
    """An e-mail as it was sent. `number` counts from 1, the oldest first."""

    number: int
    sent_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str

    def is_to(self, address: str) -> bool:
        """Whether it went to `address`; every one is to nobody in particular (`""`)."""
        return not address or address.lower() in {recipient.lower() for recipient in self.recipients}


def run(home: Home, arguments: Namespace) -> None:
    """List e-mails, newest last, or show one. Raises Problem when there is no such e-mail."""
    settings, _ = running(home)
    if arguments.action == "show":
        print(shown(_chosen(sent(settings), arguments.number, arguments.to), html=arguments.html))
        return
    for email in _followed(settings) if arguments.follow else sent(settings):
        if email.is_to(arguments.to):
            print(line(email), flush=True)


def sent(settings: Settings) -> list[Email]:
    """Every e-mail that was sent, oldest first."""
    kept = f"{aws.endpoint(settings)}/_ministack/ses/messages"
    answer = httpx.get(kept, params={"account": aws.ACCOUNT}, timeout=PATIENCE_SECONDS)
    return numbered(answer.raise_for_status().json()["messages"].get(aws.ACCOUNT, []))


def numbered(records: list[dict[str, Any]]) -> list[Email]:
    """The emulator's records of e-mails as e-mails, oldest first."""
    in_order = sorted(records, key=lambda record: record["Timestamp"])
    return [
        Email(
            number,
            datetime.fromtimestamp(record["Timestamp"]).astimezone(),
            record["Source"],
            (*record["To"], *record["CC"], *record["BCC"]),
            record["Subject"],
            record["BodyText"] or "",
            record["BodyHtml"] or "",
        )
        for number, record in enumerate(in_order, 1)
    ]


def line(email: Email) -> str:
    """An e-mail in a list: number, time, to, subject."""
    to = printable(", ".join(email.recipients))
    return f"{email.number:>4}  {email.sent_at:%d %b %H:%M:%S}  {to:<32}  {printable(email.subject)}"


def shown(email: Email, *, html: bool = False) -> str:
    """An e-mail as its reader sees it: the text part, or the source of the HTML part."""
    headers = {
        "From": email.sender,
        "To": ", ".join(email.recipients),
        "Date": email.sent_at.isoformat(sep=" ", timespec="seconds"),
        "Subject": email.subject,
    }
    lines = "".join(f"{name}: {printable(value)}\n" for name, value in headers.items())
    return f"{lines}\n{printable(email.html if html else email.text)}"


def _chosen(emails: list[Email], number: int | None, address: str) -> Email:
    found = [email for email in emails if email.is_to(address) and number in {None, email.number}]
    if not found:
        raise Problem("There is no such e-mail.", "`python -m local mail` lists those that were sent.")
    return found[-1]


def _followed(settings: Settings) -> Iterator[Email]:
    """Every e-mail so far, and then each that comes."""
    listed = 0
    while True:
        emails = sent(settings)
        yield from emails[listed:]
        listed = len(emails)
        time.sleep(POLL_SECONDS)
