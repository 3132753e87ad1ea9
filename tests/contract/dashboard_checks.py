"""Rules for dashboards and saved queries. Each returns what breaks it, so that a test can also feed it breakage."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deployed import of_type

Template = dict[str, Any]

# What AWS's services count, by namespace and dimensions, as far as dashboards and alarms use it.
_SQS = {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"}
_API = {"Count", "4xx", "5xx", "Latency", "IntegrationLatency"}
_SOCKETS = {"ConnectCount", "MessageCount", "ClientError", "IntegrationError", "ExecutionError", "IntegrationLatency"}
_DATABASE = {"DatabaseConnections", "ServerlessDatabaseCapacity", "ACUUtilization", "CPUUtilization"}
_TABLE = {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"}
_PROXY = {"ClientConnections", "DatabaseConnectionsCurrentlySessionPinned", "DatabaseConnectionsBorrowLatency"}
COUNTED_BY_AWS: dict[tuple[str, ...], set[str]] = {
    ("AWS/ApiGateway", "ApiId", "Stage"): _API | _SOCKETS,
    ("AWS/Lambda",): {"ConcurrentExecutions"},
    ("AWS/Lambda", "FunctionName"): {"ConcurrentExecutions", "Duration", "Errors", "IteratorAge", "Throttles"},
    ("AWS/SQS", "QueueName"): _SQS,
    ("AWS/SNS", "TopicName"): {"NumberOfMessagesPublished"},
    ("AWS/RDS", "DBClusterIdentifier"): _DATABASE | {"CommitLatency", "ReadLatency", "WriteLatency"},
    ("AWS/RDS", "DBInstanceIdentifier"): {"ServerlessDatabaseCapacity"},
    ("AWS/RDS", "ProxyName"): _PROXY | {"DatabaseConnections"},
    ("AWS/ElastiCache", "clusterId"): {
        "BytesUsedForCache", "ElastiCacheProcessingUnits", "Evictions", "ThrottledCmds",
    },
    ("AWS/DynamoDB", "TableName"): _TABLE,
    ("AWS/Logs", "LogGroupName"): {"IncomingBytes"},
    ("AWS/NATGateway", "NatGatewayId"): {"BytesOutToDestination"},
    ("AWS/Billing", "Currency"): {"EstimatedCharges"},
    ("AWS/CloudFront", "DistributionId", "Region"): {"BytesDownloaded", "Requests", "4xxErrorRate", "5xxErrorRate"},
}  # fmt: skip
OWN = ("Marketplace", "service", "stage")

_SEARCH = re.compile(r"SEARCH\('\{([\w/]+),(\w+)\} MetricName=\"(\w+)\"")
# What CloudWatch Logs Insights and Powertools put into every line.
_ALWAYS = {"level", "message", "correlation_id", "error"}
_WORDS = re.compile(
    r"\b(fields|filter|stats|sort|limit|by|as|and|or|asc|desc|like|count|latest|max|avg|sum|pct|bin|1h)\b"
)


@dataclass(frozen=True)
class Metric:
    """A metric that a widget shows, with the values of its dimensions; of a search, without them."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]

    @property
    def schema(self) -> tuple[str, ...]:
        """The namespace, and the names of the dimensions."""
        return (self.namespace, *self.dimensions)


def bodies(template: Template, **values: str) -> dict[str, Any]:
    """The body of each dashboard, by logical id, with the stack's values and `values` filled in."""
    return {
        name: json.loads(_filled(properties["DashboardBody"], values))
        for name, properties in of_type(template, "AWS::CloudWatch::Dashboard").items()
    }


def metrics(body: Any) -> Iterator[Metric]:
    """Every metric of every widget."""
    for widget in body["widgets"]:
        for row in widget["properties"].get("metrics", []):
            yield from _metrics_of(row)


def strange_metrics(body: Any, own: Collection[str]) -> list[str]:
    """Metrics that neither AWS nor the application (`own`) counts under these dimensions."""
    return [
        f"{metric.namespace} {metric.name} by {', '.join(metric.dimensions)}"
        for metric in metrics(body)
        if metric.name not in (own if metric.schema == OWN else COUNTED_BY_AWS.get(metric.schema, ()))
    ]


def strange_things(body: Any, things: Mapping[str, Collection[str]]) -> list[str]:
    """What widgets name that is not in a stack: `things` has the known names of each dimension that names one."""
    return [
        f"{dimension} {value}"
        for metric in metrics(body)
        for dimension, value in metric.dimensions.items()
        if value and dimension in things and value not in things[dimension]
    ]


def strange_fields(query: str, logged: Collection[str]) -> set[str]:
    """Fields that a query names and that no log line has."""
    text = re.sub(r'"[^"]*"|/[^/]*/', "", query)
    given = set(re.findall(r"\bas (\w+)", text))
    named = set(re.findall(r"(?<![@\w])[a-z][a-z_]*\b", _WORDS.sub(" ", text)))
    return named - given - set(logged) - _ALWAYS


def strange_messages(query: str, source: str) -> set[str]:
    """Messages that a query looks for and that no line of the application says."""
    return {message for message in re.findall(r'message = "([^"]+)"', query) if f'"{message}"' not in source}


def logged_fields(folder: Path) -> set[str]:
    """The names of what modules that log put into dictionaries, and the fields of their dataclasses."""
    sources = [path.read_text() for path in folder.rglob("*.py")]
    trees = [ast.parse(source) for source in sources if "logger." in source or "@dataclass" in source]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    keys = {
        key.value for node in nodes if isinstance(node, ast.Dict) for key in node.keys if isinstance(key, ast.Constant)
    }
    fields = {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    return keys | fields


def _filled(body: Any, values: Mapping[str, str]) -> str:
    text, own = body["Fn::Sub"] if isinstance(body["Fn::Sub"], list) else (body["Fn::Sub"], {})
    known = {name: _filled(value, values) if isinstance(value, dict) else str(value) for name, value in own.items()}
    return re.sub(r"\$\{([\w:]+)\}", lambda reference: (known | dict(values))[reference[1]], text)


def _metrics_of(row: list[Any]) -> Iterator[Metric]:
    if isinstance(row[0], dict):
        for namespace, dimension, name in _SEARCH.findall(row[0]["expression"]):
            yield Metric(namespace, name, {dimension: ""})
        return
    namespace, name, *rest = [value for value in row if isinstance(value, str)]
    yield Metric(namespace, name, dict(zip(rest[::2], rest[1::2], strict=True)))
