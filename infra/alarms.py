"""Alarms on every function and on the APIs, told to the stage's topic. Queues have theirs in the services stack.

Each says what is wrong, and where the runbook says what to do.
"""

from __future__ import annotations

import copy
from typing import Any

from infra import http_api, websocket_api
from infra.chalice_app import Template
from infra.stages import APP, Stage

TOPIC = "AlarmTopicArn"
RUNBOOK = "docs/runbook.md"

_SLOWEST_MILLISECONDS = 2000
_OLDEST_RECORD_MILLISECONDS = 60_000
_SLOW: dict[str, Any] = {"ExtendedStatistic": "p99", "Threshold": _SLOWEST_MILLISECONDS, "EvaluationPeriods": 3}

_FUNCTION_MEANS = {
    "Errors": f"The function raised an error, ran out of time or memory, or did not start. {RUNBOOK}#function-errors",
    "Throttles": f"Lambda refused to start the function once more. {RUNBOOK}#function-throttles",
}
_LATE = f"What was written to the table waits for this function for more than a minute. {RUNBOOK}#stream-age"


def add_alarms(template: Template, stage: Stage) -> Template:
    """`template` with alarms for the errors and throttles of each function, for late streams, and for each API."""
    result = copy.deepcopy(template)
    resources = result["Resources"]
    for logical_id, function in list(resources.items()):
        if function["Type"] != "AWS::Serverless::Function":
            continue
        name = function["Properties"]["FunctionName"]
        dimensions = {"FunctionName": {"Ref": logical_id}}
        for metric, means in _FUNCTION_MEANS.items():
            resources[f"{logical_id}{metric}Alarm"] = alarm(
                f"{name}-{metric.lower()}", means, "AWS/Lambda", metric, dimensions, Statistic="Sum"
            )
        if any(event["Type"] == "DynamoDB" for event in function["Properties"].get("Events", {}).values()):
            resources[f"{logical_id}IteratorAgeAlarm"] = alarm(
                f"{name}-iterator-age", _LATE, "AWS/Lambda", "IteratorAge", dimensions,
                Statistic="Maximum", Threshold=_OLDEST_RECORD_MILLISECONDS,
            )  # fmt: skip
    resources.update(_http_alarms(stage))
    if websocket_api.API in resources:
        resources.update(_websocket_alarms(stage))
    return result


def _http_alarms(stage: Stage) -> Template:
    name = f"{APP}-{stage.name}-{http_api.STAGE_NAME}"
    dimensions = {"ApiId": {"Ref": "HttpApi"}, "Stage": http_api.STAGE_NAME}
    failing = f"The HTTP API answered with a status of 500 or more. {RUNBOOK}#api-errors"
    slow = f"One request of a hundred takes more than two seconds, for a quarter of an hour. {RUNBOOK}#api-latency"
    return {
        "HttpApiErrorsAlarm": alarm(f"{name}-errors", failing, "AWS/ApiGateway", "5xx", dimensions, Statistic="Sum"),
        "HttpApiLatencyAlarm": alarm(f"{name}-latency", slow, "AWS/ApiGateway", "Latency", dimensions, **_SLOW),
    }


def _websocket_alarms(stage: Stage) -> Template:
    api, name = websocket_api.API, f"{APP}-{stage.name}-{websocket_api.STAGE_NAME}"
    dimensions = {"ApiId": {"Ref": api}, "Stage": websocket_api.STAGE_NAME}
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "errors": ("IntegrationError", "The function of a socket failed.", {"Statistic": "Sum"}),
        "failures": ("ExecutionError", "API Gateway could not call the function of a socket.", {"Statistic": "Sum"}),
        "latency": ("IntegrationLatency", "One message of a hundred takes more than two seconds to handle.", _SLOW),
    }
    return {
        f"{api}{kind.title()}Alarm": alarm(
            f"{name}-{kind}", f"{means} {RUNBOOK}#socket-{kind}", "AWS/ApiGateway", metric, dimensions, **settings
        )
        for kind, (metric, means, settings) in kinds.items()
    }


def alarm(name: str, means: str, namespace: str, metric: str, dimensions: dict[str, Any], **settings: Any) -> Template:
    """An alarm when there is any of `metric` in five minutes, unless `settings` say otherwise."""
    properties = {
        "AlarmName": name,
        "AlarmDescription": means,
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
