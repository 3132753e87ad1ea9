"""A stack of a stage that is protected, or that all stages need, is not deleted by mistake."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from infra import catalogue, stages
from infra.commands.deploy import Deployment


class Protection:
    """CloudFormation as far as it protects a stack."""

    def __init__(self, *, is_on: bool = False, refusal: str = "") -> None:
        self.is_on = is_on
        self.refusal = refusal
        self.calls: list[dict[str, Any]] = []

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"EnableTerminationProtection": self.is_on}]}

    def update_termination_protection(self, **request: Any) -> None:
        self.calls.append(request)
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "UpdateTerminationProtection")


def said(cloudformation: Protection, stage: str, stack: str = "data") -> str:
    """What is said once a stack of a stage has been deployed."""
    screen = Console(file=StringIO(), width=200)
    release: Any = SimpleNamespace(stage=stages.named(stage), client=lambda _: cloudformation)
    Deployment(release, SimpleNamespace(), screen, migrates=True)._protect(catalogue.named(stack))  # type: ignore[arg-type]
    return screen.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("stage", "stack"), [("prod", "data"), ("staging", "services"), ("dev", "account")])
def test_it_is_switched_on(stage: str, stack: str) -> None:
    cloudformation = Protection()
    assert "protected from deletion" in said(cloudformation, stage, stack)
    assert [call["EnableTerminationProtection"] for call in cloudformation.calls] == [True]


@pytest.mark.parametrize(("cloudformation", "stage"), [(Protection(), "dev"), (Protection(is_on=True), "prod")])
def test_dev_and_what_is_protected_already_are_left_alone(cloudformation: Protection, stage: str) -> None:
    assert said(cloudformation, stage) == ""
    assert cloudformation.calls == []


def test_a_role_that_may_not_says_so_and_goes_on() -> None:
    assert "deploy it once as an administrator" in said(Protection(refusal="AccessDenied"), "prod")
    with pytest.raises(ClientError):
        said(Protection(refusal="Throttling"), "prod")
