"""Queues, topics, rules and schedules as both stacks describe them, and that each rule about them can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.activity import items as activity_items
from chalicelib.activity import live
from chalicelib.messaging import consumer, relay
from chalicelib.messaging.destinations import SOURCES
from chalicelib.messaging.envelope import Destination
from chalicelib.messaging.queues import QUEUES
from chalicelib.orders import events as order_events
from chalicelib.realtime import sweep
from chalicelib.schedules import repetition
from chalicelib.users import events as user_events
from infra import stages
from infra.build import PROJECT
from infra.errors import BuildError
from infra.events import SCHEDULES, bind_streams
from tests.contract import event_checks, queue_checks
from tests.contract.conftest import Built
from tests.contract.lint import expanded
from tests.contract.references import tail_of
from tests.contract.template_checks import of_type

Template = dict[str, Any]
Break = Callable[[Template], object]

SERVICES = PROJECT / "infra" / "stacks" / "services.yaml"


@pytest.fixture
def services() -> Template:
    return expanded(SERVICES)


@pytest.fixture
def app(prod: Built) -> Template:
    return prod.template


def properties(template: Template, name: str) -> Template:
    """The properties of one resource."""
    found: Template = template["Resources"][name]["Properties"]
    return found


def event(app: Template, function: str) -> Template:
    """The event of one function."""
    (found,) = properties(app, function)["Events"].values()
    return found


def take_away(app: Template, role: str, action: str) -> None:
    """Leaves out of a role the statement that allows `action`."""
    (policy,) = properties(app, role)["Policies"]
    document = policy["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if action not in each["Action"]]


def statements(services: Template, policy: str) -> list[Template]:
    """The statements of the policy of a queue or topic."""
    found: list[Template] = properties(services, policy)["PolicyDocument"]["Statement"]
    return found


def _later_queue(services: Template) -> None:
    services["Resources"]["Later"] = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "later"}}


@pytest.mark.parametrize(
    "broken",
    [
        lambda services: properties(services, "Orders").pop("RedrivePolicy"),
        lambda services: properties(services, "Emails")["RedrivePolicy"].update(maxReceiveCount=30),
        lambda services: properties(services, "Pushes").update(MessageRetentionPeriod=1_209_600),
        lambda services: properties(services, "EmailsDead").update(MessageRetentionPeriod=345_600),
        lambda services: properties(services, "FailedEvents").pop("MessageRetentionPeriod"),
        lambda services: properties(services, "OrdersDead").update(FifoQueue=False),
        lambda services: properties(services, "EmailsDead")["RedriveAllowPolicy"].update(sourceQueueArns=[]),
        _later_queue,
    ],
)
def test_every_queue_has_a_dead_letter_queue_of_14_days(services: Template, broken: Break) -> None:
    assert queue_checks.without_dead_letters(services) == []
    broken(services)
    assert queue_checks.without_dead_letters(services)


@pytest.mark.parametrize(
    "broken",
    [
        lambda services: services["Resources"].pop("OrdersPolicy"),
        lambda services: statements(services, "EmailsPolicy").pop(),
        lambda services: statements(services, "EmailsPolicy")[0].pop("Condition"),
        lambda services: statements(services, "EmailsPolicy")[0].update(Principal="*"),
        lambda services: statements(services, "MailEventsPolicy")[0]["Condition"].pop("ArnEquals"),
        lambda services: statements(services, "AlarmsPolicy")[0].update(Condition={"ArnLike": {"aws:SourceArn": "*"}}),
        lambda services: statements(services, "AlarmsPolicy")[1].pop("Condition"),
        lambda services: statements(services, "FailedEventsPolicy")[0]["Condition"]["ArnLike"].update(
            {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"}}
        ),
    ],
)
def test_every_queue_and_topic_admits_its_source_only(services: Template, broken: Break) -> None:
    assert queue_checks.too_open(services) == []
    broken(services)
    assert queue_checks.too_open(services)


@pytest.mark.parametrize(
    "broken",
    [
        lambda services: statements(services, "PushesPolicy")[0]["Condition"]["ArnEquals"].update(
            {"aws:SourceArn": {"Ref": "MailEvents"}}
        ),
        lambda services: services["Resources"].pop("EmailsDeadPolicy"),
        lambda services: services["Resources"].pop("OrderEventsToEmails"),
        lambda services: statements(services, "FailedEventsPolicy").pop(1),
    ],
)
def test_a_queue_admits_the_topics_that_deliver_to_it(services: Template, app: Template, broken: Break) -> None:
    assert queue_checks.wrong_senders(services, app) == []
    broken(services)
    assert queue_checks.wrong_senders(services, app)


@pytest.mark.parametrize("setting", ["RawMessageDelivery", "FilterPolicy", "RedrivePolicy"])
def test_a_subscription_filters_and_keeps_what_it_cannot_deliver(services: Template, setting: str) -> None:
    assert queue_checks.undelivered(services) == []
    del properties(services, "OrderEventsToPushes")[setting]
    assert queue_checks.undelivered(services) == [f"OrderEventsToPushes has no {setting}"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: event(app, "FulfilOrders")["Properties"].pop("FunctionResponseTypes"),
        lambda app: event(app, "SendEmails")["Properties"].pop("ScalingConfig"),
        lambda app: properties(app, "SendPushes")["Environment"]["Variables"].pop("PARTIAL_BATCH"),
    ],
)
def test_one_bad_message_fails_no_batch(app: Template, broken: Break) -> None:
    assert event_checks.failing_as_a_whole(app) == []
    broken(app)
    assert len(event_checks.failing_as_a_whole(app)) == 1


def test_a_message_is_not_seen_again_while_it_is_worked_on(services: Template, app: Template) -> None:
    assert event_checks.seen_too_early(services, app, "prod") == []
    properties(services, "Emails")["VisibilityTimeout"] = 90
    properties(app, "FulfilOrders")["Timeout"] = 16
    assert event_checks.seen_too_early(services, app, "prod") == [
        "FulfilOrders needs a visibility timeout of 96 seconds",
        "SendEmails needs a visibility timeout of 91 seconds",
    ]


def test_a_fifo_queue_gathers_no_batches(app: Template) -> None:
    assert "MaximumBatchingWindowInSeconds" not in event(app, "FulfilOrders")["Properties"]
    assert event(app, "SendEmails")["Properties"]["MaximumBatchingWindowInSeconds"] == 1


def test_a_function_may_read_its_queue(app: Template) -> None:
    assert event_checks.without_access_to_its_queue(app) == []
    (policy,) = properties(app, "SendEmailsRole")["Policies"]
    (statement,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == "ReceiveMessages")
    statement["Action"].remove("sqs:DeleteMessage")
    assert event_checks.without_access_to_its_queue(app) == ["SendEmails"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: event(app, "RankBestsellers")["Properties"].pop("EventBusName"),
        lambda app: event(app, "RankBestsellers")["Properties"].pop("DeadLetterConfig"),
        lambda app: event(app, "RankBestsellers")["Properties"].pop("RetryPolicy"),
        lambda app: event(app, "RankBestsellers")["Properties"].pop("RuleName"),
        lambda app: event(app, "RankBestsellers")["Properties"]["Pattern"].update(source=["aws.s3"]),
        lambda app: event(app, "PublishUpload")["Properties"].update(EventBusName={"Ref": "BusName"}),
        lambda app: event(app, "PublishUpload")["Properties"].pop("DeadLetterConfig"),
        lambda app: event(app, "RankBestsellers").update(Type="CloudWatchEvent"),
    ],
)
def test_rules_listen_to_the_bus_of_the_stage(app: Template, broken: Break) -> None:
    assert event_checks.on_the_wrong_bus(app) == []
    broken(app)
    assert len(event_checks.on_the_wrong_bus(app)) == 1


def test_dev_alone_can_turn_off_what_is_called_every_few_minutes(built: Callable[[str], Built]) -> None:
    def paused(stage: str) -> set[str]:
        state = {"Ref": SCHEDULES}
        schedules = event_checks.events(built(stage).template, "Schedule")
        return {name for name, _, event in schedules if event["Properties"].get("State") == state}

    assert paused("dev") == {"ExpireOrders", "IndexProducts", "RelayOutbox", "SweepConnections"}
    assert built("dev").template["Parameters"][SCHEDULES]["Default"] == "ENABLED"
    for stage in ("local", "staging", "prod"):
        assert paused(stage) == set()
        assert SCHEDULES not in built(stage).template["Parameters"]


@pytest.mark.parametrize("setting", ["Name", "Description"])
def test_schedules_say_what_they_are_for(app: Template, setting: str) -> None:
    assert event_checks.nameless_schedules(app) == []
    del event(app, "PurgeExpired")["Properties"][setting]
    assert event_checks.nameless_schedules(app) == ["PurgeExpired"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: properties(app, "RelayOutbox").pop("EventInvokeConfig"),
        lambda app: properties(app, "RecordBounces")["EventInvokeConfig"].pop("MaximumEventAgeInSeconds"),
        lambda app: properties(app, "RankBestsellers")["EventInvokeConfig"].pop("DestinationConfig"),
        lambda app: take_away(app, "RankBestsellersRole", "sqs:SendMessage"),
        lambda app: properties(app, "PublishUpload")["EventInvokeConfig"].pop("DestinationConfig"),
        lambda app: properties(app, "RecordActivity")["EventInvokeConfig"].pop("MaximumRetryAttempts"),
        lambda app: properties(app, "AnswerQuestion")["EventInvokeConfig"].pop("DestinationConfig"),
        lambda app: take_away(app, "AnswerQuestionRole", "sqs:SendMessage"),
    ],
)
def test_what_is_called_asynchronously_is_retried_and_kept(services: Template, app: Template, broken: Break) -> None:
    assert event_checks.forgetful(services, app, "prod") == []
    broken(app)
    assert len(event_checks.forgetful(services, app, "prod")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: event(app, "PushActivity")["Properties"].update(Stream="arn:aws:dynamodb:…"),
        lambda app: event(app, "PushActivity")["Properties"].pop("FilterCriteria"),
        lambda app: event(app, "PushActivity")["Properties"].pop("FunctionResponseTypes"),
        lambda app: event(app, "PushActivity")["Properties"].update(BisectBatchOnFunctionError=False),
        lambda app: event(app, "PushActivity")["Properties"].update(MaximumRetryAttempts=-1),
        lambda app: event(app, "PushActivity")["Properties"].pop("MaximumRecordAgeInSeconds"),
        lambda app: event(app, "PushActivity")["Properties"].pop("DestinationConfig"),
        lambda app: properties(app, "PushActivityRole")["Policies"][0]["PolicyDocument"]["Statement"].pop(),
        lambda app: properties(app, "PushActivityRole")["Policies"][0]["PolicyDocument"]["Statement"][2][
            "Action"
        ].pop(),
    ],
)
def test_a_bad_record_holds_no_other_up_for_long(services: Template, app: Template, broken: Break) -> None:
    assert event_checks.mishandling_streams(services, app, "prod") == []
    broken(app)
    assert len(event_checks.mishandling_streams(services, app, "prod")) == 1


def test_pushes_hear_of_new_activity_alone(app: Template) -> None:
    (criterion,) = event(app, "PushActivity")["Properties"]["FilterCriteria"]["Filters"]
    wanted = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": [activity_items.EVENT]}}}}
    assert json.loads(criterion["Pattern"]) == wanted


def test_a_stream_handler_says_which_records_it_is_for(app: Template) -> None:
    properties(app, "PushActivity")["FunctionName"] = "marketplace-prod-later"
    with pytest.raises(BuildError, match="later hears of every change of the table"):
        bind_streams(app, stages.named("prod"))


def test_an_answer_is_asked_for_again_once_and_soon(app: Template) -> None:
    called = dict(event_checks.called_by_functions(app))
    assert called.keys() == {"AnswerQuestion"}
    settings = called["AnswerQuestion"]["EventInvokeConfig"]
    assert (settings["MaximumRetryAttempts"], settings["MaximumEventAgeInSeconds"]) == (1, 300)


def test_schedules_are_not_repeated(app: Template) -> None:
    schedules = [function for _, function, _ in event_checks.events(app, "Schedule")]
    assert [each["EventInvokeConfig"]["MaximumRetryAttempts"] for each in schedules] == [0] * len(schedules)


def test_the_application_and_the_stacks_know_the_same_queues(services: Template, app: Template) -> None:
    found = {tail_of(queue["QueueName"]) for queue in queue_checks.queues(services).values()}
    assert found == {name for queue in QUEUES for name in (queue.name, queue.dead)} | {"failed-events"}
    consumers = {
        function["FunctionName"].removeprefix("marketplace-prod-"): tail_of(each["Properties"]["Queue"])
        for _, function, each in event_checks.events(app, "SQS")
    }
    assert consumers == {queue.consumer: queue.name for queue in QUEUES}


def test_subscriptions_and_rules_name_events_that_exist(services: Template, app: Template) -> None:
    published = {each.name for each in order_events.ALL if Destination.ORDER_EVENTS in each.destinations}
    for subscription in ("OrderEventsToEmails", "OrderEventsToPushes"):
        assert set(properties(services, subscription)["FilterPolicy"]["type"]) <= published
    put = {each.name for each in (*order_events.ALL, *user_events.ALL) if Destination.BUS in each.destinations}
    patterns = [each["Properties"]["Pattern"] for _, _, each in event_checks.events(app, "EventBridgeRule")]
    own = [pattern for pattern in patterns if pattern["source"] != ["aws.s3"]]
    assert len(own) >= 2
    for pattern in own:
        assert set(pattern["source"]) == {SOURCES[name.partition(".")[0]] for name in pattern["detail-type"]}
        assert set(pattern["detail-type"]) <= put


def test_uploads_are_heard_of_in_the_media_bucket_of_the_stage_alone(app: Template) -> None:
    detail = event(app, "PublishUpload")["Properties"]["Pattern"]["detail"]
    assert detail["bucket"] == {"name": [{"prefix": "marketplace-prod-media-"}]}
    assert detail["object"] == {"key": [{"prefix": "incoming/"}]}


def test_loops_of_the_services_stack_are_expanded(services: Template) -> None:
    assert "Fn::ForEach" in Path(SERVICES).read_text()
    assert not [name for name in services["Resources"] if name.startswith("Fn::")]
    assert {"EmailsPolicy", "OrdersAgeAlarm", "FailedEventsDepthAlarm"} <= services["Resources"].keys()


@pytest.mark.parametrize(
    ("names", "reserve"),
    [
        (("relay_outbox",), relay.RESERVE_MILLISECONDS),
        (("expire_orders", "purge_expired"), repetition.RESERVE_MILLISECONDS),
        (("push_activity",), live.RESERVE_MILLISECONDS),
        (("sweep_connections",), sweep.RESERVE_MILLISECONDS),
        (tuple(queue.consumer for queue in QUEUES), consumer.RESERVE_MILLISECONDS),
    ],
)
def test_a_function_that_stops_before_its_time_is_up_has_twice_that_time(
    app: Template, names: tuple[str, ...], reserve: int
) -> None:
    timeouts = {
        function["FunctionName"].removeprefix("marketplace-prod-"): function["Timeout"] * 1000
        for function in of_type(app, "AWS::Serverless::Function").values()
    }

    assert [name for name in names if timeouts[name] < 2 * reserve] == []
