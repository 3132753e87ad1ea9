"""What Chalice says of queues, rules, topics and schedules becomes what they need on AWS."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra import events, stages
from infra.chalice_app import Template

STAGE = stages.named("dev")
FAILED_EVENTS = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:marketplace-dev-failed-events"}


def template(kind: str = "", **properties: Any) -> Template:
    """Chalice's template of one function, as far as it is read."""
    function = {"FunctionName": "marketplace-dev-work", "Environment": {"Variables": {}}}
    if kind:
        function["Events"] = {"WorkEvent": {"Type": kind, "Properties": properties}}
    return {"Resources": {"Work": {"Type": "AWS::Serverless::Function", "Properties": function}}}


def function(made: Template) -> dict[str, Any]:
    """The properties of its function."""
    properties: dict[str, Any] = made["Resources"]["Work"]["Properties"]
    return properties


def event(made: Template) -> dict[str, Any]:
    """The properties of its event."""
    properties: dict[str, Any] = function(made)["Events"]["WorkEvent"]["Properties"]
    return properties


def batches(queue: str, window: int = 0) -> Template:
    """A function that works off a queue."""
    return template(
        "SQS", Queue={"Fn::Sub": f"arn:…:{queue}"}, BatchSize=10, MaximumBatchingWindowInSeconds=window
    )  # fmt: skip


def test_a_batch_fails_in_parts_and_the_function_knows() -> None:
    made = events.report_partial_batches(batches("emails"), STAGE)
    assert event(made)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert function(made)["Environment"]["Variables"] == {"PARTIAL_BATCH": "true"}


@pytest.mark.parametrize(("queue", "declared", "gathered"), [("emails", 0, 1), ("emails", 5, 5), ("a.fifo", 0, None)])
def test_a_batch_is_gathered_where_the_queue_can(queue: str, declared: int, gathered: int | None) -> None:
    made = events.report_partial_batches(batches(queue, declared), STAGE)
    assert event(made).get("MaximumBatchingWindowInSeconds") == gathered


def test_a_rule_moves_to_the_bus_of_the_stage() -> None:
    made = events.bind_rules(template("CloudWatchEvent", Pattern={"source": ["marketplace.orders"]}), STAGE)
    assert function(made)["Events"]["WorkEvent"]["Type"] == "EventBridgeRule"
    assert event(made)["EventBusName"] == {"Ref": "BusName"}
    assert event(made)["RuleName"] == "marketplace-dev-work"
    assert event(made)["DeadLetterConfig"] == {"Arn": FAILED_EVENTS}
    assert event(made)["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600


@pytest.mark.parametrize(
    ("pattern", "is_on_own_bus"),
    [
        ({"source": ["aws.s3"], "detail-type": ["Object Created"]}, False),
        ({"source": ["aws.s3", "marketplace.orders"]}, True),
        ({"source": [{"prefix": "marketplace."}]}, True),
        ({"detail-type": ["order.confirmed"]}, True),
    ],
)
def test_what_aws_itself_sends_is_on_the_accounts_bus(pattern: dict[str, Any], is_on_own_bus: bool) -> None:
    made = events.bind_rules(template("CloudWatchEvent", Pattern=pattern), STAGE)
    assert ("EventBusName" in event(made)) is is_on_own_bus


def test_what_a_topic_cannot_deliver_is_kept() -> None:
    made = events.keep_undelivered(template("SNS", Topic="arn:…"), STAGE)
    assert event(made)["RedrivePolicy"] == {"deadLetterTargetArn": FAILED_EVENTS}


def test_a_schedule_has_the_name_of_its_function() -> None:
    made = events.name_schedules(template("Schedule", Schedule="rate(1 minute)", Description="Why"), STAGE)
    assert event(made) == {"Schedule": "rate(1 minute)", "Description": "Why", "Name": "marketplace-dev-work"}


@pytest.mark.parametrize("kind", ["SNS", "CloudWatchEvent", "EventBridgeRule"])
def test_an_event_is_tried_again_and_then_kept(kind: str) -> None:
    settings = function(events.limit_retries(template(kind), STAGE))["EventInvokeConfig"]
    assert (settings["MaximumRetryAttempts"], settings["MaximumEventAgeInSeconds"]) == (2, 3600)
    assert settings["DestinationConfig"] == {"OnFailure": {"Type": "SQS", "Destination": FAILED_EVENTS}}


def test_a_schedule_is_not_tried_again() -> None:
    settings = function(events.limit_retries(template("Schedule"), STAGE))["EventInvokeConfig"]
    assert settings == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 3600}


@pytest.mark.parametrize("kind", ["", "SQS"])
def test_who_waits_for_an_answer_tries_again_itself(kind: str) -> None:
    assert "EventInvokeConfig" not in function(events.limit_retries(template(kind), STAGE))


@pytest.mark.parametrize(
    ("transform", "kind", "properties"),
    [
        (events.report_partial_batches, "SQS", {"Queue": {"Fn::Sub": "q"}, "MaximumBatchingWindowInSeconds": 0}),
        (events.bind_rules, "CloudWatchEvent", {"Pattern": {}}),
        (events.keep_undelivered, "SNS", {}),
        (events.name_schedules, "Schedule", {}),
        (events.limit_retries, "Schedule", {}),
    ],
)
def test_what_goes_in_is_left_alone(transform: Callable[..., Template], kind: str, properties: dict[str, Any]) -> None:
    given = template(kind, **properties)
    before = copy.deepcopy(given)
    assert transform(given, STAGE) != before
    assert given == before
