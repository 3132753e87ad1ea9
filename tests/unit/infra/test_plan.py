"""Which stacks a deployment takes: optional ones once they are there, the account's own until it is there."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra import catalogue, stages
from infra.build import MANIFEST
from infra.commands import plan
from infra.commands.destroy import _buckets_to_empty
from infra.errors import Refused
from tests.cloudformation import refused


class Region:
    """CloudFormation of one region."""

    def __init__(self, *stacks: str) -> None:
        self._stacks = stacks

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        if request["StackName"] not in self._stacks:
            raise refused("does not exist")
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE"}]}


def planned(*deployed: str, names: str = "", stage: str = "dev", emulated: bool = False) -> list[str]:
    """The names of the stacks that are meant, where `deployed` are there already: the edge in its own region."""
    here, there = Region(*(name for name in deployed if "edge" not in name)), Region(*deployed)
    regions = {"": here, "us-east-1": there}
    account: Any = SimpleNamespace(client=lambda _, region="": regions[region], is_emulated=emulated)
    return [definition.name for definition in plan.stacks(account, stages.named(stage), names)]


OWN = [each.name for each in catalogue.chosen("dev") if not each.is_optional]


def test_the_first_deployment_gives_the_account_what_it_needs_once() -> None:
    assert planned() == ["account", *OWN]
    assert planned("marketplace-account") == OWN


@pytest.mark.skipif(not catalogue.named("edge").is_there, reason="there is no edge")
def test_the_edge_comes_along_once_it_is_there() -> None:
    assert planned("marketplace-account", "marketplace-dev-edge") == [*OWN, "edge"]
    assert planned(names="edge, services") == ["services", "edge"]


def test_an_emulator_gets_what_it_takes() -> None:
    assert planned(emulated=True) == ["services", "app"]


def test_the_laptops_stage_is_not_deployed_from_here() -> None:
    with pytest.raises(Refused, match="make run"):
        planned(stage="local")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"stage": "prod", "is_emulated": False}, "is of the stage prod"),
        ({"stage": "dev", "is_emulated": True}, "is for an emulator"),
    ],
)
def test_a_build_for_something_else_is_not_deployed(tmp_path: Path, manifest: dict[str, Any], reason: str) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    options = Namespace(stage="dev", build=tmp_path, parameter=[])
    account: Any = SimpleNamespace(is_emulated=False)
    with pytest.raises(Refused, match=reason):
        plan.release(options, account, [catalogue.named("app")], "code")


def test_only_buckets_that_go_are_emptied() -> None:
    kinds = {"Goes": {}, "Deleted": {"DeletionPolicy": "Delete"}, "Stays": {"DeletionPolicy": "Retain"}, "Topic": {}}

    class Client:
        def get_template(self, **_: str) -> dict[str, Any]:
            return {"TemplateBody": {"Resources": kinds}}

        def get_paginator(self, _: str) -> Client:
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return [{"StackResourceSummaries": [_summary(name) for name in kinds]}]

    assert _buckets_to_empty(Client(), "stack") == ["the-goes", "the-deleted"]


def _summary(name: str) -> dict[str, str]:
    kind = "AWS::SNS::Topic" if name == "Topic" else "AWS::S3::Bucket"
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": f"the-{name.lower()}",
        "ResourceType": kind,
        "ResourceStatus": "CREATE_COMPLETE",
    }
