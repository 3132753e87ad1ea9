"""Captured e-mails as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from local.mail import Email, _chosen, line, numbered, shown
from local.progress import Problem


def record(to: str, at: float, **more: Any) -> dict[str, Any]:
    sent = {"Source": "orders@marketplace.example", "Subject": "Your order is confirmed", "Timestamp": at}
    parts = {"BodyText": f"Hello {to}", "BodyHtml": f"<p>Hello {to}</p>"}
    return sent | parts | {"To": [to], "CC": [], "BCC": []} | more


def emails() -> list[Email]:
    return numbered([record("b@example.com", 30.0), record("A@example.com", 10.0), record("a@example.com", 20.0)])


def test_they_are_numbered_from_the_oldest() -> None:
    assert [(email.number, email.recipients) for email in emails()] == [
        (1, ("A@example.com",)),
        (2, ("a@example.com",)),
        (3, ("b@example.com",)),
    ]


def test_a_line_has_number_time_recipient_and_subject() -> None:
    shown_line = line(emails()[2])

    assert shown_line.startswith("   3  01 Jan ")
    assert shown_line.endswith("  b@example.com                     Your order is confirmed")


def test_the_text_part_is_shown_and_the_html_part_when_it_is_asked_for() -> None:
    email = emails()[2]

    assert shown(email).startswith("From: orders@marketplace.example\nTo: b@example.com\nDate: 1970-01-01")
    assert shown(email).endswith("\nSubject: Your order is confirmed\n\nHello b@example.com")
    assert shown(email, html=True).endswith("\n\n<p>Hello b@example.com</p>")


def test_a_person_finds_theirs_however_the_address_is_written() -> None:
    assert [email.number for email in emails() if email.is_to("a@Example.com")] == [1, 2]
    assert [email.number for email in emails() if email.is_to("")] == [1, 2, 3]
    assert [email.number for email in emails() if email.is_to("example.com")] == []


def test_the_newest_is_shown_unless_one_is_named() -> None:
    assert _chosen(emails(), None, "").number == 3
    assert _chosen(emails(), None, "a@example.com").number == 2
    assert _chosen(emails(), 1, "").number == 1


@pytest.mark.parametrize(("number", "address"), [(4, ""), (0, ""), (3, "a@example.com"), (None, "nobody@example.com")])
def test_an_email_that_there_is_not_is_a_sentence(number: int | None, address: str) -> None:
    with pytest.raises(Problem, match="There is no such e-mail"):
        _chosen(emails(), number, address)


def test_an_email_without_a_part_is_shown_all_the_same() -> None:
    (email,) = numbered([record("a@example.com", 10.0, BodyText=None, BodyHtml=None)])

    assert shown(email, html=True).endswith("Subject: Your order is confirmed\n\n")


def test_what_was_sent_does_not_steer_the_terminal() -> None:
    (email,) = numbered([record("a@example.com", 10.0, BodyText="\x1b[2J", Subject="\x1b]0;x\x07")])

    assert "\x1b" not in shown(email) + line(email)
