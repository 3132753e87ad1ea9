"""A deployment goes on from wherever an earlier one was left, or says what a person has to do."""

from __future__ import annotations

import pytest

from infra import resumption
from infra.errors import DeploymentFailed, Refused
from tests.cloudformation import STACK, CloudFormation


def settled(client: CloudFormation) -> tuple[str, list[str]]:
    """The state that a change can start from (empty: there is no stack), and what was told on the way."""
    told: list[str] = []
    stack = resumption.settle(client, STACK, told.append)
    return (stack["StackStatus"] if stack else ""), told


@pytest.mark.parametrize(
    "state", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_a_change_starts_from_any_state_that_is_whole(state: str) -> None:
    client = CloudFormation(state)
    assert settled(client) == (state, [])
    assert client.calls == []


def test_there_need_not_be_a_stack() -> None:
    assert settled(CloudFormation()) == ("", [])
    assert settled(CloudFormation("DELETE_COMPLETE")) == ("", [])


@pytest.mark.parametrize("state", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_what_is_under_way_is_waited_for(state: str) -> None:
    end = "UPDATE_ROLLBACK_COMPLETE"
    client = CloudFormation(state, wait=(end, [("Api", "UPDATE_FAILED", "no"), ("Api", "UPDATE_COMPLETE", "")]))
    assert settled(client) == (
        end,
        [
            f"{STACK} is in {state}: waiting",
            "Api (AWS::Some::Type): UPDATE_FAILED: no",
            "Api (AWS::Some::Type): UPDATE_COMPLETE",
        ],
    )


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_a_stack_that_was_never_created_is_cleared_away(state: str) -> None:
    client = CloudFormation(state, delete=("DELETE_COMPLETE", []))
    assert settled(client)[0] == ""
    assert client.calls == ["delete"]


def test_a_failed_creation_that_is_still_rolling_back_is_waited_for_and_cleared_away() -> None:
    client = CloudFormation("ROLLBACK_IN_PROGRESS", wait=("ROLLBACK_COMPLETE", []), delete=("DELETE_COMPLETE", []))
    assert settled(client)[0] == ""
    assert client.calls == ["wait", "delete"]


def test_what_cannot_be_cleared_away_is_a_failure_with_its_reason() -> None:
    client = CloudFormation("ROLLBACK_COMPLETE", delete=("DELETE_FAILED", [("Bucket", "DELETE_FAILED", "not empty")]))
    with pytest.raises(DeploymentFailed, match="not empty"):
        settled(client)


def test_a_rollback_that_failed_goes_on() -> None:
    client = CloudFormation("UPDATE_ROLLBACK_FAILED", **{"continue": ("UPDATE_ROLLBACK_COMPLETE", [])})
    assert settled(client)[0] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_rollback_that_fails_again_is_left_to_a_person_with_the_command() -> None:
    script = {"continue": ("UPDATE_ROLLBACK_FAILED", [("Table", "UPDATE_FAILED", "is gone")])}
    client = CloudFormation("UPDATE_ROLLBACK_FAILED", **script)
    with pytest.raises(Refused, match=r"(?s)Table \(AWS::Some::Type\): is gone.*--resources-to-skip RESOURCE"):
        settled(client)


def test_a_half_deleted_stack_is_left_to_a_person_with_the_command() -> None:
    client = CloudFormation("DELETE_FAILED")
    with pytest.raises(Refused, match=f"aws cloudformation delete-stack --stack-name {STACK}"):
        settled(client)
    assert client.calls == []
