"""A private PostgreSQL and Valkey for one test run, and the network edge of AWS."""

from __future__ import annotations

import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout
from copy import copy
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import boto3
from moto.dynamodb.models.table import Table
from moto.server import ThreadedMotoServer

from chalicelib.messaging.queues import EMAILS, PUSHES, QUEUES
from local import postgresql, valkey
from local.home import Home
from local.ports import LOOPBACK, bind
from local.postgresql import Login
from local.processes import Processes
from tests.environment import ALWAYS, configured
from tests.people import Person

MOTO_ACCOUNT = "123456789012"
NOTIFIED = ["order.confirmed", "order.shipped", "order.cancelled", "order.expired", "order.refunded"]


@dataclass(frozen=True)
class Services:
    """How to reach the servers of this run. `log` is what PostgreSQL writes."""

    app: Login
    owner: Login
    superuser: Login
    cache_url: str
    log: Path

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that uses them; several connections, since tests have threads."""
        return {
            "DATABASE_URL": self.app.url(),
            "DATABASE_TLS": "disable",
            "DATABASE_POOL_SIZE": "24",
            "CACHE_URL": self.cache_url,
            "RATE_LIMITS": "read=1000000/60,write=1000000/60",
        }

    def sql(self, statement: str, **parameters: Any) -> Any:
        """The rows of `statement`, run as the superuser on a connection of its own."""
        with closing(self.superuser.connect()) as connection:
            return connection.run(statement, **parameters)


@contextmanager
def running(folder: Path) -> Iterator[Services]:
    """Servers that keep their data in `folder`, migrated to the newest schema."""
    home = Home(folder)
    processes = Processes(home)
    with home.locked():
        settings = home.settings()
        settings.ports.postgresql, settings.ports.valkey = _free_port(), _free_port()
        try:
            postgresql.start(home, settings, processes)
            valkey.start(home, settings, processes)
            services = Services(
                app=postgresql.app_login(settings),
                owner=postgresql.owner_login(settings),
                superuser=Login(
                    LOOPBACK, settings.ports.postgresql, "marketplace", "postgres", settings.superuser_password
                ),
                cache_url=valkey.url(settings),
                log=home.logs / "postgresql.log",
            )
            services.sql("ALTER SYSTEM SET fsync = off")
            services.sql("SELECT pg_reload_conf()")
            _migrate(services)
            yield services
        finally:
            processes.stop_all()
            shutil.rmtree(home.postgresql, ignore_errors=True)


class Aws:
    """AWS's side of the network, served by moto over HTTP: user pool, table, secrets, and all that carries messages."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address=LOOPBACK, port=0)
        with redirect_stdout(StringIO()):
            self._server.start()
        self._server._server.app = _one_at_a_time(self._server._server.app)
        Table.__deepcopy__ = _snapshot
        self.endpoint = "http://{}:{}".format(*self._server.get_host_and_port())
        self.cognito: Any = self.client("cognito-idp")
        pool = self.cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])
        self.pool_id = pool["UserPool"]["Id"]
        self._create_table()
        for group in ("users", "moderators", "admins"):
            self.cognito.create_group(UserPoolId=self.pool_id, GroupName=group)
        self.topic = self._order_events()
        self.client("events").create_event_bus(Name="marketplace-local")
        self.client("sesv2").create_email_identity(EmailIdentity="orders@marketplace.example")
        self.refund_workflow = str(
            self.client("stepfunctions").create_state_machine(
                name="marketplace-local-refund",
                definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
                roleArn=f"arn:aws:iam::{MOTO_ACCOUNT}:role/refund",
            )["stateMachineArn"]
        )
        self.push_applications = {platform: self._push_application(platform) for platform in ("GCM", "APNS")}

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a function that uses it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "USER_POOL_ID": self.pool_id,
            "ORDER_EVENTS_TOPIC_ARN": self.topic,
            "PUSH_FCM_ARN": self.push_applications["GCM"],
            "PUSH_APNS_ARN": self.push_applications["APNS"],
            "PARTIAL_BATCH": "true",
            "REFUND_WORKFLOW_ARN": self.refund_workflow,
            "REALTIME_URL": "wss://realtime.marketplace.example/ws",
        }

    def client(self, service: str) -> Any:
        """A boto3 client of the edge."""
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=ALWAYS["AWS_REGION"], **keys)

    def signed_up(self, email: str, *groups: str) -> Person:
        """Somebody who is in the user pool, and in `groups` there."""
        answer = self.cognito.admin_create_user(
            UserPoolId=self.pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": email}],
        )
        person = Person(UUID(answer["User"]["Username"]), groups)
        for group in groups:
            self.cognito.admin_add_user_to_group(UserPoolId=self.pool_id, Username=str(person.id), GroupName=group)
        return person

    def groups(self, person: Person) -> set[str]:
        """The groups that `person` is in."""
        answer = self.cognito.admin_list_groups_for_user(UserPoolId=self.pool_id, Username=str(person.id))
        return {group["GroupName"] for group in answer["Groups"]}

    def is_enabled(self, person: Person) -> bool:
        """Whether `person` may sign in."""
        return bool(self.cognito.admin_get_user(UserPoolId=self.pool_id, Username=str(person.id))["Enabled"])

    def queue_url(self, name: str) -> str:
        """The URL of the queue or dead-letter queue called `name`."""
        return str(self.client("sqs").get_queue_url(QueueName=f"marketplace-local-{name}")["QueueUrl"])

    def stop(self) -> None:
        """Closes its HTTP server."""
        self._server.stop()

    def _create_table(self) -> None:
        """The one table, as the services stack describes it."""
        keys = {"pk": "HASH", "sk": "RANGE"}, {"gsi1pk": "HASH", "gsi1sk": "RANGE"}
        table, index = ([{"AttributeName": name, "KeyType": kind} for name, kind in each.items()] for each in keys)
        self.client("dynamodb").create_table(
            TableName="marketplace-local",
            KeySchema=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for each in keys for name in each],
            GlobalSecondaryIndexes=[{"IndexName": "gsi1", "KeySchema": index, "Projection": {"ProjectionType": "ALL"}}],
            BillingMode="PAY_PER_REQUEST",
        )

    def _order_events(self) -> str:
        """The topic of what happens to orders, with the queues behind it; and the queue of orders."""
        sqs, sns = self.client("sqs"), self.client("sns")
        topic = str(sns.create_topic(Name="marketplace-local-order-events")["TopicArn"])
        for queue in QUEUES:
            for name in (queue.dead, queue.name):
                fifo = {"FifoQueue": "true"} if queue.is_fifo else {}
                sqs.create_queue(QueueName=f"marketplace-local-{name}", Attributes=fifo)
        for queue in (EMAILS, PUSHES):
            sns.subscribe(
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:{ALWAYS['AWS_REGION']}:{MOTO_ACCOUNT}:marketplace-local-{queue.name}",
                Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"type": NOTIFIED})},
            )
        return topic

    def _push_application(self, platform: str) -> str:
        answer = self.client("sns").create_platform_application(
            Name="marketplace-local", Platform=platform, Attributes={"PlatformCredential": "x"}
        )
        return str(answer["PlatformApplicationArn"])


def _one_at_a_time(app: Any) -> Any:
    """DynamoDB's calls happen at one moment each; moto's happen bit by bit, so none may begin before another ends."""
    lock = Lock()

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return app(environ, start_response)
        with lock:
            return list(app(environ, start_response))

    return serve


def _snapshot(table: Table, _: Any) -> Table:
    """What moto keeps of a table while a transaction runs, without a copy of each item: transactions replace items."""
    kept = copy(table)
    kept.items = defaultdict(dict, {pk: dict(of_pk) for pk, of_pk in table.items.items()})
    return kept


def _migrate(services: Services) -> None:
    from chalicelib.database import migrations

    with configured(DATABASE_URL=services.owner.url(), DATABASE_TLS="disable"):
        migrations.upgrade()


def _free_port() -> int:
    with bind(0, "a test", "") as held:
        return int(held.getsockname()[1])
