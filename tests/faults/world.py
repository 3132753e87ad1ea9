"""The servers of one run: PostgreSQL, Valkey, and the embedded AWS with the queues of the services stack."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from pg8000.native import Connection

from chalicelib import clients
from chalicelib.database.engine import engine
from chalicelib.messaging import queues
from chalicelib.messaging.queues import QUEUES
from chalicelib.notifications import repository as notifications
from chalicelib.observability import logger
from local import aws, emulator
from local.home import Home
from local.ports import bind
from local.processes import Processes
from local.stacks import Stacks
from tests.environment import configured
from tests.faults import seams
from tests.services import running

redrive: Any = import_module("chalicelib.messaging.redrive")  # the package offers the function of this name

CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"
MAILED_ORDER = re.compile(r"^Order ([0-9a-f-]{36})$", re.MULTILINE)


@dataclass(frozen=True)
class Mail:
    """An e-mail that SES was given."""

    order_id: str
    address: str
    subject: str


@dataclass(frozen=True)
class World:
    """How to reach the servers, past the application."""

    stacks: Stacks
    variables: dict[str, str]
    database: Connection

    @cached_property
    def sqs(self) -> Any:
        """A client of the queues that no worker shares."""
        return self.stacks.session.client("sqs")

    def sql(self, statement: str, **parameters: Any) -> list[list[Any]]:
        """The rows of `statement`."""
        rows: list[list[Any]] = self.database.run(statement, **parameters) or []
        return rows

    def queue_url(self, name: str) -> str:
        """Where the queue of this stage is that the application calls `name`."""
        return f"{self.variables['AWS_ENDPOINT_URL']}/{aws.ACCOUNT}/marketplace-local-{name}"

    def depth(self, name: str) -> int:
        """How many messages are in the queue, waiting or in hand."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=counts)["Attributes"]
        return sum(int(found[each]) for each in counts)

    def mails(self) -> list[Mail]:
        """Every e-mail that SES was given."""
        with urllib.request.urlopen(f"{self.variables['AWS_ENDPOINT_URL']}/_ministack/ses/messages") as answer:  # noqa: S310
            accounts = json.load(answer)["messages"]
        return [_mail(message) for messages in accounts.values() for message in messages]


@contextmanager
def world(folder: Path, *, visibility: int, lease: int) -> Iterator[World]:
    """A running world. Messages stay hidden for `visibility` seconds, claims are believed for `lease` seconds.

    Both are much shorter than in production, and in the same relation to each other.
    """
    notifications.LEASE_SECONDS, redrive.HELD_SECONDS = lease, visibility
    seams.replace("chalicelib.messaging.redrive:_call", _without_waiting)
    with running(folder / "services") as services, _emulator(folder / "aws") as (stacks, given):
        for queue in QUEUES:
            _shorten(stacks, queue.name, visibility)
        variables = services.settings | given
        log = (folder / "workers.log").open("a")
        with configured(**variables), log, closing(services.superuser.connect()) as database:
            queues.url.cache_clear()
            logger.setLevel("WARNING")
            handler: Any = logger.registered_handler
            before = handler.setStream(log)
            yield World(stacks, variables, database)
            handler.setStream(before)


def forget_connections() -> None:
    """Leaves the connections that a forked process has inherited to its parent, and keeps everything else warm."""
    engine().dispose(close=False)
    for service in ("sqs", "sns", "events"):
        clients.client(service).close()
    for service in ("sesv2", "sns"):
        clients.client(service, attempts=1).close()


@contextmanager
def _emulator(folder: Path) -> Iterator[tuple[Stacks, dict[str, str]]]:
    home = Home(folder)
    processes = Processes(home)
    with home.locked():
        settings = home.settings()
        with bind(0, "a test", "") as held:
            settings.ports.emulator = int(held.getsockname()[1])
        try:
            emulator.start(home, settings, processes)
            stacks = Stacks(settings)
            stacks.deploy_services(lambda _: None)
            yield stacks, aws.credentials(settings) | _variables(stacks)
        finally:
            processes.stop_all()


def _variables(stacks: Stacks) -> dict[str, str]:
    """The variables of the functions that the application's stack takes from the services' stack."""
    return {
        "STAGE": "local",
        "USER_POOL_CLIENT_ID": CLIENT_ID,
        "ORDER_EVENTS_TOPIC_ARN": stacks.parameter("events/topic-arn"),
        "BUS_NAME": stacks.parameter("events/bus-name"),
        "MAIL_FROM": stacks.parameter("mail/from"),
        "MAIL_CONFIGURATION_SET": stacks.parameter("mail/configuration-set"),
        "PREFERENCES_URL": stacks.parameter("mail/preferences-url"),
        "PUSH_FCM_ARN": stacks.parameter("push/fcm-arn"),
        "PARTIAL_BATCH": "true",
        "DATABASE_POOL_SIZE": "1",
    }


def _without_waiting(call: Callable[..., Any]) -> Callable[..., Any]:
    """Polls that end at once: there is one server, so an empty answer says that the queue is empty."""

    def hasty(action: str, queue: str, **arguments: Any) -> Any:
        return call(action, queue, **arguments | ({"WaitTimeSeconds": 0} if action == "receive_message" else {}))

    return hasty


def _shorten(stacks: Stacks, queue: str, visibility: int) -> None:
    sqs = stacks.session.client("sqs")
    url = sqs.get_queue_url(QueueName=f"marketplace-local-{queue}")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(visibility)})


def _mail(message: dict[str, Any]) -> Mail:
    found = MAILED_ORDER.search(message["BodyText"])
    return Mail(found[1] if found else "", message["To"][0], message["Subject"])
