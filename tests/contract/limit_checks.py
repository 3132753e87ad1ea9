"""How long functions may run. Each rule returns what breaks it, so that a test can also feed it a broken template.

Who calls a function waits so long and no longer: an answer that comes later is for nobody, and its caller may have
called again. Queues have a rule of their own (`event_checks.seen_too_early`), and so have steps of workflows
(`refund_checks.lost_steps`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.contract.event_checks import called_by_functions, events
from tests.contract.references import name_of
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

LAMBDA = 900
AUTHORIZER = 10
USER_POOL = 5
USER_POOL_TRIGGERS = ("PreSignUp", "PostConfirmation")
LONGEST_INTEGRATION = {"HTTP": 30, "WEBSOCKET": 29}
CALLED_BY_PEOPLE = {"Migrate", "DeadLetters"}

_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


def too_long(app: Template) -> list[str]:
    """Functions that may run longer than somebody who calls them waits."""
    found = functions(app)
    return [
        f"{function} may run for {found[function]['Timeout']} seconds, {caller} waits for {limit:g}"
        for function, caller, limit in callers(app)
        if found[function]["Timeout"] >= limit
    ]


def called_by_nothing(app: Template) -> list[str]:
    """Functions of which the rules do not know who calls them, and so how long that waits."""
    called = {function for function, _, _ in callers(app)} | CALLED_BY_PEOPLE
    return sorted(functions(app).keys() - called)


def callers(app: Template) -> Iterator[tuple[str, str, float]]:
    """Each call that the template makes possible: the function's logical id, who calls, how many seconds it waits."""
    yield from _gateways(app)
    yield from ((trigger, "Cognito", USER_POOL) for trigger in USER_POOL_TRIGGERS if trigger in functions(app))
    for name, _, event in events(app, "SQS", "SNS", "EventBridgeRule", "Schedule", "DynamoDB"):
        yield name, f"the event {event['Type']}", _limit_of(event)
    yield from ((name, "a function", LAMBDA) for name, _ in called_by_functions(app))
    for workflow in of_type(app, "AWS::StepFunctions::StateMachine").values():
        yield from ((name, "a workflow", LAMBDA) for name in _named_in(app, workflow["DefinitionString"]))


def _gateways(app: Template) -> Iterator[tuple[str, str, float]]:
    kinds = {name: api["ProtocolType"] for name, api in of_type(app, "AWS::ApiGatewayV2::Api").items()}
    for integration in of_type(app, "AWS::ApiGatewayV2::Integration").values():
        longest = LONGEST_INTEGRATION[kinds[name_of(integration["ApiId"])]]
        limit = min(longest, integration.get("TimeoutInMillis", longest * 1000) / 1000)
        yield from ((name, "the gateway", limit) for name in _named_in(app, integration["IntegrationUri"]))
    for authorizer in of_type(app, "AWS::ApiGatewayV2::Authorizer").values():
        if uri := authorizer.get("AuthorizerUri"):
            yield from ((name, "the gateway", AUTHORIZER) for name in _named_in(app, uri))


def _limit_of(event: Template) -> float:
    properties = event["Properties"]
    if event["Type"] == "Schedule":
        return _period(properties["Schedule"])
    return float(properties.get("MaximumRecordAgeInSeconds", LAMBDA))


def _period(schedule: str) -> float:
    """The shortest time between two runs; a cron expression is taken for what it is here, one for each day."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule):
        return int(rate[1]) * _SECONDS[rate[2]]
    if re.fullmatch(r"cron\(\d+ \d+ \S+ \S+ \S+ \S+\)", schedule):
        return _SECONDS["day"]
    return 0


def _named_in(app: Template, value: Any) -> list[str]:
    """The functions that a reference leads to, by themselves or by an alias."""
    words = {re.sub(r"Alias[a-z]+$", "", word) for word in re.findall(r"\w+", json.dumps(value))}
    return sorted(words & functions(app).keys())
