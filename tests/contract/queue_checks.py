"""Rules for queues and topics. Each returns what breaks it, so that a test can also feed it a broken template.

`services` is the services stack with its loops expanded, `app` the app's stack as built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.contract.references import name_of, tail_of
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

FOUR_DAYS, FOURTEEN_DAYS = 345_600, 1_209_600
TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
# Services that do not say from which of an account's things a message is, as far as is documented.
NAME_THEIR_ACCOUNT = ("budgets.amazonaws.com", "costalerts.amazonaws.com")
_THIS_ACCOUNT = {"StringEquals": {"AWS:SourceAccount": {"Ref": "AWS::AccountId"}}}


def queues(services: Template) -> Template:
    """The properties of every queue, by logical id."""
    return of_type(services, "AWS::SQS::Queue")


def is_last(queue: Template) -> bool:
    """Whether messages end here: a dead-letter queue says whose dead letters it takes."""
    return "RedriveAllowPolicy" in queue


def without_dead_letters(services: Template) -> list[str]:
    """Every queue gives messages up after three receives to a queue of its kind that keeps them for 14 days."""
    found = queues(services)
    return [f"{name} {fault}" for name, queue in found.items() for fault in _redrive_faults(found, queue)]


def too_open(services: Template) -> list[str]:
    """Every queue and topic refuses what is not encrypted, and admits services for a named source only."""
    policies = _policies(services, "AWS::SQS::QueuePolicy", "Queues")
    policies |= _policies(services, "AWS::SNS::TopicPolicy", "Topics")
    held = (*queues(services), *of_type(services, "AWS::SNS::Topic"))
    return [f"{name} {fault}" for name in held for fault in _policy_faults(policies.get(name, []))]


def wrong_senders(services: Template, app: Template) -> list[str]:
    """The topics that a queue admits are those that deliver to it, or leave in it what they could not deliver."""
    policies = _policies(services, "AWS::SQS::QueuePolicy", "Queues")
    expected: dict[str, set[str]] = {name: set() for name in queues(services)}
    for queue, topic in _deliveries(services, app):
        expected[queue].add(topic)
    found = {name: set(_admitted_topics(policies.get(name, []))) for name in expected}
    return [f"{name} admits {found[name]}, not {expected[name]}" for name in expected if found[name] != expected[name]]


def undelivered(services: Template) -> list[str]:
    """A queue gets the plain message of the types it is for, and keeps what could not be delivered to it."""
    wanted = ("RawMessageDelivery", "FilterPolicy", "RedrivePolicy")
    subscriptions = of_type(services, "AWS::SNS::Subscription").items()
    return [
        f"{name} has no {setting}"
        for name, properties in subscriptions
        if properties["Protocol"] == "sqs"
        for setting in wanted
        if not properties.get(setting)
    ]


def _redrive_faults(found: Template, queue: Template) -> Iterator[str]:
    if is_last(queue):
        if queue.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
            yield "does not keep dead letters for 14 days"
        return
    redrive = queue.get("RedrivePolicy", {})
    dead = found.get(name_of(redrive.get("deadLetterTargetArn")), {})
    if not is_last(dead) or dead.get("FifoQueue") != queue.get("FifoQueue"):
        yield "has no dead-letter queue of its kind"
    elif name_of(queue["QueueName"]) not in {
        name_of(arn) for arn in dead["RedriveAllowPolicy"].get("sourceQueueArns", [])
    }:
        yield "is not admitted by its dead-letter queue"
    if redrive.get("maxReceiveCount") != 3:
        yield "does not give up after three receives"
    if queue.get("MessageRetentionPeriod", FOUR_DAYS) > FOUR_DAYS:
        yield "keeps messages so long that 14 days are soon over for its dead letters"


def _policies(services: Template, kind: str, holders: str) -> dict[str, list[Template]]:
    """The statements of the policies of one kind, by the queue or topic that each is for."""
    return {
        name_of(holder): properties["PolicyDocument"]["Statement"]
        for properties in of_type(services, kind).values()
        for holder in properties[holders]
    }


def _policy_faults(statements: list[Template]) -> Iterator[str]:
    if not any(each["Effect"] == "Deny" and each["Condition"] == TLS_ONLY for each in statements):
        yield "takes what is not encrypted"
    for each in (each for each in statements if each["Effect"] == "Allow"):
        sources = list(_sources(each))
        if not isinstance(each["Principal"], dict) or not each["Principal"].get("Service") or "*" in each["Action"]:
            yield f"admits {each['Principal']}"
        if each["Principal"] == {"Service": [*NAME_THEIR_ACCOUNT]} and each.get("Condition") == _THIS_ACCOUNT:
            continue
        if not sources or any(_is_anything(source) for source in sources):
            yield f"admits {each['Principal']} for every source"


def _sources(statement: Template) -> Iterator[Any]:
    for condition in statement.get("Condition", {}).values():
        for key, value in condition.items():
            if key.lower() == "aws:sourcearn":
                yield from value if isinstance(value, list) else [value]


def _is_anything(source: Any) -> bool:
    """Whether an ARN is open before the name that it ends with."""
    text = source.get("Fn::Sub", "") if isinstance(source, dict) else str(source)
    return "*" in text[:-1] or text.endswith((":*", "/*")) or text == "*"


def _admitted_topics(statements: list[Template]) -> Iterator[str]:
    for statement in statements:
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "sns.amazonaws.com"}:
            yield from map(name_of, _sources(statement))


def _deliveries(services: Template, app: Template) -> Iterator[tuple[str, str]]:
    """Which queue gets something from which topic, both by logical id."""
    for properties in of_type(services, "AWS::SNS::Subscription").values():
        for queue in (properties["Endpoint"], properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")):
            if queue and properties["Protocol"] == "sqs":
                yield name_of(queue), name_of(properties["TopicArn"])
    named = {tail_of(queue["QueueName"]): name for name, queue in queues(services).items()}
    topics = {tail_of(topic["TopicName"]): name for name, topic in of_type(services, "AWS::SNS::Topic").items()}
    for function in functions(app).values():
        for event in function.get("Events", {}).values():
            if event["Type"] == "SNS" and (redrive := event["Properties"].get("RedrivePolicy")):
                yield named[tail_of(redrive["deadLetterTargetArn"])], topics[tail_of(event["Properties"]["Topic"])]
