"""How many calls of each function there may be at a time, and what keeps the API warm when somebody asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import stages
from infra.build import PROJECT
from infra.concurrency import PROVISIONED, SNAP_START, SNAPSHOTS, warm_api
from infra.deployed import decided, deployed, refusals
from infra.verify.lint import lint
from tests.contract import concurrency_checks as checks
from tests.contract.conftest import Built

Template = dict[str, Any]
Builds = Callable[[str], Built]

DATA = PROJECT / "infra" / "stacks" / "data.yaml"
LIMITED = ["staging", "prod"]


def function(template: Template, name: str) -> Any:
    return template["Resources"][name]["Properties"]


@pytest.mark.parametrize("check", ["unlimited", "starving", "throttled_queues"])
@pytest.mark.parametrize("stage", LIMITED)
def test_every_function_has_its_share(built: Builds, stage: str, check: str) -> None:
    assert getattr(checks, check)(built(stage).template) == []


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_a_new_account_has_nothing_to_reserve(built: Builds, stage: str) -> None:
    assert set(checks.reserved(built(stage).template).values()) == {0}


def test_staging_and_prod_fit_into_one_account(built: Builds) -> None:
    apps = [built(stage).template for stage in LIMITED]
    assert checks.beyond_the_account(*apps) == []
    function(apps[0], "SendEmails")["ReservedConcurrentExecutions"] = 300
    assert len(checks.beyond_the_account(*apps)) == 1


@pytest.mark.parametrize("stage", LIMITED)
def test_the_database_has_a_connection_for_every_call(built: Builds, stage: str) -> None:
    app, data = built(stage).template, deployed(DATA, Stage=stage)
    assert checks.beyond_the_database(app, data) == []
    function(app, "APIHandler")["Environment"]["Variables"]["DATABASE_POOL_SIZE"] = "100"
    assert len(checks.beyond_the_database(app, data)) == 1


def test_a_smaller_database_is_too_small(prod: Built) -> None:
    data = deployed(DATA, Stage="prod")
    assert checks.connections(data) == 1600
    data["Resources"]["Database"]["Properties"]["ServerlessV2ScalingConfiguration"]["MaxCapacity"] = 1
    assert checks.beyond_the_database(prod.template, data) != []


@pytest.mark.parametrize(
    ("check", "name", "limit", "fault"),
    [
        ("unlimited", "SendEmails", 0, "SendEmails has no limit"),
        ("starving", "SendEmails", 301, "SendEmails may take more than the API"),
        ("throttled_queues", "FulfilOrders", 9, "FulfilOrders is handed more than it may take"),
    ],
)
def test_what_is_wrong_is_noticed(prod: Built, check: str, name: str, limit: int, fault: str) -> None:
    template = prod.template
    function(template, name)["ReservedConcurrentExecutions"] = limit
    assert getattr(checks, check)(template) == [fault]


def test_nothing_is_kept_warm_unless_somebody_asks(prod: Built, translated: Callable[[str], Template]) -> None:
    template = translated("prod")
    assert "ProvisionedConcurrencyConfig" not in function(decided(template), "APIHandlerAliaslive")
    kept = function(decided(template, **{PROVISIONED: "5"}), "APIHandlerAliaslive")["ProvisionedConcurrencyConfig"]
    assert kept == {"ProvisionedConcurrentExecutions": "5"}
    assert prod.template["Parameters"][PROVISIONED]["MaxValue"] == checks.reserved(prod.template)["APIHandler"]


def test_this_python_has_no_snapshots(prod: Built) -> None:
    path = prod.folder / "template.json"
    assert refusals(path) == []
    assert refusals(path, **{SNAP_START: SNAPSHOTS}) == [
        "Lambda takes snapshots of python3.12 and later, and this build is for python3.11."
    ]


def test_a_later_python_has_them_and_not_beside_environments_that_are_kept(prod: Built, tmp_path: Path) -> None:
    template = prod.template
    for name in ("Parameters", "Conditions", "Rules"):
        del template[name]
    function(template, "APIHandler")["Runtime"] = "python3.13"
    later = warm_api(template, stages.named("prod"))
    assert function(later, "APIHandler")["SnapStart"] == {"ApplyOn": {"Ref": SNAP_START}}
    path = tmp_path / "template.json"
    path.write_text(json.dumps(later))
    assert refusals(path, **{SNAP_START: SNAPSHOTS}) == []
    assert len(refusals(path, **{SNAP_START: SNAPSHOTS, PROVISIONED: "1"})) == 1


def test_what_a_later_python_gets_is_clean(prod: Built, tmp_path: Path) -> None:
    handler = function(prod.template, "APIHandler")
    kept = {name: handler[name] for name in ("Handler", "MemorySize", "Timeout")}
    bare = kept | {"Runtime": "python3.13", "CodeUri": "s3://a/b", "AutoPublishAlias": "live"}
    template = {
        "Transform": prod.template["Transform"],
        "Resources": {"APIHandler": {"Type": "AWS::Serverless::Function", "Properties": bare}},
    }
    path = tmp_path / "template.json"
    path.write_text(json.dumps(warm_api(template, stages.named("prod"))))
    assert lint(path) == []
