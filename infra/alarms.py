"""Alarms on every function and on the API, told to the stage's topic. Queues have theirs in the services stack."""

from __future__ import annotations

import copy
from typing import Any

from infra.chalice_app import Template
from infra.http_api import STAGE_NAME
from infra.stages import APP, Stage

TOPIC = "AlarmTopicArn"

_SLOWEST_MILLISECONDS = 2000


def add_alarms(template: Template, stage: Stage) -> Template:
    """`template` with an alarm for the errors and for the throttles of each function, and for the API as a whole."""
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
    resources.update(_api_alarms(stage))
    return result


def _api_alarms(stage: Stage) -> Template:
    name = f"{APP}-{stage.name}-api"
    dimensions = {"ApiId": {"Ref": "HttpApi"}, "Stage": STAGE_NAME}
    slow = {"ExtendedStatistic": "p99", "Threshold": _SLOWEST_MILLISECONDS, "EvaluationPeriods": 3}
    return {
        "HttpApiErrorsAlarm": _alarm(f"{name}-errors", "AWS/ApiGateway", "5xx", dimensions, Statistic="Sum"),
        "HttpApiLatencyAlarm": _alarm(f"{name}-latency", "AWS/ApiGateway", "Latency", dimensions, **slow),
    }


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
