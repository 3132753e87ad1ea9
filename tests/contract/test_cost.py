"""The page on cost is what the arithmetic gives, and the arithmetic knows what the stacks have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra import bill, cost
from infra.build import PROJECT
from infra.deployed import deployed, of_type
from tests.contract.conftest import Built
from tests.contract.runbook_checks import ALARMS
from tests.contract.template_checks import functions

STACKS = PROJECT / "infra" / "stacks"
# How far a count may drift before the figures are worth making anew.
DRIFT = 15

each_stage = pytest.mark.parametrize("stage", cost.STAGES)


@pytest.fixture(scope="module")
def inputs() -> bill.Inputs:
    return bill.read()


def test_the_page_is_up_to_date(inputs: bill.Inputs) -> None:
    text = cost.PAGE.read_text()
    assert cost.page(text, cost.figures(inputs)) == text, "run python -m infra.cost"


def test_a_stale_page_is_noticed(inputs: bill.Inputs) -> None:
    text = cost.PAGE.read_text()
    dearer = replace(inputs, memory=inputs.memory | {"api_handler": 1769})
    assert cost.page(text, cost.figures(dearer)) != text
    with pytest.raises(ValueError, match="needs the lines"):
        cost.page("# Cost\n", "")


@each_stage
def test_a_stage_is_as_its_stacks_are(inputs: bill.Inputs, stage: str) -> None:
    data, network = (deployed(STACKS / f"{name}.yaml", Stage=stage) for name in ("data", "network"))
    database, cache = (
        next(iter(of_type(data, kind).values()))
        for kind in ("AWS::RDS::DBCluster", "AWS::ElastiCache::ServerlessCache")
    )
    endpoints = of_type(network, "AWS::EC2::VPCEndpoint").values()
    size = database["ServerlessV2ScalingConfiguration"]
    known = inputs.stages[stage]
    assert known["instances"] == len(of_type(data, "AWS::RDS::DBInstance"))
    assert (known["least_acu"], known["most_acu"]) == (size["MinCapacity"], size["MaxCapacity"])
    assert known["has_proxy"] == bool(of_type(data, "AWS::RDS::DBProxy"))
    assert known["cache_gigabytes"] == cache["CacheUsageLimits"]["DataStorage"]["Maximum"]
    assert known["nat_gateways"] == len(of_type(network, "AWS::EC2::NatGateway"))
    assert known["endpoints"] == sum(len(each.get("SubnetIds", ())) for each in endpoints)


def test_what_is_counted_is_about_what_there_is(inputs: bill.Inputs, prod: Built) -> None:
    templates = [prod.template, *(deployed(path, Stage="prod") for path in STACKS.glob("*.yaml"))]
    alarms = sum(resource["Type"] in ALARMS for each in templates for resource in each["Resources"].values())
    seen = inputs.load["observation"]
    assert (
        abs(
            inputs.stages["prod"]["alarms_per_function"] * len(functions(prod.template))
            + seen["alarms_beside_functions"]
            - alarms
        )
        < DRIFT
    )
    assert abs(seen["routes"] - len(prod.manifest["routes"])) < DRIFT


def test_every_function_of_the_arithmetic_exists(inputs: bill.Inputs) -> None:
    calls = bill.Month(inputs, "prod", 1).calls()
    assert calls.keys() <= inputs.memory.keys()
    assert calls.keys() == inputs.load["milliseconds"].keys()


@each_stage
def test_more_requests_cost_more(inputs: bill.Inputs, stage: str) -> None:
    totals = [sum(bill.Month(inputs, stage, rate).bill().values()) for rate in cost.RATES]
    assert totals == sorted(totals)


def test_functions_cost_what_is_done_by_hand(inputs: bill.Inputs) -> None:
    """A million requests of 1 GB for 15 ms: 15,000 GB-seconds at 0.0000133334, and 0.20 for the calls."""
    prices = {"prices": {name: {"usd": each["usd"]} for name, each in inputs.prices["prices"].items()}}
    load = {
        **inputs.load,
        "per_request": {**inputs.load["per_request"], "orders": 0, "connections": 0, "uploads": 0, "questions": 0},
    }
    month = bill.Month(replace(inputs, prices=prices, load=load), "prod", 1e6 / (730 * 3600))
    idle = bill.Month(inputs, "prod", 0).functions()
    assert month.functions() - idle == pytest.approx(15_000 * 0.0000133334 + 0.20)


def test_every_price_has_a_source_and_every_price_is_used(inputs: bill.Inputs) -> None:
    source = (PROJECT / "infra" / "bill.py").read_text()
    for name, each in inputs.prices["prices"].items():
        assert each["source"].startswith("aws.amazon.com/")
        assert f'"{name}"' in source
