"""Dashboards, saved queries, and alarms over alarms."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Translation, document, tags

TYPES: Mapping[str, Translation] = {
    "AWS::CloudWatch::Dashboard": Translation(
        "aws_cloudwatch_dashboard",
        ref="dashboard_name",
        arguments={"DashboardName": "dashboard_name", "DashboardBody": document("dashboard_body")},
    ),
    "AWS::CloudWatch::CompositeAlarm": Translation(
        "aws_cloudwatch_composite_alarm",
        ref="alarm_name",
        attributes={"Arn": "arn"},
        arguments={
            "AlarmName": "alarm_name",
            "AlarmDescription": "alarm_description",
            "AlarmRule": "alarm_rule",
            "AlarmActions": "alarm_actions",
            "OKActions": "ok_actions",
            "Tags": tags(),
        },
    ),
    "AWS::Logs::QueryDefinition": Translation(
        "aws_cloudwatch_query_definition",
        ref="query_definition_id",
        arguments={"Name": "name", "QueryString": "query_string", "LogGroupNames": "log_group_names"},
    ),
}
