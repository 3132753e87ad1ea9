"""Budgets, and costs that are unusual."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infra.errors import BuildError
from infra.terraform.expressions import Document, Expression, Text, Value, joined
from infra.terraform.translation import (
    Argument,
    Block,
    Blocks,
    Properties,
    Resource,
    Translation,
    block,
    ignored,
    inline,
    tags,
)


def _by_kind(properties: Properties) -> Properties:
    """Terraform has a list for each kind of subscriber; the stacks have one kind."""
    if any(each["SubscriptionType"] != "SNS" for each in properties["Subscribers"]):
        raise BuildError("no translation to Terraform for a budget's subscribers other than SNS topics")
    addresses = [each["Address"] for each in properties["Subscribers"]]
    return {**properties["Notification"], "Topics": addresses}


def _of_tags(expression: Mapping[str, Any]) -> Value:
    """The filter by the tag `stage`: two filters by tags would be alternatives here, not conditions."""
    wanted = {each["Tags"]["Key"]: each["Tags"]["Values"] for each in expression["And"]}
    values = [joined(["user:stage$", value]) for value in wanted["stage"]]
    return Blocks(({"name": "TagKeyValue", "values": values},))


def _whole(specification: Value) -> Value:
    """With all that a specification may have, as AWS answers: the provider takes anything else for a change."""
    return Document(
        dict.fromkeys(("And", "CostCategories", "Dimensions", "Not", "Or"), None) | json.loads(specification)
    )


def _threshold(resource: Resource, blocks: list[Block]) -> list[Block]:
    """The expression comes as JSON, and is a block here."""
    text = resource.properties["ThresholdExpression"]
    amounts = [part for part in text.parts if not isinstance(part, str)] if isinstance(text, Text) else []
    whole = "".join(part if isinstance(part, str) else "@" for part in text.parts) if amounts else text
    dimension = json.loads(whole)["Dimensions"]
    values = [amounts[0] if each == "@" else each for each in dimension["Values"]]
    inner = {"key": dimension["Key"], "values": values, "match_options": dimension["MatchOptions"]}
    threshold = Blocks(({"dimension": Blocks((inner,))},))
    return [replace(blocks[0], arguments={**blocks[0].arguments, "threshold_expression": threshold}), *blocks[1:]]


def _amount(value: Value) -> Value:
    return Expression(f"tostring({value.text})") if isinstance(value, Expression) else str(value)


_NOTIFICATION = block(
    "notification",
    {
        "NotificationType": "notification_type",
        "ComparisonOperator": "comparison_operator",
        "Threshold": "threshold",
        "ThresholdType": "threshold_type",
        "Topics": "subscriber_sns_topic_arns",
    },
)

TYPES: Mapping[str, Translation] = {
    "AWS::Budgets::Budget": Translation(
        "aws_budgets_budget",
        ref="name",
        arguments={
            "Budget": inline(
                {
                    "BudgetName": "name",
                    "BudgetType": "budget_type",
                    "TimeUnit": "time_unit",
                    "BudgetLimit": inline({"Amount": Argument("limit_amount", _amount), "Unit": "limit_unit"}),
                    "Metrics": ignored("a budget counts these unless it says otherwise", ["UnblendedCost"]),
                    "FilterExpression": Argument("cost_filter", _of_tags),
                }
            ),
            "NotificationsWithSubscribers": replace(_NOTIFICATION, prepare=_by_kind),
            "ResourceTags": tags(),
        },
    ),
    "AWS::CE::AnomalyMonitor": Translation(
        "aws_ce_anomaly_monitor",
        ref="arn",
        attributes={"MonitorArn": "arn"},
        arguments={
            "MonitorName": "name",
            "MonitorType": "monitor_type",
            "MonitorSpecification": Argument("monitor_specification", _whole),
            "ResourceTags": tags(),
        },
    ),
    "AWS::CE::AnomalySubscription": Translation(
        "aws_ce_anomaly_subscription",
        ref="arn",
        arguments={
            "SubscriptionName": "name",
            "MonitorArnList": "monitor_arn_list",
            "Frequency": "frequency",
            "ThresholdExpression": ignored("it is a block"),
            "Subscribers": block("subscriber", {"Type": "type", "Address": "address"}),
            "ResourceTags": tags(),
        },
        rewrite=_threshold,
    ),
}
