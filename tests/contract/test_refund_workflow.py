"""The workflow of refunds as it is built: every step has a function, a second chance, and a way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra import stages
from infra.refund_workflow import STEPS, WORKFLOW, add_refund_workflow
from tests.contract import refund_checks as checks
from tests.contract.conftest import Built

ALL = ("lost_steps", "careless_steps", "silent_ends", "broad_role", "unobserved")

Break = Callable[[dict[str, Any]], object]


def _on_states(change: Break) -> Break:
    """`change`, done to the states of a template."""

    def broken(template: dict[str, Any]) -> None:
        text = template["Resources"][WORKFLOW]["Properties"]["DefinitionString"]
        definition = json.loads(text["Fn::Sub"])
        change(definition["States"])
        text["Fn::Sub"] = json.dumps(definition)

    return broken


def _definition(template: dict[str, Any]) -> dict[str, Any]:
    return json.loads(template["Resources"][WORKFLOW]["Properties"]["DefinitionString"]["Fn::Sub"])


def _properties(template: dict[str, Any], suffix: str = "") -> Any:
    return template["Resources"][WORKFLOW + suffix]["Properties"]


def _statements(template: dict[str, Any]) -> Any:
    return _properties(template, "Role")["Policies"][0]["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_the_workflow_is_sound(built: Callable[[str], Built], stage: str, check: str) -> None:
    assert getattr(checks, check)(built(stage).template) == []


def test_its_steps_are_functions_of_the_app(prod: Built) -> None:
    assert {name for name, state in checks.states(prod.template).items() if state["Type"] == "Task"} == STEPS.keys()


def test_only_the_api_knows_and_starts_it(prod: Built) -> None:
    resources = prod.template["Resources"]
    told = [
        resource["Properties"]["FunctionName"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
        and resource["Properties"]["Environment"]["Variables"].get("REFUND_WORKFLOW_ARN") == {"Ref": WORKFLOW}
    ]
    roles = [name for name, each in resources.items() if "states:StartExecution" in json.dumps(each)]
    assert (told, roles) == (["marketplace-prod-api_handler"], ["ApiHandlerRole"])


def test_an_app_without_its_steps_has_no_workflow() -> None:
    without: dict[str, Any] = {"Resources": {}}
    assert add_refund_workflow(without, stages.named("prod")) == without


@pytest.mark.parametrize(
    ("check", "broken", "fault"),
    [
        ("lost_steps", lambda t: t["Resources"].pop("ReturnMoney"), "ReturnMoney calls ${ReturnMoneyAliaslive}"),
        (
            "lost_steps",
            _on_states(lambda s: s["GiveUp"].update(TimeoutSeconds=5)),
            "GiveUp gives up before its function",
        ),
        ("lost_steps", _on_states(lambda s: s.pop("Refunded")), "Refunded is not there"),
        ("lost_steps", _on_states(lambda s: s["CancelOrder"].update(Next="Refunded")), "ReturnMoney is never reached"),
        (
            "careless_steps",
            _on_states(lambda s: s["CancelOrder"]["Retry"].pop(0)),
            "CancelOrder repeats what was refused",
        ),
        (
            "careless_steps",
            _on_states(lambda s: s["ReturnMoney"]["Retry"].pop(2)),
            "ReturnMoney is not repeated after States.TaskFailed",
        ),
        ("careless_steps", _on_states(lambda s: s["GiveUp"].pop("Catch")), "GiveUp does not catch everything"),
        ("silent_ends", _on_states(lambda s: s["CancelOrder"].pop("Next")), "CancelOrder leads nowhere"),
        (
            "silent_ends",
            _on_states(lambda s: s["CancelOrder"].update(Next="Refunded")),
            "success comes after ['CancelOrder', 'ReturnMoney']",
        ),
        (
            "silent_ends",
            _on_states(lambda s: s["ReturnMoney"]["Catch"][0].update(Next="GivenUp")),
            "ReturnMoney is not compensated",
        ),
        ("silent_ends", _on_states(lambda s: s["GivenUp"].update(Type="Succeed")), "giving up is a success"),
        (
            "silent_ends",
            lambda t: _properties(t, "FailedAlarm").update(AlarmActions=[]),
            "nobody hears of ExecutionsFailed",
        ),
        (
            "silent_ends",
            lambda t: t["Resources"].pop(f"{WORKFLOW}TimedOutAlarm"),
            "nobody hears of ExecutionsTimedOut",
        ),
        (
            "silent_ends",
            lambda t: t["Resources"][WORKFLOW]["Properties"].update(
                DefinitionString={"Fn::Sub": json.dumps(_definition(t) | {"TimeoutSeconds": 3900})}
            ),
            "an attempt goes on when the next one may begin",
        ),
        (
            "broad_role",
            lambda t: _statements(t)[0]["Resource"].append({"Fn::Sub": "${Migrate.Arn}"}),
            "may call ${Migrate.Arn}",
        ),
        ("broad_role", lambda t: _statements(t)[0]["Resource"].pop(1), "may not call ${ReturnMoneyAliaslive}"),
        (
            "broad_role",
            lambda t: _properties(t, "Role")["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition"),
            "anybody takes the role",
        ),
        ("unobserved", lambda t: _properties(t).pop("TracingConfiguration"), "is not traced"),
        ("unobserved", lambda t: _properties(t).pop("LoggingConfiguration"), "is not logged"),
        (
            "unobserved",
            lambda t: _properties(t)["LoggingConfiguration"].update(IncludeExecutionData=True),
            "logs what executions hold",
        ),
        ("unobserved", lambda t: _properties(t, "Logs").pop("RetentionInDays"), "keeps logs for ever"),
    ],
)
def test_what_is_wrong_with_the_workflow_is_noticed(prod: Built, check: str, broken: Break, fault: str) -> None:
    template = prod.template
    broken(template)
    assert fault in getattr(checks, check)(template)
