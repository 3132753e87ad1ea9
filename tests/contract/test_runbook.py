"""The runbook: every alarm of every stack leads to its section, and every section is whole and led to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import deployed
from tests.contract import runbook_checks
from tests.contract.conftest import Built

Template = dict[str, Any]

STACKS = sorted((PROJECT / "infra" / "stacks").glob("*.yaml"))
# Budgets and the detection of anomalies are not alarms of CloudWatch: their messages have no description.
WITHOUT_ALARM = {"budget", "cost-anomaly"}


@pytest.fixture
def runbook() -> str:
    return runbook_checks.read(PROJECT)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_every_alarm_of_a_stack_leads_to_the_runbook(path: Path, runbook: str) -> None:
    assert runbook_checks.unexplained_alarms(deployed(path, Stage="prod"), runbook) == []


def test_every_alarm_of_the_app_leads_to_the_runbook(prod: Built, runbook: str) -> None:
    assert runbook_checks.unexplained_alarms(prod.template, runbook) == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda alarm: alarm.pop("AlarmDescription"), "does not say what is wrong"),
        (lambda alarm: alarm.update(AlarmDescription="docs/runbook.md#dead-letters"), "does not say what is wrong"),
        (lambda alarm: alarm.update(AlarmDescription="It fails."), "does not say where to read on"),
        (
            lambda alarm: alarm.update(AlarmDescription="It fails. docs/runbook.md#elsewhere"),
            "leads to elsewhere, which is not in the runbook",
        ),
    ],
)
def test_an_alarm_that_explains_nothing_is_noticed(
    runbook: str, broken: Callable[[dict[str, Any]], object], fault: str
) -> None:
    services = deployed(PROJECT / "infra" / "stacks" / "services.yaml", Stage="prod")
    broken(services["Resources"]["OutboxAgeAlarm"]["Properties"])
    assert runbook_checks.unexplained_alarms(services, runbook) == [f"OutboxAgeAlarm {fault}"]


def test_every_section_is_whole(runbook: str) -> None:
    assert runbook_checks.incomplete_sections(runbook) == []
    assert runbook_checks.incomplete_sections(runbook.replace("**Over** with the next month", "")) == ["Budget"]


def test_every_section_is_led_to(prod: Built, runbook: str) -> None:
    templates = [prod.template, *(deployed(path, Stage="prod") for path in STACKS)]
    assert runbook_checks.unused_sections(templates, runbook) == WITHOUT_ALARM
