"""What mail providers tell: addresses that take no mail, or no more of ours, get none."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

import app
from tests.events import Context, sns_event
from tests.log_lines import LogLines
from tests.services import Services


@pytest.fixture
def address(environment: dict[str, str]) -> str:
    return f"{uuid4()}@example.com"


@pytest.mark.parametrize("name", ["eventType", "notificationType"])
def test_an_address_that_bounced_for_good_is_suppressed(address: str, services: Services, name: str) -> None:
    _record({name: "Bounce", "bounce": _bounce(address)})

    assert _suppressed(services, address) == [["bounce", "General"]]


@pytest.mark.parametrize("name", ["eventType", "notificationType"])
def test_somebody_who_complained_is_suppressed(address: str, services: Services, name: str) -> None:
    complaint = {"complainedRecipients": [{"emailAddress": address}], "complaintFeedbackType": "abuse"}

    _record({name: "Complaint", "complaint": complaint})

    assert _suppressed(services, address) == [["complaint", "abuse"]]


@pytest.mark.parametrize("kind", ["Transient", "Undetermined"])
def test_a_bounce_that_may_pass_changes_nothing(address: str, services: Services, kind: str) -> None:
    _record({"eventType": "Bounce", "bounce": _bounce(address) | {"bounceType": kind}})

    assert _suppressed(services, address) == []


@pytest.mark.parametrize(
    "event", [{"eventType": "Delivery"}, {"notificationType": "AmazonSnsSubscriptionSucceeded"}, {}]
)
def test_any_other_news_changes_nothing(environment: dict[str, str], services: Services, event: dict[str, str]) -> None:
    before = services.sql("SELECT count(*) FROM suppressed_addresses")

    _record(event)

    assert services.sql("SELECT count(*) FROM suppressed_addresses") == before


def test_every_address_of_a_bounce_is_suppressed_once_in_lower_case(
    address: str, services: Services, logs: LogLines
) -> None:
    other = f"{uuid4()}@example.com"
    bounce = _bounce(address) | {
        "bouncedRecipients": [{"emailAddress": one} for one in (address.upper(), other, other)]
    }

    for _ in range(2):
        _record({"eventType": "Bounce", "bounce": bounce})

    assert (len(_suppressed(services, address)), len(_suppressed(services, other))) == (1, 1)
    assert address not in logs.text.lower()


def test_a_complaint_without_a_kind_is_one(address: str, services: Services) -> None:
    _record({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": address}]}})

    assert _suppressed(services, address) == [["complaint", ""]]


def _bounce(address: str) -> dict[str, Any]:
    return {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"emailAddress": address}]}


def _record(event: dict[str, Any]) -> None:
    app.record_bounces(sns_event(event), Context())


def _suppressed(services: Services, address: str) -> Any:
    return services.sql("SELECT reason, detail FROM suppressed_addresses WHERE email = :email", email=address)
