"""Every function gets its alarms, and they tell the topic of the stage."""

from __future__ import annotations

from typing import Any

from infra import stages
from infra.alarms import add_alarms

STAGE = stages.named("dev")


def alarms(*names: str) -> dict[str, Any]:
    """The alarms of a template with functions of these names."""
    functions = {
        name.title(): {"Type": "AWS::Serverless::Function", "Properties": {"FunctionName": f"marketplace-dev-{name}"}}
        for name in names
    }
    made = add_alarms({"Resources": functions}, STAGE)["Resources"]
    return {name: made[name]["Properties"] for name in made if name not in functions}


def test_each_function_is_watched_for_errors_and_throttles() -> None:
    made = alarms("work", "play")
    for logical_id, name in (("Work", "work"), ("Play", "play")):
        for metric in ("Errors", "Throttles"):
            alarm = made[f"{logical_id}{metric}Alarm"]
            assert alarm["AlarmName"] == f"marketplace-dev-{name}-{metric.lower()}"
            assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": logical_id}}]
            assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == (metric, "Sum", 0)


def test_the_api_is_watched_for_errors_and_for_slow_answers() -> None:
    made = alarms()
    assert made["HttpApiErrorsAlarm"]["MetricName"] == "5xx"
    assert made["HttpApiLatencyAlarm"]["ExtendedStatistic"] == "p99"
    assert "Statistic" not in made["HttpApiLatencyAlarm"]


def test_every_alarm_tells_when_it_begins_and_when_it_is_over() -> None:
    for alarm in alarms("work").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopicArn"}]
