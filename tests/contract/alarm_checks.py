"""Rules for alarms. Each returns what is not watched, so that a test can also take an alarm away.

`services` is the services stack with its loops expanded, `app` the app's stack as built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.event_checks import events
from tests.contract.queue_checks import is_last, queues
from tests.contract.references import name_of
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

_API_METRICS = {"HTTP": ("5xx", "Latency"), "WEBSOCKET": ("IntegrationError", "ExecutionError", "IntegrationLatency")}


def unwatched_queues(services: Template) -> list[str]:
    """Somebody is told when a message has waited long, or when one was given up on."""
    watched = {
        (alarm["MetricName"], name_of(dimension["Value"]))
        for alarm in _working(services, "Alarms")
        if alarm["Namespace"] == "AWS/SQS"
        for dimension in alarm["Dimensions"]
    }
    depth, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    needed = {(depth if is_last(queue) else age, name) for name, queue in queues(services).items()}
    return [f"nobody watches {metric} of {name}" for metric, name in sorted(needed - watched)]


def unwatched_functions(app: Template) -> list[str]:
    """Somebody is told when a function fails, or may not start."""
    watched = {
        (alarm["MetricName"], name_of(dimension["Value"]))
        for alarm in _working(app, "AlarmTopicArn")
        if alarm["Namespace"] == "AWS/Lambda" and alarm["Threshold"] == 0 and alarm["Statistic"] == "Sum"
        for dimension in alarm["Dimensions"]
    }
    needed = {(metric, name) for name in functions(app) for metric in ("Errors", "Throttles")}
    return [f"nobody watches {metric} of {name}" for metric, name in sorted(needed - watched)]


def unwatched_streams(app: Template) -> list[str]:
    """Somebody is told when what was written to the table waits for its function."""
    watched = {
        name_of(dimension["Value"])
        for alarm in _working(app, "AlarmTopicArn")
        if alarm["MetricName"] == "IteratorAge" and alarm["Statistic"] == "Maximum" and alarm["Threshold"] <= 60_000
        for dimension in alarm["Dimensions"]
    }
    return [f"nobody watches the stream of {name}" for name, _, _ in events(app, "DynamoDB") if name not in watched]


def unwatched_apis(app: Template) -> list[str]:
    """Somebody is told when an API fails its callers, or is slow."""
    watched = {
        (alarm["MetricName"], name_of(dimension["Value"]))
        for alarm in _working(app, "AlarmTopicArn")
        if alarm["Namespace"] == "AWS/ApiGateway"
        for dimension in alarm["Dimensions"]
    }
    apis = of_type(app, "AWS::ApiGatewayV2::Api").items()
    needed = {(metric, name) for name, api in apis for metric in _API_METRICS[api["ProtocolType"]]}
    return [f"nobody watches {metric} of {name}" for metric, name in sorted(needed - watched)]


def own_metrics(services: Template) -> dict[str, dict[str, Any]]:
    """The dimensions of each metric that the functions count themselves and an alarm watches."""
    return {
        alarm["MetricName"]: {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        for alarm in _working(services, "Alarms")
        if not alarm["Namespace"].startswith("AWS/")
    }


def _working(template: Template, topic: str) -> Iterator[Template]:
    """The alarms that go off when there is more than there should be, and tell the topic."""
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        if alarm["ComparisonOperator"] == "GreaterThanThreshold" and alarm.get("AlarmActions") == [{"Ref": topic}]:
            yield alarm
