"""Rules for what calls functions beside HTTP. Each returns what breaks it, so that a test can also feed it breakage.

`services` is the services stack with its loops expanded, `app` the app's stack as built; a queue is known to both by
its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.queue_checks import queues
from tests.contract.references import function_of, name_of
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

ASYNCHRONOUS = ("SNS", "EventBridgeRule", "Schedule")

_STREAM_RIGHTS = {
    f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
}


def events(app: Template, *kinds: str) -> Iterator[tuple[str, Template, Template]]:
    """Each event of one of the kinds: the logical id and properties of its function, and the event."""
    for name, function in functions(app).items():
        for event in function.get("Events", {}).values():
            if event["Type"] in kinds:
                yield name, function, event


def failing_as_a_whole(app: Template) -> list[str]:
    """A function that works on batches says which messages failed, and is not started more often than it may be."""
    return [
        f"{name} {fault}"
        for name, function, event in events(app, "SQS")
        for fault in _batch_faults(function, event["Properties"])
    ]


def seen_too_early(services: Template, app: Template, stage: str) -> list[str]:
    """A message comes back after six timeouts of its function, plus the time in which a batch is gathered."""
    named = _by_name(services, stage)
    faults = []
    for name, function, event in events(app, "SQS"):
        queue = named.get(name_of(event["Properties"]["Queue"]), {})
        needed = 6 * function["Timeout"] + event["Properties"].get("MaximumBatchingWindowInSeconds", 0)
        if queue.get("VisibilityTimeout", 0) < needed:
            faults.append(f"{name} needs a visibility timeout of {needed} seconds")
    return faults


def without_access_to_its_queue(app: Template) -> list[str]:
    """Lambda reads a queue with the rights of the function; the emulator does not look at them."""
    needed = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    return [
        name
        for name, function, event in events(app, "SQS")
        if not needed <= _allowed(app, function, name_of(event["Properties"]["Queue"]))
    ]


def on_the_wrong_bus(app: Template) -> list[str]:
    """A rule is on the stage's bus, unless AWS itself sends the events, and has a name and a place for failures."""
    faults = [f"{name} has a rule for the account's own bus" for name, _, _ in events(app, "CloudWatchEvent")]
    for name, function, event in events(app, "EventBridgeRule"):
        rule = event["Properties"]
        is_from_aws = all(source.startswith("aws.") for source in rule["Pattern"].get("source", [""]))
        if rule.get("EventBusName") != (None if is_from_aws else {"Ref": "BusName"}):
            faults.append(f"{name} listens to {rule.get('EventBusName')}")
        if rule.get("RuleName") != function["FunctionName"]:
            faults.append(f"{name} has a rule without its name")
        if not rule.get("RetryPolicy") or not name_of(rule.get("DeadLetterConfig", {}).get("Arn")):
            faults.append(f"{name} loses what cannot be delivered")
    return faults


def nameless_schedules(app: Template) -> list[str]:
    """A schedule says in the console which function of which stage it calls, and why."""
    return [
        name
        for name, function, event in events(app, "Schedule")
        if event["Properties"].get("Name") != function["FunctionName"] or not event["Properties"].get("Description")
    ]


def forgetful(services: Template, app: Template, stage: str) -> list[str]:
    """A function that is called asynchronously says how often it is tried, and keeps what it gave up on."""
    faults = []
    called = [(name, function, event["Type"]) for name, function, event in events(app, *ASYNCHRONOUS)]
    called += [(name, function, "") for name, function in called_by_functions(app)]
    for name, function, kind in called:
        settings = function.get("EventInvokeConfig", {})
        if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= settings.keys():
            faults.append(f"{name} is tried as often as Lambda likes")
        if kind != "Schedule":
            faults += [f"{name} {fault}" for fault in _losses(services, app, stage, function, settings)]
    return faults


def mishandling_streams(services: Template, app: Template, stage: str) -> list[str]:
    """A stream's function hears of what it is for alone, and a bad record holds others up for a while at most.

    Its place is kept then, while the stream still holds the record.
    """
    return [
        f"{name} {fault}"
        for name, function, event in events(app, "DynamoDB")
        for fault in _stream_faults(services, app, stage, function, event["Properties"])
    ]


def called_by_functions(app: Template) -> Iterator[tuple[str, Template]]:
    """Each function that the role of another one may call: its logical id and properties."""
    named = {function["FunctionName"]: name for name, function in functions(app).items()}
    roles = of_type(app, "AWS::IAM::Role")
    for function in functions(app).values():
        for statement in roles[function["Role"]["Fn::GetAtt"][0]]["Policies"][0]["PolicyDocument"]["Statement"]:
            if "lambda:InvokeFunction" in statement["Action"]:
                name = named[function_of(statement["Resource"])]
                yield name, functions(app)[name]


def _losses(services: Template, app: Template, stage: str, function: Template, settings: Template) -> Iterator[str]:
    kept = name_of(settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
    if kept not in _by_name(services, stage):
        yield "forgets what it gave up on"
    elif "sqs:SendMessage" not in _allowed(app, function, kept):
        yield f"may not send to {kept}"


def _stream_faults(services: Template, app: Template, stage: str, function: Template, event: Template) -> Iterator[str]:
    if event["Stream"] != {"Ref": "TableStreamArn"}:
        yield f"reads {event['Stream']}"
    if not event.get("FilterCriteria", {}).get("Filters"):
        yield "hears of every change"
    if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"] or not event.get("BisectBatchOnFunctionError"):
        yield "fails for a whole batch"
    if not 0 < event.get("MaximumRetryAttempts", -1) <= 10 or not 0 < event.get("MaximumRecordAgeInSeconds", -1) <= 900:
        yield "holds others up for a day"
    if _STREAM_RIGHTS - _allowed(app, function, "TableStreamArn"):
        yield "may not read the stream"
    yield from _losses(services, app, stage, function, event)


def _batch_faults(function: Template, event: Template) -> Iterator[str]:
    if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
        yield "fails for a whole batch"
    if function["Environment"]["Variables"].get("PARTIAL_BATCH") != "true":
        yield "does not know that its report is read"
    if not 2 <= event.get("ScalingConfig", {}).get("MaximumConcurrency", 0) <= 100:
        yield "is started as often as there are messages"


def _allowed(app: Template, function: Template, queue: str) -> set[str]:
    """What the role of a function may do with a queue, by the queue's name."""
    (policy,) = of_type(app, "AWS::IAM::Role")[name_of(function["Role"])]["Policies"]
    return {
        action
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and name_of(statement["Resource"]) == queue
        for action in statement["Action"]
    }


def _by_name(services: Template, stage: str) -> Template:
    return {name_of(queue["QueueName"]).replace("${Stage}", stage): queue for queue in queues(services).values()}
