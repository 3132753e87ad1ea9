"""Alarms: every queue, function, stream and API has its own, also one that is added later."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib import observability
from infra.build import PROJECT
from infra.deployed import deployed
from tests.contract import alarm_checks
from tests.contract.conftest import Built
from tests.contract.lint import expanded

Template = dict[str, Any]


@pytest.fixture
def services() -> Template:
    return expanded(PROJECT / "infra" / "stacks" / "services.yaml")


@pytest.mark.parametrize(
    ("alarm", "fault"),
    [
        ("OrdersAgeAlarm", "nobody watches ApproximateAgeOfOldestMessage of Orders"),
        ("FailedEventsDepthAlarm", "nobody watches ApproximateNumberOfMessagesVisible of FailedEvents"),
    ],
)
def test_every_queue_is_watched(services: Template, alarm: str, fault: str) -> None:
    assert alarm_checks.unwatched_queues(services) == []
    del services["Resources"][alarm]
    assert alarm_checks.unwatched_queues(services) == [fault]


def test_an_alarm_that_tells_nobody_watches_nothing(services: Template) -> None:
    del services["Resources"]["EmailsDeadDepthAlarm"]["Properties"]["AlarmActions"]
    assert len(alarm_checks.unwatched_queues(services)) == 1


def test_a_queue_that_is_added_has_to_be_watched(services: Template) -> None:
    services["Resources"]["Later"] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "later"}}
    assert alarm_checks.unwatched_queues(services) == ["nobody watches ApproximateAgeOfOldestMessage of Later"]


def test_every_function_is_watched(prod: Built) -> None:
    template = prod.template
    assert alarm_checks.unwatched_functions(template) == []
    del template["Resources"]["FulfilOrdersErrorsAlarm"]
    template["Resources"]["MigrateThrottlesAlarm"]["Properties"]["Threshold"] = 100
    assert alarm_checks.unwatched_functions(template) == [
        "nobody watches Errors of FulfilOrders",
        "nobody watches Throttles of Migrate",
    ]


def test_a_function_that_is_added_has_to_be_watched(prod: Built) -> None:
    template = prod.template
    template["Resources"]["Later"] = template["Resources"]["Migrate"]
    assert len(alarm_checks.unwatched_functions(template)) == 2


@pytest.mark.parametrize(
    ("alarm", "fault"),
    [
        ("HttpApiErrorsAlarm", "nobody watches 5xx of HttpApi"),
        ("WebsocketAPIErrorsAlarm", "nobody watches IntegrationError of WebsocketAPI"),
        ("WebsocketAPIFailuresAlarm", "nobody watches ExecutionError of WebsocketAPI"),
        ("WebsocketAPILatencyAlarm", "nobody watches IntegrationLatency of WebsocketAPI"),
    ],
)
def test_the_apis_are_watched(prod: Built, alarm: str, fault: str) -> None:
    template = prod.template
    assert alarm_checks.unwatched_apis(template) == []
    del template["Resources"][alarm]
    assert alarm_checks.unwatched_apis(template) == [fault]


def test_the_stream_is_watched(prod: Built) -> None:
    template = prod.template
    assert alarm_checks.unwatched_streams(template) == []
    template["Resources"]["PushActivityIteratorAgeAlarm"]["Properties"]["Threshold"] = 86_400_000
    assert alarm_checks.unwatched_streams(template) == ["nobody watches the stream of PushActivity"]


def test_alarms_watch_what_the_application_counts(services: Template) -> None:
    watched = alarm_checks.own_metrics(services)
    assert set(watched) == {"EventsParked", "NotificationsUncertain", "OutboxAgeSeconds"}
    assert uncounted(watched) == []
    assert uncounted(["EventsLost"]) == ["EventsLost"]
    for dimensions in watched.values():
        assert dimensions == {"service": observability.SERVICE, "stage": {"Ref": "Stage"}}


@pytest.mark.parametrize(
    ("stage", "silence"), [("dev", "notBreaching"), ("staging", "breaching"), ("prod", "breaching")]
)
def test_an_outbox_that_nobody_looks_at_is_told_where_somebody_always_does(stage: str, silence: str) -> None:
    template = deployed(PROJECT / "infra" / "stacks" / "services.yaml", Stage=stage)
    assert template["Resources"]["OutboxAgeAlarm"]["Properties"]["TreatMissingData"] == silence


def uncounted(metrics: Any) -> list[str]:
    """The metrics that nothing in the application is called; some of their names are put together (`Sent{state}`)."""
    files = [PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py")]
    source = "\n".join(path.read_text() for path in files)
    named = [re.sub(r"\{[^}]*\}", r"\\w+", name) for name in re.findall(r'"([A-Z][A-Za-z]+(?:\{[^}"]*\})?)"', source)]
    return [metric for metric in metrics if not any(re.fullmatch(name, metric) for name in named)]
