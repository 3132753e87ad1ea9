"""Queues, topics, the bus and rules, mail."""

from __future__ import annotations

from collections.abc import Mapping

from infra.errors import BuildError
from infra.terraform.expressions import Value
from infra.terraform.translation import (
    Argument,
    Companion,
    Own,
    Properties,
    Translation,
    block,
    document,
    inline,
    tags,
)


def _the_only(name: str) -> Argument:
    """The element of a list of one."""

    def only(values: list[Value]) -> Value:
        if len(values) != 1:
            raise BuildError(f"no translation to Terraform for {name} of several at once")
        return values[0]

    return Argument(name, only)


def _named_destination(properties: Properties) -> Properties:
    """What is called inside the destination is called outside of it."""
    destination = dict(properties["EventDestination"])
    return {**properties, "Name": destination.pop("Name"), "EventDestination": destination}


TYPES: Mapping[str, Translation] = {
    "AWS::SQS::Queue": Translation(
        "aws_sqs_queue",
        ref="url",
        attributes={"Arn": "arn", "QueueName": "name", "QueueUrl": "url"},
        arguments={
            "QueueName": "name",
            "FifoQueue": "fifo_queue",
            "VisibilityTimeout": "visibility_timeout_seconds",
            "MessageRetentionPeriod": "message_retention_seconds",
            "RedrivePolicy": document("redrive_policy"),
            "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
            "Tags": tags(),
        },
        # Of its own, because the two queues name each other.
        companions=(
            Companion(
                "aws_sqs_queue_redrive_allow_policy",
                link={"queue_url": Own("self.url")},
                table={"RedriveAllowPolicy": document("redrive_allow_policy")},
            ),
        ),
    ),
    "AWS::SQS::QueuePolicy": Translation(
        "aws_sqs_queue_policy",
        arguments={"Queues": _the_only("queue_url"), "PolicyDocument": document("policy")},
    ),
    "AWS::SNS::Topic": Translation(
        "aws_sns_topic",
        ref="arn",
        attributes={"TopicArn": "arn", "TopicName": "name"},
        arguments={"TopicName": "name", "KmsMasterKeyId": "kms_master_key_id", "Tags": tags()},
    ),
    "AWS::SNS::TopicPolicy": Translation(
        "aws_sns_topic_policy",
        arguments={"Topics": _the_only("arn"), "PolicyDocument": document("policy")},
    ),
    "AWS::SNS::Subscription": Translation(
        "aws_sns_topic_subscription",
        ref="arn",
        arguments={
            "TopicArn": "topic_arn",
            "Protocol": "protocol",
            "Endpoint": "endpoint",
            "RawMessageDelivery": "raw_message_delivery",
            "FilterPolicy": document("filter_policy"),
            "FilterPolicyScope": "filter_policy_scope",
            "RedrivePolicy": document("redrive_policy"),
        },
    ),
    "AWS::Events::EventBus": Translation(
        "aws_cloudwatch_event_bus",
        ref="name",
        attributes={"Arn": "arn", "Name": "name"},
        arguments={"Name": "name", "Tags": tags()},
    ),
    "AWS::Events::Rule": Translation(
        "aws_cloudwatch_event_rule",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={
            "Name": "name",
            "Description": "description",
            "EventBusName": "event_bus_name",
            "EventPattern": document("event_pattern"),
            "ScheduleExpression": "schedule_expression",
            "State": "state",
        },
        companions=(
            Companion(
                "aws_cloudwatch_event_target",
                link={"rule": Own("self.name"), "event_bus_name": Own("self.event_bus_name")},
                table={
                    "Id": "target_id",
                    "Arn": "arn",
                    "RoleArn": "role_arn",
                    "Input": "input",
                    "InputPath": "input_path",
                    "DeadLetterConfig": block("dead_letter_config", {"Arn": "arn"}),
                    "RetryPolicy": block(
                        "retry_policy",
                        {
                            "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
                            "MaximumRetryAttempts": "maximum_retry_attempts",
                        },
                    ),
                },
                each="Targets",
            ),
        ),
    ),
    "AWS::SES::EmailIdentity": Translation(
        "aws_sesv2_email_identity",
        ref="email_identity",
        arguments={
            "EmailIdentity": "email_identity",
            "ConfigurationSetAttributes": inline({"ConfigurationSetName": "configuration_set_name"}),
        },
    ),
    "AWS::SES::ConfigurationSet": Translation(
        "aws_sesv2_configuration_set",
        ref="configuration_set_name",
        arguments={
            "Name": "configuration_set_name",
            "DeliveryOptions": block("delivery_options", {"TlsPolicy": "tls_policy"}),
            "ReputationOptions": block(
                "reputation_options", {"ReputationMetricsEnabled": "reputation_metrics_enabled"}
            ),
            "SuppressionOptions": block("suppression_options", {"SuppressedReasons": "suppressed_reasons"}),
        },
    ),
    "AWS::SES::ConfigurationSetEventDestination": Translation(
        "aws_sesv2_configuration_set_event_destination",
        prepare=_named_destination,
        arguments={
            "ConfigurationSetName": "configuration_set_name",
            "Name": "event_destination_name",
            "EventDestination": block(
                "event_destination",
                {
                    "Enabled": "enabled",
                    "MatchingEventTypes": "matching_event_types",
                    "SnsDestination": block("sns_destination", {"TopicARN": "topic_arn"}),
                },
            ),
        },
    ),
}
