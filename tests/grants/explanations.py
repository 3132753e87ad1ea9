"""Why the tests cannot see some grants used. The contract tests hold the policies and the template to them instead."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.grants.granted import Grant


@dataclass(frozen=True)
class Explanation:
    """Why nobody sees the actions of a statement used.

    It is about all functions, or one; and about all resources, or those in which the expression `resource` is found.
    """

    sid: str
    actions: tuple[str, ...]
    reason: str
    resource: str = ""
    function: str = ""

    def fits(self, grant: Grant) -> bool:
        """Whether the grant is among those that this is about."""
        return (
            (grant.sid, self.function or grant.function) == (self.sid, grant.function)
            and grant.action in self.actions
            and re.search(self.resource, grant.resource) is not None
        )

    def __str__(self) -> str:
        return f"{self.sid}, {' '.join(self.actions)} {self.resource}".strip()


READ_STREAM = tuple(
    f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
)

EXPLANATIONS = (
    Explanation(
        "WriteOwnLogs",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "The emulator writes what a function prints to its log group by itself.",
    ),
    Explanation("SendTraces", ("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "There is no X-Ray."),
    Explanation(
        "ReceiveMessages",
        ("sqs:ReceiveMessage", "sqs:DeleteMessage"),
        "The emulator reads a queue for a function, and deletes what is done, without asking its role.",
    ),
    Explanation("ReceiveMessages", ("sqs:GetQueueAttributes",), "The emulator never asks a queue about itself."),
    Explanation(
        "KeepFailedEvents",
        ("sqs:SendMessage",),
        "The emulator keeps what was given up on without asking the function's role.",
    ),
    Explanation("ReadStream", READ_STREAM, "The emulator reads a stream for a function without asking its role."),
    Explanation("ApplyGuardrail", ("bedrock:ApplyGuardrail",), "The laptop has no guardrail."),
    Explanation(
        "AskModelOfProfile",
        ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"),
        "The emulator is one region; on AWS a profile answers from each region of its geography.",
        resource=r"^arn:aws:bedrock:(?!eu-central-1:)",
    ),
    Explanation("EmbedTexts", ("bedrock:InvokeModel",), "The laptop has no embedding model."),
    Explanation("ReadOriginSecret", ("secretsmanager:GetSecretValue",), "The laptop has no edge before its APIs."),
)
"""What a whole run on the laptop leaves unused, and why."""

IN_A_NETWORK = (
    Explanation(
        "LetLambdaJoinNetwork",
        (
            *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
            *("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
        ),
        "Lambda takes a function into a network with its role; the laptop has no network.",
    ),
    Explanation("UseCache", ("elasticache:Connect",), "The laptop's Valkey lets everybody in without asking IAM."),
    Explanation("ConnectToDatabase", ("rds-db:connect",), "The laptop has no proxy: functions log in with passwords."),
    Explanation("DecryptOwnSecrets", ("kms:Decrypt",), "The laptop's secrets are under no key of their own."),
)
"""What the build grants for the stages on AWS beside the policy files, and why the laptop cannot use it."""
