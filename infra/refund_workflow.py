"""The workflow of a refund, a state machine whose steps are functions of the app: cancel, return the money, or give up.

A step is repeated when Lambda or a dependency fails, and never when a rule of the business refuses it. What fails for
good ends in `GiveUp`, which leaves the refund to people. A crash between two steps, or in one, is harmless: each does
what is left to do.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from infra.alarms import TOPIC, alarm
from infra.bindings import functions
from infra.chalice_app import Template
from infra.stages import APP, Stage

WORKFLOW = "RefundWorkflow"
STEPS = {"CancelOrder": "cancel_for_refund", "ReturnMoney": "return_money", "GiveUp": "give_up_refund"}

_ROLE, _LOGS = f"{WORKFLOW}Role", f"{WORKFLOW}Logs"
_STARTED_BY = "api_handler"
_ASKED = {
    "refund_id.$": "$.refund_id",
    "attempt.$": "$.attempt",
    "correlation_id.$": "$.correlation_id",
}
_REFUSALS = ["NotRefundable", "PaymentRefused"]
_LAMBDA = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]
_SECONDS_BEYOND_THE_FUNCTIONS = 5
_HERE = "${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
_MEANS = "A refund was given up, or could not be carried out. docs/runbook.md#refunds-failed"


def add_refund_workflow(template: Template, stage: Stage) -> Template:
    """`template` with the state machine, its role, log group and alarm, and `api_handler` told of it.

    Without the functions of its steps, as it was.
    """
    result = copy.deepcopy(template)
    present = functions(result, stage)
    if not present.keys() >= set(STEPS.values()):
        return result
    tags = next(iter(present.values()))["Tags"]
    name = f"{APP}-{stage.name}-refund"
    arns = {step: _arn(result, f"{APP}-{stage.name}-{function}") for step, function in STEPS.items()}
    seconds = {step: present[function]["Timeout"] for step, function in STEPS.items()}
    result["Resources"] |= {
        WORKFLOW: _state_machine(name, definition(arns, seconds), tags),
        _ROLE: _role(list(arns.values()), name, tags),
        _LOGS: {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/vendedlogs/states/{name}",
                "RetentionInDays": stage.log_retention,
                "Tags": _listed(tags),
            },
        },
        f"{WORKFLOW}FailedAlarm": _alarm(f"{name}-failed", "ExecutionsFailed"),
        f"{WORKFLOW}TimedOutAlarm": _alarm(f"{name}-timed-out", "ExecutionsTimedOut"),
    }
    present[_STARTED_BY]["Environment"]["Variables"]["REFUND_WORKFLOW_ARN"] = {"Ref": WORKFLOW}
    return result


def definition(arns: dict[str, str], seconds: dict[str, int]) -> dict[str, Any]:
    """The states, in Amazon States Language; each step by the ARN of its function and how long that may take."""

    def step(name: str, payload: dict[str, str], then: str, failing: str) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": "arn:${AWS::Partition}:states:::lambda:invoke",
            "Parameters": {"FunctionName": arns[name], "Payload": payload},
            "TimeoutSeconds": seconds[name] + _SECONDS_BEYOND_THE_FUNCTIONS,
            "ResultPath": None,
            "Retry": _retries(),
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": failing}],
            "Next": then,
        }

    return {
        "Comment": "Cancels an order and returns its money, or leaves the refund to people",
        "StartAt": "CancelOrder",
        "TimeoutSeconds": 3600,
        "States": {
            "CancelOrder": step("CancelOrder", _ASKED, "ReturnMoney", "GiveUp"),
            "ReturnMoney": step("ReturnMoney", _ASKED, "Refunded", "GiveUp"),
            "Refunded": {"Type": "Succeed"},
            "GiveUp": step("GiveUp", _ASKED | {"error.$": "$.error"}, "GivenUp", "Forgotten"),
            "GivenUp": {"Type": "Fail", "Error": "RefundGivenUp", "Cause": "The refund says why it failed."},
            "Forgotten": {
                "Type": "Fail",
                "Error": "RefundForgotten",
                "Cause": "The refund still says that it is pending.",
            },
        },
    }


def _alarm(name: str, metric: str) -> Template:
    machine = {"StateMachineArn": {"Ref": WORKFLOW}}
    return alarm(name, _MEANS, "AWS/States", metric, machine, Statistic="Sum", AlarmActions=[{"Ref": TOPIC}])


def _retries() -> list[dict[str, Any]]:
    """Not what is refused; what Lambda cannot do for a minute, and what a function cannot, for half of one."""
    return [
        {"ErrorEquals": _REFUSALS, "MaxAttempts": 0},
        _retry(_LAMBDA, IntervalSeconds=2, MaxAttempts=5, BackoffRate=2),
        _retry(["States.TaskFailed", "States.Timeout"], IntervalSeconds=1, MaxAttempts=3, BackoffRate=4),
    ]


def _retry(errors: list[str], **settings: int) -> dict[str, Any]:
    return {"ErrorEquals": errors, "JitterStrategy": "FULL", **settings}


def _state_machine(name: str, states: dict[str, Any], tags: dict[str, str]) -> Template:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": name,
            "StateMachineType": "STANDARD",
            "DefinitionString": {"Fn::Sub": json.dumps(states)},
            "RoleArn": {"Fn::GetAtt": [_ROLE, "Arn"]},
            "LoggingConfiguration": {
                "Level": "ALL",
                "IncludeExecutionData": False,
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": [_LOGS, "Arn"]}}}],
            },
            "TracingConfiguration": {"Enabled": True},
            "Tags": _listed(tags),
        },
    }


def _role(arns: list[str], name: str, tags: dict[str, str]) -> Template:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnLike": {"aws:SourceArn": {"Fn::Sub": f"arn:{_HERE}:stateMachine:{name}"}},
        },
    }
    statements = [
        _allow("TakeSteps", ["lambda:InvokeFunction"], [{"Fn::Sub": arn} for arn in arns]),
        _allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
        # Who delivers logs for Step Functions is set up by its role, for the account as a whole.
        _allow(
            "DeliverLogs",
            [
                *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery"),
                *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies"),
                "logs:DescribeLogGroups",
            ],
            "*",
        ),
    ]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "work", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
            "Tags": _listed(tags),
        },
    }


def _allow(sid: str, actions: list[str], resource: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _arn(template: Template, function: str) -> str:
    """A reference to the function, for `Fn::Sub`."""
    (logical_id,) = (
        name
        for name, resource in template["Resources"].items()
        if resource.get("Properties", {}).get("FunctionName") == function
    )
    return f"${{{logical_id}.Arn}}"


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]
