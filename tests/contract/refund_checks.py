"""Rules for the workflow of refunds. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf
from typing import Any

from chalicelib.refunds.models import LONGEST_ATTEMPT
from infra.refund_workflow import WORKFLOW
from tests.contract.template_checks import of_type

Template = dict[str, Any]

REFUSALS = {"NotRefundable", "PaymentRefused"}
PASSING = ("Lambda.TooManyRequestsException", "Lambda.ServiceException", "States.TaskFailed")
ENDS = {"Succeed", "Fail"}


def states(template: Template) -> dict[str, Any]:
    """The states by name."""
    return dict(_definition(template)["States"])


def lost_steps(template: Template) -> list[str]:
    """Every step calls a function of the template, for as long as that may take at least; every state is reached."""
    found = states(template)
    functions = _functions(template)
    faults = []
    for name, state in _tasks(template):
        called = functions.get(state["Parameters"]["FunctionName"])
        if called is None:
            faults.append(f"{name} calls {state['Parameters']['FunctionName']}")
        elif state.get("TimeoutSeconds", 0) <= called["Timeout"]:
            faults.append(f"{name} gives up before its function")
    reached = {_definition(template)["StartAt"], *(target for state in found.values() for target in _followers(state))}
    faults += [f"{name} is not there" for name in sorted(reached - found.keys())]
    return faults + [f"{name} is never reached" for name in sorted(found.keys() - reached)]


def careless_steps(template: Template) -> list[str]:
    """What Lambda or a function cannot do is tried again, what is refused is not, and what fails for good goes on."""
    faults = []
    for name, state in _tasks(template):
        retries = {error: retry["MaxAttempts"] for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
        if not all(retries.get(refusal) == 0 for refusal in REFUSALS):
            faults.append(f"{name} repeats what was refused")
        faults += [f"{name} is not repeated after {error}" for error in PASSING if retries.get(error, 0) < 1]
        if [catcher["ErrorEquals"] for catcher in state.get("Catch", [])] != [["States.ALL"]]:
            faults.append(f"{name} does not catch everything")
    return faults


def silent_ends(template: Template) -> list[str]:
    """Success has one way to it, through the money; whatever else happens is compensated, and ends as a failure."""
    found = states(template)
    faults = [
        f"{name} leads nowhere" for name, each in found.items() if each["Type"] not in ENDS and "Next" not in each
    ]
    to_success = [name for name, each in found.items() if found.get(each.get("Next", ""), {}).get("Type") == "Succeed"]
    faults += [] if to_success == ["ReturnMoney"] else [f"success comes after {to_success}"]
    for name, state in _tasks(template):
        caught = {catcher["Next"] for catcher in state.get("Catch", [])}
        if name != "GiveUp" and caught != {"GiveUp"}:
            faults.append(f"{name} is not compensated")
        if name == "GiveUp" and {found[target]["Type"] for target in (state["Next"], *caught)} != {"Fail"}:
            faults.append("giving up is a success")
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    heard = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "AWS/States" and alarm["AlarmActions"]}
    faults += [f"nobody hears of {metric}" for metric in sorted({"ExecutionsFailed", "ExecutionsTimedOut"} - heard)]
    is_in_time = _definition(template).get("TimeoutSeconds", inf) < LONGEST_ATTEMPT.total_seconds()
    return faults + ([] if is_in_time else ["an attempt goes on when the next one may begin"])


def broad_role(template: Template) -> list[str]:
    """The state machine calls the functions of its steps and no others, and is the only one to have its role."""
    resources = template["Resources"]
    role = resources[f"{WORKFLOW}Role"]["Properties"]
    (policy,) = role["Policies"]
    called = {state["Parameters"]["FunctionName"] for _, state in _tasks(template)}
    may_call = {
        str(target["Fn::Sub"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
        for target in statement["Resource"]
    }
    faults = [f"may call {name}" for name in sorted(may_call - called)]
    faults += [f"may not call {name}" for name in sorted(called - may_call)]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    is_narrow = (
        trust["Principal"] == {"Service": "states.amazonaws.com"}
        and {"StringEquals", "ArnLike"} <= trust.get("Condition", {}).keys()
    )
    return faults + ([] if is_narrow else ["anybody takes the role"])


def unobserved(template: Template) -> list[str]:
    """Executions are traced and logged, for as long as the stage keeps logs, without what they hold."""
    properties = template["Resources"][WORKFLOW]["Properties"]
    logging = properties.get("LoggingConfiguration", {})
    faults = [] if properties.get("TracingConfiguration") == {"Enabled": True} else ["is not traced"]
    faults += [] if logging.get("Level") == "ALL" and logging["Destinations"] else ["is not logged"]
    faults += ["logs what executions hold"] if logging.get("IncludeExecutionData") else []
    kept = template["Resources"][f"{WORKFLOW}Logs"]["Properties"].get("RetentionInDays")
    return faults + ([] if kept else ["keeps logs for ever"])


def _definition(template: Template) -> dict[str, Any]:
    text = template["Resources"][WORKFLOW]["Properties"]["DefinitionString"]["Fn::Sub"]
    definition: dict[str, Any] = json.loads(text)
    return definition


def _tasks(template: Template) -> Iterator[tuple[str, Any]]:
    return ((name, state) for name, state in states(template).items() if state["Type"] == "Task")


def _followers(state: dict[str, Any]) -> list[str]:
    return [each["Next"] for each in (state, *state.get("Catch", [])) if "Next" in each]


def _functions(template: Template) -> dict[str, Any]:
    """Each function by the reference that calls it: to its alias, where it has one."""
    return {
        f"${{{name}Alias{alias}}}"
        if (alias := resource["Properties"].get("AutoPublishAlias"))
        else f"${{{name}.Arn}}": resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
