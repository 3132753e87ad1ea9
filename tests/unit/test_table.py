"""What the table's module makes of values and of DynamoDB's refusals; its calls are tested where there is a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from chalicelib import activity, table, users
from chalicelib.caller import Caller
from chalicelib.errors import Unavailable
from chalicelib.realtime import connections
from chalicelib.table import ConditionFailed, Put, TransactionRefused

KEPT: list[Any] = [
    0, 1, -1, 10**18, True, False, None, "", "a", "\N{SNOWMAN}", [], {}, [1, [2, {"a": [3]}]],
    {"amount": 1299, "b": {"c": None}},
]  # fmt: skip


class Client:
    """A client whose every call has the next of some outcomes."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes, self.calls = list(outcomes), list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return call


def refusal(code: str, *reasons: str) -> ClientError:
    """A refusal of DynamoDB's; a transaction has a reason for each operation."""
    answer: Any = {"Error": {"Code": code}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(answer, "Any")


CANCELED = "TransactionCanceledException"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(table, "_client", lambda: made)
    monkeypatch.setattr(table, "_CONFLICT_SECONDS", 0)
    return made


@pytest.mark.parametrize("value", KEPT, ids=repr)
def test_values_come_back_as_they_went(value: Any) -> None:
    stored = table._attributes({"value": value})

    found = table.item_of_stream(stored)["value"]
    assert found == value
    assert type(found) is type(value)


def test_a_condition_that_does_not_hold_is_told_from_an_outage(client: Client) -> None:
    client.outcomes = [refusal("ConditionalCheckFailedException")]
    with pytest.raises(ConditionFailed):
        table.put({"pk": "a", "sk": "b"}, table.ABSENT)

    for failure in (
        refusal("ProvisionedThroughputExceededException"),
        refusal("ResourceNotFoundException"),
        ConnectTimeoutError(endpoint_url="https://a.example"),
        EndpointConnectionError(endpoint_url="https://a.example"),
    ):
        client.outcomes = [failure]
        with pytest.raises(Unavailable):
            table.put({"pk": "a", "sk": "b"})


@pytest.mark.parametrize(
    ("reasons", "failed"),
    [
        (("ConditionalCheckFailed", "None"), (0,)),
        (("None", "ConditionalCheckFailed"), (1,)),
        (("ConditionalCheckFailed", "ConditionalCheckFailed"), (0, 1)),
        (("TransactionConflict", "ConditionalCheckFailed"), (1,)),
    ],
)
def test_a_refused_transaction_says_which_conditions_did_not_hold(
    client: Client, reasons: tuple[str, ...], failed: tuple[int, ...]
) -> None:
    client.outcomes = [refusal(CANCELED, *reasons)]

    with pytest.raises(TransactionRefused) as refused:
        table.put_together(Put({"pk": "a", "sk": "b"}), Put({"pk": "c", "sk": "d"}))

    assert refused.value.failed == failed
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    "conflict", [refusal(CANCELED, "None", "TransactionConflict"), refusal("TransactionConflictException")]
)
def test_a_conflict_is_tried_again_a_few_times(client: Client, conflict: ClientError) -> None:
    client.outcomes = [conflict] * 3 + [{}]
    table.put_together(Put({"pk": "a", "sk": "b"}))
    assert len(client.calls) == 4

    client.outcomes = [conflict] * 9
    with pytest.raises(Unavailable):
        table.put_together(Put({"pk": "a", "sk": "b"}))
    assert len(client.calls) == 8


def test_other_reasons_of_a_transaction_are_an_outage(client: Client) -> None:
    client.outcomes = [refusal(CANCELED, "None", "ThrottlingError")]

    with pytest.raises(Unavailable):
        table.put_together(Put({"pk": "a", "sk": "b"}))

    assert len(client.calls) == 1


def test_a_query_goes_on_until_its_last_page(client: Client) -> None:
    page = {"Items": [table._attributes({"pk": "a", "sk": "1"})], "LastEvaluatedKey": {"pk": {"S": "a"}}}
    client.outcomes = [page, {"Items": page["Items"]}]

    assert table.query("a", "") == [{"pk": "a", "sk": "1"}] * 2
    assert client.calls[1][1]["ExclusiveStartKey"] == {"pk": {"S": "a"}}


def test_the_newest_are_one_call_whatever_is_left(client: Client) -> None:
    client.outcomes = [{"Items": [], "LastEvaluatedKey": {"pk": {"S": "a"}}}]

    assert table.newest("a", "feed#", 10) == []
    assert len(client.calls) == 1


def test_who_reads_after_connecting_misses_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of what was pushed before they were connected, nor of what is pushed after."""
    monkeypatch.setattr(users, "profile", lambda _: {})
    client.outcomes = [{"Items": []}, {"Items": []}]

    activity.of_caller(Caller(uuid4()), 10)
    connections.of_person(uuid4())

    assert [arguments["ConsistentRead"] for _, arguments in client.calls] == [True, True]


def test_an_expiry_is_in_whole_seconds_from_now() -> None:
    assert 0 <= table.expiry(60) - time.time() - 59 <= 1
    assert isinstance(table.expiry(0.5), int)
