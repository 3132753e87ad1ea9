"""Aliases: everything that calls a function calls its alias, and releases in staging and prod reach people in steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra import aliases, stages
from infra.build import PROJECT
from infra.deployed import deployed
from infra.stages import ALIAS
from tests.contract import alias_checks as checks
from tests.contract.conftest import Built

Template = dict[str, Any]
Translated = Callable[[str], Template]
Break = Callable[[Template], object]

ALL = ("without_alias", "bypassing", "unused_aliases", "settings_of_nothing")
SERVICES = PROJECT / "infra" / "stacks" / "services.yaml"


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_everything_goes_through_aliases(translated: Translated, stage: str, check: str) -> None:
    assert getattr(checks, check)(translated(stage)) == []


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_releases_reach_people_in_steps(translated: Translated, stage: str) -> None:
    assert checks.all_at_once(translated(stage)) == []


def test_dev_moves_all_at_once_without_codedeploy(translated: Translated) -> None:
    assert "CodeDeploy" not in json.dumps(translated("dev"))


def test_the_laptop_has_no_aliases(built: Callable[[str], Built]) -> None:
    text = json.dumps(built("local").template)
    assert f"Alias{ALIAS}" not in text
    assert f":{ALIAS}" not in text
    assert "FUNCTION_ALIAS" not in text


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_the_user_pool_calls_what_the_stage_has(stage: str) -> None:
    triggers = deployed(SERVICES, Stage=stage)["Resources"]["UserPool"]["Properties"]["LambdaConfig"]
    wanted = {stages.named(stage).callable(name) for name in ("pre_sign_up", "post_confirmation")}
    found = {_filled(trigger, stage).partition(":function:")[2] for trigger in triggers.values()}
    assert found == wanted


def test_functions_that_call_others_know_the_alias(built: Callable[[str], Built]) -> None:
    found = {
        resource["Properties"]["FunctionName"]
        for resource in built("prod").template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        and resource["Properties"]["Environment"]["Variables"].get("FUNCTION_ALIAS") == ALIAS
    }
    assert found == {"marketplace-prod-websocket_message"}


def properties(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


@pytest.mark.parametrize(
    ("check", "broken", "fault"),
    [
        ("without_alias", lambda t: t["Resources"].pop("SendEmailsAliaslive"), "SendEmails has no alias"),
        (
            "without_alias",
            lambda t: next(
                each for name, each in t["Resources"].items() if name.startswith("SendEmailsVersion")
            ).update(DeletionPolicy="Retain"),
            "versions of SendEmails are kept for ever",
        ),
        (
            "bypassing",
            lambda t: properties(t, "HttpApiIntegration").update(IntegrationUri={"Fn::GetAtt": ["APIHandler", "Arn"]}),
            "HttpApiIntegration calls APIHandler itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "WebsocketConnectAPIIntegration").update(
                IntegrationUri={"Fn::Sub": ["…:function:${H}/invocations", {"H": {"Ref": "WebsocketConnect"}}]}
            ),
            "WebsocketConnectAPIIntegration calls WebsocketConnect itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "AdminAuthAuthorizer").update(AuthorizerUri={"Fn::Sub": "…${AdminAuth.Arn}…"}),
            "AdminAuthAuthorizer calls AdminAuth itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "FulfilOrdersFulfilOrdersSqsEventSource").update(
                FunctionName={"Ref": "FulfilOrders"}
            ),
            "FulfilOrdersFulfilOrdersSqsEventSource calls FulfilOrders itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "PreSignUpUserPoolPermission").update(FunctionName={"Ref": "PreSignUp"}),
            "PreSignUpUserPoolPermission calls PreSignUp itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "ExpireOrdersExpireOrdersEvent")["Targets"][0].update(
                Arn={"Fn::GetAtt": ["ExpireOrders", "Arn"]}
            ),
            "ExpireOrdersExpireOrdersEvent calls ExpireOrders itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "RecordActivityRecordActivitySnsSubscription").update(
                Endpoint={"Fn::GetAtt": ["RecordActivity", "Arn"]}
            ),
            "RecordActivityRecordActivitySnsSubscription calls RecordActivity itself",
        ),
        (
            "bypassing",
            lambda t: properties(t, "RefundWorkflow").update(DefinitionString={"Fn::Sub": '"${ReturnMoney.Arn}"'}),
            "RefundWorkflow calls ReturnMoney itself",
        ),
        (
            "bypassing",
            lambda t: _invocations(t, "WebsocketMessageRole").update(
                Resource={"Fn::Sub": "arn:${AWS::Partition}:lambda:x:y:function:marketplace-prod-answer_question"}
            ),
            "WebsocketMessageRole calls AnswerQuestion itself",
        ),
        (
            "unused_aliases",
            lambda t: _invocations(t, "WebsocketMessageRole").update(Resource="arn:of:nothing"),
            "nothing calls AnswerQuestion",
        ),
        (
            "unused_aliases",
            lambda t: t["Resources"].pop("ExpireOrdersExpireOrdersEvent"),
            "nothing calls ExpireOrders",
        ),
        (
            "settings_of_nothing",
            lambda t: properties(t, "AnswerQuestionEventInvokeConfig").update(Qualifier="$LATEST"),
            "AnswerQuestionEventInvokeConfig is for $LATEST",
        ),
        (
            "all_at_once",
            lambda t: t["Resources"]["SendEmailsAliaslive"].pop("UpdatePolicy"),
            "SendEmails is released at once",
        ),
        (
            "all_at_once",
            lambda t: properties(t, "SendEmailsCanaryAlarm")["Dimensions"].pop(),
            "SendEmails is released unseen",
        ),
        (
            "all_at_once",
            lambda t: properties(t, "SendEmailsCanaryAlarm").update(Period=300),
            "SendEmails is released unseen",
        ),
        (
            "all_at_once",
            lambda t: properties(t, "APIHandlerDeploymentGroup")["AlarmConfiguration"]["Fn::If"][2]["Alarms"].pop(),
            "APIHandler is released without a look at what the API answers",
        ),
        (
            "all_at_once",
            lambda t: properties(t, "SendEmailsDeploymentGroup")["DeploymentConfigName"]["Fn::If"].reverse(),
            "SendEmails is released in another way",
        ),
        (
            "all_at_once",
            lambda t: properties(t, "SendEmailsDeploymentGroup").update(
                ServiceRoleArn={"Fn::GetAtt": ["CodeDeployServiceRole", "Arn"]}
            ),
            "SendEmails is not taken back",
        ),
    ],
)
def test_what_is_wrong_is_noticed(translated: Translated, check: str, broken: Break, fault: str) -> None:
    template = translated("prod")
    broken(template)
    assert fault in getattr(checks, check)(template)


def test_a_version_is_published_for_what_is_in_it_and_for_nothing_else() -> None:
    function = {"MemorySize": 512, "Environment": {"Variables": {"A": {"Ref": "Setting"}}}, "Tags": {"a": "b"}}
    before = aliases.fingerprint(function, {"Setting": "x"})
    assert aliases.fingerprint(function | {"Tags": {}, "ReservedConcurrentExecutions": 5}, {"Setting": "x"}) == before
    assert aliases.fingerprint(function, {"Setting": "x", "Other": "y"}) == before
    assert aliases.fingerprint(function | {"MemorySize": 640}, {"Setting": "x"}) != before
    assert aliases.fingerprint(function, {"Setting": "y"}) != before


def test_a_value_of_a_parameter_gives_the_functions_that_use_it_a_new_version(prod: Built) -> None:
    text = (prod.folder / "template.json").read_text()
    values = dict.fromkeys(prod.template["Parameters"], "x")
    before, after = (
        json.loads(aliases.renew_fingerprints(text, values | {"TokenIssuer": issuer}))["Resources"] for issuer in "xy"
    )
    changed = {name for name in before if before[name] != after[name]}
    assert "APIHandler" in changed
    assert all('"Ref": "TokenIssuer"' in json.dumps(before[name]["Properties"]["Environment"]) for name in changed)


def _invocations(template: Template, role: str) -> Template:
    (statement,) = (
        each
        for each in properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in each["Action"]
    )
    found: Template = statement
    return found


def _filled(trigger: Any, stage: str) -> str:
    text, values = trigger["Fn::Sub"]
    return str(text).replace("${Stage}", stage).replace("${Alias}", values["Alias"])
