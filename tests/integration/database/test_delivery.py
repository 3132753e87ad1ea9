"""Effects that no transaction holds: claimed before, settled after, and never done twice whatever happens between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib import clients
from chalicelib.notifications import emails, repository
from chalicelib.orders import events
from tests.edge import BROKEN, DOWN, LOST, Edge, Refusal
from tests.environment import configured
from tests.events import failed
from tests.interleaving import begin_after, begun
from tests.log_lines import LogLines
from tests.notifications import emailed, emails_to, of_providers, states, told
from tests.orders import confirmed
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services


class Crash(BaseException):
    """The end of the process, as far as code can play it: nothing catches it."""


@pytest.fixture
def people(edge: Edge) -> list[Person]:
    """A buyer and two sellers, in the order in which they are told."""
    return [enrolled(), *sorted((enrolled(), enrolled()), key=lambda seller: seller.id)]


@pytest.fixture
def message(people: list[Person]) -> str:
    """Tells three people of an order."""
    buyer, *sellers = people
    return told(events.CONFIRMED, confirmed(buyer, {listed(seller): 1 for seller in sellers}))


def test_everybody_is_told_once_however_often_the_message_comes(
    edge: Edge, message: str, people: list[Person], services: Services
) -> None:
    for _ in range(3):
        assert failed(emailed(message, message)) == set()

    _assert_told(edge, people, [1, 1, 1])
    assert {state for _, state, _ in states(services, message)} == {"sent"}


def test_nobody_is_told_again_when_the_inbox_has_forgotten(
    edge: Edge, message: str, people: list[Person], services: Services
) -> None:
    emailed(message)
    services.sql("DELETE FROM inbox")

    assert failed(emailed(message)) == set()

    _assert_told(edge, people, [1, 1, 1])


@pytest.mark.parametrize(
    ("refusal", "state", "is_done"),
    [
        (Refusal("TooManyRequestsException", 429), "pending", False),
        (Refusal("ThrottlingException", 400), "pending", False),
        (Refusal("LimitExceededException", 400), "pending", False),
        (Refusal("AccessDeniedException", 403), "pending", False),
        (Refusal("MailFromDomainNotVerifiedException", 400), "pending", False),
        (Refusal("MessageRejected", 400), "refused", True),
        (Refusal("BadRequestException", 400), "refused", True),
        (DOWN, "uncertain", True),
        (Refusal("ServiceUnavailable", 503), "uncertain", True),
        (BROKEN, "uncertain", True),
        (LOST, "uncertain", True),
    ],
    ids=str,
)
def test_what_the_provider_answers_decides_what_becomes_of_it(
    edge: Edge, message: str, services: Services, refusal: Refusal, *, state: str, is_done: bool
) -> None:
    edge.refuses_call = of_providers(refusal)

    assert failed(emailed(message)) == (set() if is_done else {"0"})

    found = [each for _, each, _ in states(services, message)]
    assert found == ([state] * 3 if is_done else ["pending"] * 3)
    assert all(detail for _, each, detail in states(services, message) if each in {"refused", "uncertain"})


@pytest.mark.parametrize("refusal", [Refusal("TooManyRequestsException", 429), Refusal("AccessDeniedException", 403)])
def test_what_was_not_taken_for_now_is_sent_with_the_next_delivery(
    edge: Edge, message: str, people: list[Person], refusal: Refusal
) -> None:
    answers = iter([None, refusal, None, None])
    edge.refuses_call = lambda sent: next(answers) if sent[0].destination == "email" else None

    assert failed(emailed(message)) == {"0"}
    assert failed(emailed(message)) == set()

    _assert_told(edge, people, [1, 1, 1])


@pytest.mark.parametrize("refusal", [DOWN, LOST, BROKEN, Refusal("MessageRejected", 400)])
def test_what_may_have_been_sent_or_never_will_be_is_not_sent_again(
    edge: Edge, message: str, people: list[Person], refusal: Refusal
) -> None:
    answers = iter([refusal, None, None])
    edge.refuses_call = lambda sent: next(answers) if sent[0].destination == "email" else None

    for _ in range(3):
        assert failed(emailed(message)) == set()

    assert len([call for call in edge.calls if call[0].destination == "email"]) == 3
    assert sum(len(emails_to(edge, person)) for person in people) == (3 if refusal is LOST else 2)


def test_a_provider_that_nobody_reaches_got_nothing(
    edge: Edge, edge_environment: dict[str, str], message: str, people: list[Person], services: Services
) -> None:
    with configured(**edge_environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        assert failed(emailed(message)) == {"0"}
    assert {state for _, state, _ in states(services, message)} == {"pending"}

    assert failed(emailed(message)) == set()

    _assert_told(edge, people, [1, 1, 1])


def test_a_provider_that_does_not_answer_in_time_may_have_sent_it(
    edge: Edge, edge_environment: dict[str, str], message: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.2)
    edge.refuses_call = lambda sent: time.sleep(0.6) if sent[0].destination == "email" else None

    with configured(**edge_environment):
        assert failed(emailed(message)) == set()

    assert {(state, detail) for _, state, detail in states(services, message)} == {("uncertain", "ReadTimeoutError")}


# --- crashes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_sent", [False, True])
def test_after_a_crash_around_the_call_nobody_is_told_twice(
    edge: Edge, message: str, people: list[Person], services: Services, *, logs: LogLines, is_sent: bool
) -> None:
    with pytest.raises(Crash), _crash(2, emails.Emails, "send", after=is_sent):
        emailed(message)
    assert sorted(state for _, state, _ in states(services, message)) == ["pending", "sending", "sent"]

    for _ in range(2):
        assert failed(emailed(message)) == {"0"}
    assert logs.records[-1]["error"] == "NotDelivered"
    assert sorted(state for _, state, _ in states(services, message)) == ["sending", "sent", "sent"]
    _lease_is_over(services)
    assert failed(emailed(message)) == set()

    assert sorted(state for _, state, _ in states(services, message)) == ["sent", "sent", "uncertain"]
    _assert_told(edge, people, [1, 1 if is_sent else 0, 1])


@pytest.mark.parametrize(
    ("owner", "name"),
    [(repository, "plan"), (repository, "claim"), (repository, "is_finished")],
    ids=["plan", "claim", "is_finished"],
)
def test_after_a_crash_before_a_claim_is_committed_everybody_is_told_once(
    edge: Edge, message: str, people: list[Person], services: Services, *, owner: Any, name: str
) -> None:
    with pytest.raises(Crash), _crash(1, owner, name, after=True):
        emailed(message)
    _lease_is_over(services)

    emailed(message)

    told_at_all = [len(emails_to(edge, person)) for person in people]
    assert max(told_at_all) == 1
    if name != "is_finished":
        assert told_at_all == [1, 1, 1]


def test_a_crash_before_a_settlement_is_committed_sends_nothing_twice(
    edge: Edge, message: str, people: list[Person], services: Services
) -> None:
    with pytest.raises(Crash), _crash(1, repository, "settle", after=True):
        emailed(message)
    _lease_is_over(services)

    assert failed(emailed(message)) == set()

    _assert_told(edge, people, [1, 1, 1])
    assert sorted(state for _, state, _ in states(services, message)) == ["sent", "sent", "uncertain"]


def test_if_what_a_crash_left_were_tried_again_somebody_would_be_told_twice(
    edge: Edge, message: str, people: list[Person], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = str(repository._GIVE_UP).replace("'uncertain', finished_at = now()", "'pending', finished_at = NULL")
    monkeypatch.setattr(repository, "_GIVE_UP", text(again))
    with pytest.raises(Crash), _crash(2, emails.Emails, "send", after=True):
        emailed(message)
    _lease_is_over(services)

    emailed(message)

    with pytest.raises(AssertionError):
        _assert_told(edge, people, [1, 1, 1])


def test_what_was_given_up_stays_given_up_when_its_answer_comes_late(
    edge: Edge, message: str, people: list[Person], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_takes_over() -> Any:
        _lease_is_over(services)
        return emailed(message)

    waiting = begin_after(monkeypatch, emails.Emails, "send", another_takes_over, seconds=20)

    assert failed(emailed(message)) == set()
    assert failed(waiting[0].result(timeout=20)) == set()

    _assert_told(edge, people, [1, 1, 1])
    assert sorted(state for _, state, _ in states(services, message)) == ["sent", "sent", "uncertain"]


def test_two_who_have_the_same_message_at_once_tell_nobody_twice(
    edge: Edge, message: str, people: list[Person]
) -> None:
    edge.refuses_call = lambda sent: time.sleep(0.05) if sent[0].destination == "email" else None

    reports = [one.result(timeout=30) for one in [begun(lambda: emailed(message)) for _ in range(4)]]

    assert any(failed(report) == set() for report in reports) or failed(emailed(message)) == set()
    _assert_told(edge, people, [1, 1, 1])


def test_a_delivery_says_what_became_of_it_and_nothing_about_whom(
    edge: Edge, message: str, people: list[Person], logs: LogLines
) -> None:
    emailed(message)

    assert [record["state"] for record in logs.records if record["message"] == "email sent"] == ["sent"] * 3
    assert not any(person.email in logs.text for person in people)


@contextmanager
def _crash(times: int, owner: Any, name: str, *, after: bool) -> Iterator[None]:
    """Ends the process at the so-manieth call of `owner.name`, before or after it has done its work."""
    original: Callable[..., Any] = getattr(owner, name)
    calls: list[int] = []

    def patched(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == times and not after:
            raise Crash
        result = original(*arguments)
        if len(calls) == times:
            raise Crash
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, patched)
        yield


def _lease_is_over(services: Services) -> None:
    services.sql("UPDATE notifications SET claimed_at = claimed_at - interval '61 seconds' WHERE state = 'sending'")


def _assert_told(edge: Edge, people: list[Person], times: list[int]) -> None:
    assert [len(emails_to(edge, person)) for person in people] == times
