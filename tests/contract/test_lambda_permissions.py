"""Every trigger may call its function, and a function permits nothing that no trigger needs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra import stages
from infra.build import PROJECT
from infra.deployed import deployed, of_type
from tests.contract import permission_checks as checks

Template = dict[str, Any]
Break = Callable[[Template], object]


def services(stage: str) -> Template:
    return deployed(PROJECT / "infra" / "stacks" / "services.yaml", Stage=stage)


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_every_trigger_has_its_permission_and_no_other_is_there(
    translated: Callable[[str], Template], stage: str
) -> None:
    template = translated(stage)
    assert checks.uninvited(template, services(stage), stage) == []
    assert checks.uncalled(template, services(stage), stage) == []


def without_source(grant: Template) -> None:
    del grant["SourceArn"]


def of_any_api(grant: Template) -> None:
    grant["SourceArn"] = {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*"}


def to_another_function(grant: Template) -> None:
    grant["FunctionName"] = {"Ref": "SendEmailsAliaslive"}


def past_the_alias(grant: Template) -> None:
    grant["FunctionName"] = {"Ref": grant["FunctionName"]["Ref"].removesuffix("Aliaslive")}


@pytest.mark.parametrize("broken", [None, without_source, of_any_api, to_another_function, past_the_alias])
def test_each_permission_that_is_missing_or_wrong_is_named(
    translated: Callable[[str], Template], broken: Break | None
) -> None:
    template, pool = translated("prod"), services("prod")
    for name, grant in of_type(template, "AWS::Lambda::Permission").items():
        caller, callee = grant["Principal"].removesuffix(".amazonaws.com"), grant["FunctionName"]["Ref"]
        was = template["Resources"][name]
        template["Resources"][name] = copy.deepcopy(was)
        if broken is None:
            del template["Resources"][name]
        else:
            broken(template["Resources"][name]["Properties"])
        (fault,) = checks.uninvited(template, pool, "prod")
        assert fault.startswith(f"{caller} calls {callee} for ")
        assert len(checks.uncalled(template, pool, "prod")) == (broken is not None)
        template["Resources"][name] = was


def test_a_trigger_that_is_added_needs_its_permission(translated: Callable[[str], Template]) -> None:
    template = translated("prod")
    template["Resources"]["Later"] = {
        "Type": "AWS::Events::Rule",
        "Properties": {"Targets": [{"Arn": {"Ref": "SendEmailsAliaslive"}}]},
    }
    assert checks.uninvited(template, services("prod"), "prod") == [
        "events calls SendEmailsAliaslive for {'Fn::GetAtt': ['Later', 'Arn']}"
    ]
