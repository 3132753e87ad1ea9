"""What calls a function beside HTTP: queues, rules of the event bus, topics, the table's stream, schedules, functions.

Chalice declares these events for the account's own bus, without retries or a place for what fails. The queues, the bus
and the topics are in the services stack and are known by their agreed names.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from infra.bindings import functions
from infra.chalice_app import Template
from infra.errors import BuildError
from infra.stages import APP, Stage

FAILED_EVENTS = "failed-events"

SCHEDULES = "FrequentSchedules"
"""The parameter of dev that turns off what is called every few minutes."""

_RESTING = "dev"
_MINUTES = (" minute)", " minutes)")
_GATHERED_SECONDS = 1
_RETRIED_SECONDS = 3600
_RULE_RETRIES = 20
_FUNCTION_RETRIES = 2
_ASYNCHRONOUS = ("Schedule", "SNS", "CloudWatchEvent", "EventBridgeRule")

# Functions that other functions call without waiting for them: how often each is tried again, and for how many seconds.
_CALLED_BY_FUNCTIONS = {"answer_question": (1, 300)}

# Which records of the table's stream a function is called with.
_RECORDS = {"push_activity": {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["activity"]}}}}}
_RECORD_RETRIES = 5
_RECORD_SECONDS = 300
_SHARD_WORKERS = 2


def report_partial_batches(template: Template, stage: Stage) -> Template:
    """`template` where a function reports which messages of a batch failed, and only those come again.

    `PARTIAL_BATCH` tells the function that its report is read; without it one failure fails the batch. A batch is
    gathered for a second, but for FIFO queues, which know no such thing.
    """
    result = copy.deepcopy(template)
    for function, event in _events(result, stage, "SQS"):
        properties = event["Properties"]
        declared = properties.pop("MaximumBatchingWindowInSeconds")
        if not properties["Queue"]["Fn::Sub"].endswith(".fifo"):
            properties["MaximumBatchingWindowInSeconds"] = declared or _GATHERED_SECONDS
        properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
        function["Environment"]["Variables"]["PARTIAL_BATCH"] = "true"
    return result


def bind_streams(template: Template, stage: Stage) -> Template:
    """`template` where a function gets the records it is for from the table's stream, and none holds the others up.

    A batch that fails comes again in halves; what fails for five minutes is told to the failed events (its place in the
    stream, which keeps it for a day). Two workers a shard, each of which keeps the order of every item. Raises
    `BuildError` for a function that does not say which records it is for.
    """
    result = copy.deepcopy(template)
    for function, event in _events(result, stage, "DynamoDB"):
        name = function["FunctionName"].removeprefix(f"{APP}-{stage.name}-")
        if name not in _RECORDS:
            raise BuildError(f"{name} hears of every change of the table: say which records it is for in {__name__}")
        event["Properties"] |= {
            "Stream": {"Ref": "TableStreamArn"},
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps(_RECORDS[name])}]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": _RECORD_RETRIES,
            "MaximumRecordAgeInSeconds": _RECORD_SECONDS,
            "ParallelizationFactor": _SHARD_WORKERS,
            "DestinationConfig": _kept(stage),
        }
        function["Environment"]["Variables"]["PARTIAL_BATCH"] = "true"
    return result


def bind_rules(template: Template, stage: Stage) -> Template:
    """`template` with every rule named and on the stage's own bus, but for those that match events of AWS itself.

    What cannot be delivered for an hour is kept among the failed events.
    """
    result = copy.deepcopy(template)
    for function, event in _events(result, stage, "CloudWatchEvent"):
        event["Type"] = "EventBridgeRule"
        properties = event["Properties"]
        if not _is_from_aws(properties["Pattern"]):
            properties["EventBusName"] = {"Ref": "BusName"}
        properties |= {
            "RuleName": function["FunctionName"],
            "DeadLetterConfig": {"Arn": _failed_events(stage)},
            "RetryPolicy": {"MaximumEventAgeInSeconds": _RETRIED_SECONDS, "MaximumRetryAttempts": _RULE_RETRIES},
        }
    return result


def keep_undelivered(template: Template, stage: Stage) -> Template:
    """`template` where what a topic cannot deliver to a function is kept among the failed events."""
    result = copy.deepcopy(template)
    for _, event in _events(result, stage, "SNS"):
        event["Properties"]["RedrivePolicy"] = {"deadLetterTargetArn": _failed_events(stage)}
    return result


def name_schedules(template: Template, stage: Stage) -> Template:
    """`template` with every schedule named after its function, so that no two stages share one."""
    result = copy.deepcopy(template)
    for function, event in _events(result, stage, "Schedule"):
        event["Properties"]["Name"] = function["FunctionName"]
    return result


def let_schedules_rest(template: Template, stage: Stage) -> Template:
    """`template` of dev with a parameter that turns off what is called every few minutes: its database can pause then.

    Elsewhere people wait for what these schedules do, and the database never pauses.
    """
    result = copy.deepcopy(template)
    if stage.name != _RESTING:
        return result
    for _, event in _events(result, stage, "Schedule"):
        if event["Properties"]["Schedule"].endswith(_MINUTES):
            event["Properties"]["State"] = {"Ref": SCHEDULES}
            states = {"Type": "String", "AllowedValues": ["ENABLED", "DISABLED"], "Default": "ENABLED"}
            result["Parameters"] = {**result.get("Parameters", {}), SCHEDULES: states}
    return result


def limit_retries(template: Template, stage: Stage) -> Template:
    """`template` that says how often an event is tried again, and keeps what a function gave up on.

    A schedule comes again by itself, so its events are neither repeated nor kept.
    """
    result = copy.deepcopy(template)
    for function, event in _events(result, stage, *_ASYNCHRONOUS):
        comes_again = event["Type"] == "Schedule"
        retries = 0 if comes_again else _FUNCTION_RETRIES
        function["EventInvokeConfig"] = _limits(retries, _RETRIED_SECONDS) | (
            {} if comes_again else {"DestinationConfig": _kept(stage)}
        )
    for name, function in functions(result, stage).items():
        if name in _CALLED_BY_FUNCTIONS:
            limits = _limits(*_CALLED_BY_FUNCTIONS[name])
            function["EventInvokeConfig"] = limits | {"DestinationConfig": _kept(stage)}
    return result


def _events(template: Template, stage: Stage, *kinds: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The properties of a function and its event, for each event of one of the kinds."""
    for function in functions(template, stage).values():
        for event in function.get("Events", {}).values():
            if event["Type"] in kinds:
                yield function, event


def _is_from_aws(pattern: dict[str, Any]) -> bool:
    sources = pattern.get("source", [])
    return bool(sources) and all(isinstance(source, str) and source.startswith("aws.") for source in sources)


def _limits(retries: int, seconds: int) -> dict[str, Any]:
    return {"MaximumRetryAttempts": retries, "MaximumEventAgeInSeconds": seconds}


def _kept(stage: Stage) -> dict[str, Any]:
    return {"OnFailure": {"Type": "SQS", "Destination": _failed_events(stage)}}


def _failed_events(stage: Stage) -> dict[str, str]:
    arn = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
    return {"Fn::Sub": f"{arn}:{APP}-{stage.name}-{FAILED_EVENTS}"}
