"""No function may run for longer than who calls it waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra import stages
from tests.contract import limit_checks as checks
from tests.contract.conftest import Built

Break = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_every_caller_waits_for_the_end(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    assert checks.too_long(template) == []
    assert checks.called_by_nothing(template) == []


def timeout(function: str, seconds: int) -> Break:
    return lambda resources: resources[function]["Properties"].update(Timeout=seconds)


def event(resources: dict[str, Any], function: str) -> dict[str, Any]:
    (found,) = resources[function]["Properties"]["Events"].values()
    return found["Properties"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (timeout("APIHandler", 30), "APIHandler may run for 30 seconds, the gateway waits for 29"),
        (
            lambda resources: resources["HttpApiIntegration"]["Properties"].update(TimeoutInMillis=20_000),
            "APIHandler may run for 28 seconds, the gateway waits for 20",
        ),
        (timeout("AdminAuth", 10), "AdminAuth may run for 10 seconds, the gateway waits for 10"),
        (timeout("PreSignUp", 5), "PreSignUp may run for 5 seconds, Cognito waits for 5"),
        (timeout("PostConfirmation", 6), "PostConfirmation may run for 6 seconds, Cognito waits for 5"),
        (timeout("WebsocketMessage", 29), "WebsocketMessage may run for 29 seconds, the gateway waits for 29"),
        (timeout("RelayOutbox", 60), "RelayOutbox may run for 60 seconds, the event Schedule waits for 60"),
        (
            lambda resources: event(resources, "ExpireOrders").update(Schedule="cron(* * * * ? *)"),
            "ExpireOrders may run for 60 seconds, the event Schedule waits for 0",
        ),
        (timeout("PushActivity", 300), "PushActivity may run for 300 seconds, the event DynamoDB waits for 300"),
        (timeout("RecordProfiles", 900), "RecordProfiles may run for 900 seconds, the event EventBridgeRule waits for"),
        (timeout("AnswerQuestion", 900), "AnswerQuestion may run for 900 seconds, a function waits for 900"),
        (timeout("ReturnMoney", 900), "ReturnMoney may run for 900 seconds, a workflow waits for 900"),
    ],
)  # fmt: skip
def test_a_function_that_outlasts_its_caller_is_noticed(prod: Built, broken: Break, fault: str) -> None:
    template = prod.template
    broken(template["Resources"])
    (found,) = checks.too_long(template)
    assert found.startswith(fault)


def test_a_function_that_is_called_in_another_way_has_to_be_thought_of(prod: Built) -> None:
    template = prod.template
    template["Resources"]["Later"] = template["Resources"]["Migrate"]
    assert checks.called_by_nothing(template) == ["Later"]
