"""What a message looks like, and what is no message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messaging.envelope import MAX_BYTES, Envelope, TooLarge, Unreadable, opened, sealed
from chalicelib.money import Money
from chalicelib.observability import correlated
from chalicelib.orders import events
from chalicelib.orders.models import Line, Order, total_of

_names = st.text(max_size=40)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    type=_names,
    version=st.integers(0, 10**6),
    occurred_at=_names,
    correlation_id=_names,
    data=st.dictionaries(_names, _values, max_size=4),
)
_moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_lines = st.builds(
    Line, st.uuids(), st.uuids(), _names, st.builds(Money, st.integers(0, 10**12), st.just("EUR")), st.integers(1, 100)
)


@st.composite
def _orders(draw: st.DrawFn) -> Order:
    lines = draw(st.lists(_lines, min_size=1, max_size=5))
    status = draw(st.sampled_from(["placed", "confirmed", "shipped", "cancelled", "expired"]))
    moment, confirmed_at = draw(_moments), draw(st.none() | _moments)
    return Order(uuid4(), uuid4(), status, total_of(lines), 1, moment, confirmed_at, moment, lines)


VALID = {
    "id": "01a203a3-0000-7000-8000-000000000000",
    "type": "order.placed",
    "version": 1,
    "occurred_at": "2026-01-31T12:00:00.000Z",
    "correlation_id": "request-1",
    "data": {},
}


@given(message=_envelopes)
def test_what_is_sealed_is_opened_as_it_was(message: Envelope) -> None:
    text = message.to_json()

    assert text.isascii()
    assert opened(text) == message
    assert opened(json.loads(text)) == message


@given(order=_orders())
def test_an_order_is_read_as_it_was_told(order: Order) -> None:
    for kind in events.ALL:
        read = opened(sealed(kind, order).to_json()).read(kind)

        assert (read["id"], read["buyer_id"], read["status"]) == (order.id, order.buyer_id, order.status)
        assert read["total"] == order.total
        assert [line["unit_price"] for line in read["lines"]] == [line.unit_price for line in order.lines]
        assert [line["name"] for line in read["lines"]] == [line.name for line in order.lines]
        assert (read["placed_at"], read["confirmed_at"]) == (order.placed_at, order.confirmed_at)


def test_an_event_belongs_to_the_request_it_is_made_in() -> None:
    order = Order(uuid4(), uuid4(), "placed", Money(0, "EUR"), 1, _now(), None, _now(), [])

    with correlated("request-12345"):
        message = sealed(events.PLACED, order)

    assert message.correlation_id == "request-12345"
    assert message.id.version == 7
    assert datetime.fromisoformat(message.occurred_at).tzinfo is not None
    assert message.occurred_at.endswith("Z")


def test_a_reader_passes_over_what_it_does_not_know() -> None:
    message = opened(json.dumps(VALID | {"trace": "x", "data": {"a": 1}}))

    assert message.data == {"a": 1}
    with pytest.raises(Unreadable, match="OrderData"):
        message.read(events.PLACED)


@pytest.mark.parametrize("name", ["id", "type", "version", "occurred_at", "data"])
def test_a_message_without_a_part_is_none(name: str) -> None:
    with pytest.raises(Unreadable):
        opened(json.dumps({key: value for key, value in VALID.items() if key != name}))


def test_a_message_without_a_correlation_id_is_one() -> None:
    assert opened({key: value for key, value in VALID.items() if key != "correlation_id"}).correlation_id == ""


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "null", "1", '"x"', "[]", "{}", "{", "\x00", "\ud800", "[" * 100_000, "NaN", "x" * 1_000_000,
        json.dumps([VALID]), json.dumps(VALID | {"id": "1"}), json.dumps(VALID | {"id": None}),
        json.dumps(VALID | {"version": "one"}), json.dumps(VALID | {"version": None}),
        json.dumps(VALID | {"data": None}), json.dumps(VALID | {"data": "x"}), json.dumps(VALID | {"data": [1]}),
    ],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_what_is_no_envelope_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        opened(body)
    assert len(str(refusal.value)) < 200


@given(body=st.text(max_size=80) | _values.map(json.dumps))
def test_no_text_does_anything_else_to_a_reader(body: str) -> None:
    try:
        opened(body)
    except Unreadable:
        return


@pytest.mark.parametrize("change", [{"type": "order.placed", "version": 2}, {"type": "order.lost"}, {"version": 0}])
def test_another_version_or_kind_is_not_for_this_consumer(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="not a message for this consumer"):
        opened(VALID | change).read(events.PLACED)


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    def sized(padding: int) -> Envelope:
        return Envelope(UUID(int=0), "t", 1, "", "", {"x": "x" * padding})

    room = MAX_BYTES - len(sized(0).to_json())

    assert len(sized(room).to_json()) == MAX_BYTES
    with pytest.raises(TooLarge):
        sized(room + 1).to_json()


def _now() -> datetime:
    return datetime.now(UTC)
