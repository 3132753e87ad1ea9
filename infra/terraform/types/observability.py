"""Log groups, alarms, dashboards, budgets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.terraform.expressions import Expression, Value, hcl
from infra.terraform.translation import Translation, pairs, tags


def without_streams(arn: Value) -> Value:
    """CloudFormation's ARN of a log group ends with its streams, which that of a destination does not."""
    found = re.fullmatch(r'"\$\{(.*)\}:\*"', hcl(arn))
    return Expression(found[1]) if found else arn


TYPES: Mapping[str, Translation] = {
    "AWS::Logs::LogGroup": Translation(
        "aws_cloudwatch_log_group",
        ref="name",
        # CloudFormation's ARN of a log group is that of its streams.
        attributes={"Arn": '"${self.arn}:*"'},
        arguments={
            "LogGroupName": "name",
            "RetentionInDays": "retention_in_days",
            "KmsKeyId": "kms_key_id",
            "Tags": tags(),
        },
    ),
    "AWS::CloudWatch::Alarm": Translation(
        "aws_cloudwatch_metric_alarm",
        ref="alarm_name",
        attributes={"Arn": "arn"},
        arguments={
            "AlarmName": "alarm_name",
            "AlarmDescription": "alarm_description",
            "Namespace": "namespace",
            "MetricName": "metric_name",
            "Dimensions": pairs("dimensions", "Name", "Value"),
            "Statistic": "statistic",
            "ExtendedStatistic": "extended_statistic",
            "Period": "period",
            "EvaluationPeriods": "evaluation_periods",
            "DatapointsToAlarm": "datapoints_to_alarm",
            "ComparisonOperator": "comparison_operator",
            "Threshold": "threshold",
            "TreatMissingData": "treat_missing_data",
            "AlarmActions": "alarm_actions",
            "OKActions": "ok_actions",
            "Tags": tags(),
        },
    ),
}
