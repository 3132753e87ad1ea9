"""Alarms on every function and on the APIs, told to the stage's topic. Queues have theirs in the services stack."""

from __future__ import annotations

import copy
from typing import Any

from infra import http_api, websocket_api
from infra.chalice_app import Template
from infra.stages import APP, Stage

TOPIC = "AlarmTopicArn"

_SLOWEST_MILLISECONDS = 2000
_OLDEST_RECORD_MILLISECONDS = 60_000
_SLOW: dict[str, Any] = {"ExtendedStatistic": "p99", "Threshold": _SLOWEST_MILLISECONDS, "EvaluationPeriods": 3}


def add_alarms(template: Template, stage: Stage) -> Template:
    """`template` with alarms for the errors and throttles of each function, for late streams, and for each API."""
    result = copy.deepcopy(template)
    resources = result["Resources"]
    for logical_id, function in list(resources.items()):
        if function["Type"] != "AWS::Serverless::Function":
            continue
        name = function["Properties"]["FunctionName"]
        for metric in ("Errors", "Throttles"):
            resources[f"{logical_id}{metric}Alarm"] = _alarm(
                f"{name}-{metric.lower()}", "AWS/Lambda", metric, {"FunctionName": {"Ref": logical_id}}, Statistic="Sum"
            )
        if any(event["Type"] == "DynamoDB" for event in function["Properties"].get("Events", {}).values()):
            resources[f"{logical_id}IteratorAgeAlarm"] = _alarm(
                f"{name}-iterator-age", "AWS/Lambda", "IteratorAge", {"FunctionName": {"Ref": logical_id}},
                Statistic="Maximum", Threshold=_OLDEST_RECORD_MILLISECONDS,
            )  # fmt: skip
    resources.update(_http_alarms(stage))
    if websocket_api.API in resources:
        resources.update(_websocket_alarms(stage))
    return result


def _http_alarms(stage: Stage) -> Template:
    name = f"{APP}-{stage.name}-{http_api.STAGE_NAME}"
    dimensions = {"ApiId": {"Ref": "HttpApi"}, "Stage": http_api.STAGE_NAME}
    return {
        "HttpApiErrorsAlarm": _alarm(f"{name}-errors", "AWS/ApiGateway", "5xx", dimensions, Statistic="Sum"),
        "HttpApiLatencyAlarm": _alarm(f"{name}-latency", "AWS/ApiGateway", "Latency", dimensions, **_SLOW),
    }


def _websocket_alarms(stage: Stage) -> Template:
    api, name = websocket_api.API, f"{APP}-{stage.name}-{websocket_api.STAGE_NAME}"
    dimensions = {"ApiId": {"Ref": api}, "Stage": websocket_api.STAGE_NAME}
    errors = {"Errors": "IntegrationError", "Failures": "ExecutionError"}
    alarms = {
        f"{api}{label}Alarm": _alarm(f"{name}-{label.lower()}", "AWS/ApiGateway", metric, dimensions, Statistic="Sum")
        for label, metric in errors.items()
    }
    slow = _alarm(f"{name}-latency", "AWS/ApiGateway", "IntegrationLatency", dimensions, **_SLOW)
    return alarms | {f"{api}LatencyAlarm": slow}


def _alarm(name: str, namespace: str, metric: str, dimensions: dict[str, Any], **settings: Any) -> Template:
    """An alarm when there is any of `metric` in five minutes, unless `settings` say otherwise."""
    properties = {
        "AlarmName": name,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Period": 300,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": TOPIC}],
        "OKActions": [{"Ref": TOPIC}],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | settings}
