"""What the policies grant, and which of it the emulator cannot be asked about."""

from __future__ import annotations

import json

from local.home import CHECKOUT

POLICIES = {
    path.stem.removeprefix("policy-"): json.loads(path.read_text())
    for path in (CHECKOUT / ".chalice").glob("policy-*.json")
}
GRANTS = [
    (function, statement["Sid"], action)
    for function, policy in sorted(POLICIES.items())
    for statement in policy["Statement"]
    for action in statement["Action"]
]
UNENFORCED = {
    ("WriteOwnLogs", "logs:CreateLogStream"): "The emulator writes what a function prints to its log group by itself.",
    ("WriteOwnLogs", "logs:PutLogEvents"): "The emulator writes what a function prints to its log group by itself.",
    ("SendTraces", "xray:PutTraceSegments"): "There is no X-Ray.",
    ("SendTraces", "xray:PutTelemetryRecords"): "There is no X-Ray.",
    ("ReceiveMessages", "sqs:ReceiveMessage"): "The emulator reads a queue for a function without asking its role.",
    ("ReceiveMessages", "sqs:DeleteMessage"): "The emulator deletes what a function has done without asking its role.",
    ("ReceiveMessages", "sqs:GetQueueAttributes"): "The emulator never asks a queue about itself.",
    (
        "KeepFailedEvents",
        "sqs:SendMessage",
    ): "The emulator keeps what was given up on without asking the function's role.",
    **{
        ("ReadStream", f"dynamodb:{action}"): "The emulator reads a stream for a function without asking its role."
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    },
    ("ApplyGuardrail", "bedrock:ApplyGuardrail"): "The laptop has no guardrail.",
    ("EmbedTexts", "bedrock:InvokeModel"): "The laptop has no embedding model.",
    ("ReadOriginSecret", "secretsmanager:GetSecretValue"): "The laptop has no edge before its APIs.",
}
"""Grants, by the `Sid` of their statement and their action, whose absence the emulator does not notice, and why.

Contract tests hold the policies and the template to them instead.
"""
