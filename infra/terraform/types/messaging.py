"""Queues, topics, buses and their rules."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Companion, Own, Translation, document, tags

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
}
