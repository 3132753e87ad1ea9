"""CloudFormation is asked what it would do, heard to the end, and leaves no trace of having been asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import catalogue, change_sets, stages
from infra.change_sets import ChangeSet
from infra.errors import Interrupted, Refused
from infra.releases import Release
from tests.cloudformation import STACK, CloudFormation, refused

ADDED = {"Type": "Resource", "ResourceChange": {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "T"}}
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def asked(client: CloudFormation, stack: dict[str, Any] | None = None) -> ChangeSet:
    """What comes of a request for `stack`."""
    return change_sets.create(client, STACK, stack, {"TemplateBody": "{}"}, {"project": "marketplace"})


def test_every_page_is_read() -> None:
    client = CloudFormation()
    client.change_sets = [[ADDED] * 100, [ADDED] * 17]
    assert len(asked(client).changes) == 117


@pytest.mark.parametrize(
    ("status", "kind"), [("", "CREATE"), ("REVIEW_IN_PROGRESS", "CREATE"), ("UPDATE_ROLLBACK_COMPLETE", "UPDATE")]
)
def test_a_stack_that_holds_nothing_is_created(status: str, kind: str) -> None:
    client = CloudFormation(status)
    asked(client, {"StackStatus": status} if status else None)
    assert client.requests[0]["ChangeSetType"] == kind
    assert client.requests[0]["Tags"] == [{"Key": "project", "Value": "marketplace"}]


@pytest.mark.parametrize("reason", [NO_CHANGES, "No updates are to be performed."])
def test_no_changes_are_no_failure(reason: str) -> None:
    client = CloudFormation("UPDATE_COMPLETE")
    client.reason = reason
    assert asked(client, {"StackStatus": "UPDATE_COMPLETE"}).changes_nothing
    assert client.calls == ["change set", "discard"]


def test_any_other_failure_is_told() -> None:
    client = CloudFormation("UPDATE_COMPLETE")
    client.reason = "Transform AWS::Serverless-2016-10-31 failed"
    with pytest.raises(Refused, match=f"{STACK}: Transform"):
        asked(client, {"StackStatus": "UPDATE_COMPLETE"})
    assert client.calls == ["change set", "discard"]


def test_a_request_that_is_not_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(**_: Any) -> None:
        raise refused("Template format error")

    client = CloudFormation()
    monkeypatch.setattr(client, "create_change_set", create)
    with pytest.raises(Refused, match="Template format error"):
        asked(client)


def test_the_shell_of_a_new_stack_goes_with_its_change_set() -> None:
    client = CloudFormation(delete=("DELETE_COMPLETE", []))
    change_sets.discard(client, asked(client))
    assert client.calls == ["change set", "discard", "delete"]


def test_whoever_may_only_ask_leaves_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "DeleteStack")

    client = CloudFormation()
    monkeypatch.setattr(client, "delete_stack", delete)
    change_sets.discard(client, asked(client))
    assert client.status == "REVIEW_IN_PROGRESS"


def test_a_stack_stays_when_its_change_set_goes() -> None:
    client = CloudFormation("UPDATE_COMPLETE")
    change_sets.discard(client, asked(client, {"StackStatus": "UPDATE_COMPLETE"}))
    assert client.calls == ["change set", "discard"]


def release(client: CloudFormation, role: str = "") -> Release:
    """A release of dev that speaks to `client`."""
    account: Any = SimpleNamespace(client=lambda *_: client, region="eu-central-1")
    return Release(account, stages.named("dev"), Path("build"), "code", {}, role)


def test_only_what_changes_is_told_while_it_does() -> None:
    events = [("A", "UPDATE_COMPLETE", ""), ("B", "UPDATE_COMPLETE", ""), (STACK, "UPDATE_COMPLETE", "")]
    client = CloudFormation("CREATE_COMPLETE", execute=("UPDATE_COMPLETE", events))
    client.change_sets = [[ADDED]]
    told: list[str] = []
    change_set = asked(client, {"StackStatus": "CREATE_COMPLETE"})
    release(client).execute(catalogue.named("app"), change_set, told.append)
    assert told == ["A (AWS::Some::Type): UPDATE_COMPLETE"]


def test_whoever_stops_waiting_is_told_how_to_look_and_how_to_cancel() -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    client = CloudFormation(execute=("CREATE_IN_PROGRESS", [("A", "CREATE_COMPLETE", "")]))
    with pytest.raises(Interrupted) as stopped:
        release(client).execute(catalogue.named("app"), asked(client), stop)
    assert "python -m infra status --stage dev" in str(stopped.value)
    assert f"aws cloudformation cancel-update-stack --stack-name {STACK}" in str(stopped.value)


def test_cloudformation_works_with_the_stages_role_in_the_stages_own_stacks() -> None:
    role = "arn:aws:iam::123456789012:role/marketplace-delivery-dev-execution"
    assert release(CloudFormation(), role).role(catalogue.named("app")) == {"RoleARN": role}
    assert release(CloudFormation(), role).role(catalogue.named("account")) == {}
    assert release(CloudFormation()).role(catalogue.named("app")) == {}
