"""What a deployment tells of a release that is shifted step by step, and of one that was taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra import canary
from infra.changes import Change, Kind

MOVED = [Change("APIHandlerAliaslive", "AWS::Lambda::Alias", Kind.CHANGED)]
STEPWISE = [{"ParameterKey": "TrafficShift", "ParameterValue": "canary"}]
TEMPLATE = json.dumps(
    {
        "Resources": {
            name: {"Properties": properties}
            for name, properties in {
                "APIHandler": {"FunctionName": "marketplace-prod-api_handler"},
                "APIHandlerCanaryAlarm": {"AlarmName": "marketplace-prod-api_handler-canary"},
                "HttpApiCanaryAlarm": {"AlarmName": "marketplace-prod-api-canary"},
            }.items()
        }
    }
)


def test_whoever_waits_is_told_for_what() -> None:
    assert "five minutes" in canary.waiting(MOVED, STEPWISE)


@pytest.mark.parametrize(
    ("changes", "requested"),
    [
        ([Change("APIHandlerAliaslive", "AWS::Lambda::Alias", Kind.ADDED)], STEPWISE),
        ([Change("Migrate", "AWS::Lambda::Function", Kind.CHANGED)], STEPWISE),
        (MOVED, [{"ParameterKey": "TrafficShift", "ParameterValue": "at-once"}]),
        (MOVED, []),
    ],
)
def test_nobody_waits_for_anything_else(changes: list[Change], requested: list[dict[str, Any]]) -> None:
    assert canary.waiting(changes, requested) == ""


def test_a_release_that_was_taken_back_names_alarms_and_log() -> None:
    failure = "stack ended in UPDATE_ROLLBACK_COMPLETE\nAPIHandlerAliaslive (AWS::Lambda::Alias): Deployment d-1 failed"
    told = canary.explained(failure, TEMPLATE)
    assert told.startswith(f"{failure}\nmarketplace-prod-api_handler was taken back. Its alarms: ")
    assert "marketplace-prod-api_handler-canary, marketplace-prod-api-canary. " in told
    assert "/aws/lambda/marketplace-prod-api_handler\n" in told
    assert told.endswith("docs/runbook.md#release-taken-back")


def test_any_other_failure_is_told_as_it_is() -> None:
    failure = "stack ended in UPDATE_ROLLBACK_COMPLETE\nTable (AWS::DynamoDB::Table): no"
    assert canary.explained(failure, TEMPLATE) == failure
