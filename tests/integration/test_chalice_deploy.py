"""Stock `chalice deploy` takes the stage dev into an account and out of it again: on an emulator of this module's own.

The services stack is there before, by `python -m infra deploy`. Functions run on this machine, so they are for its
processor, reach PostgreSQL without TLS, and sockets at the emulator's address; all else is as for AWS. It takes
minutes, so `make verify-infra` runs it, and the default tests do not. The last test deletes what was deployed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.loaders import Loader
from websockets.sync.client import connect

from chalicelib.messaging.queues import QUEUES
from infra import http_api, stages
from infra.build import PROJECT
from infra.verify.contracts import HEAVY
from local import aws
from tests.integration.actors import a_key, a_product
from tests.integration.emulated_account import Account, empty_account
from tests.integration.waiting import until
from tests.outbox import stored, waiting
from tests.services import Services

CHALICE = Path(sys.executable).with_name("chalice")
SCHEDULED = {"expire_orders", "index_products", "purge_expired", "relay_outbox", "sweep_connections"}

pytestmark = [
    pytest.mark.skipif(HEAVY not in os.environ, reason="takes minutes: make verify-infra runs it"),
    pytest.mark.timeout(900),
]


@dataclass(frozen=True)
class Deployment:
    """What `chalice deploy` has made in the account, from the copy of the project in a folder."""

    account: Account
    folder: Path

    def chalice(self, command: str) -> str:
        """What a command of Chalice says."""
        words = [CHALICE, command, "--stage", "dev"]
        run = self.account.run(words, self.folder, AWS_DATA_PATH=str(self.folder / "botocore"))
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def made(self) -> dict[str, dict[str, Any]]:
        """What Chalice remembers of each resource, by its name."""
        resources = json.loads((self.folder / ".chalice" / "deployed" / "dev.json").read_text())["resources"]
        return {resource["name"]: resource for resource in resources}

    def address(self, scheme: str, api_id: str) -> str:
        """Where the emulator answers for an API."""
        endpoint = aws.endpoint(self.account.settings).replace("http", scheme, 1)
        return f"{endpoint}/_aws/execute-api/{api_id}/{http_api.STAGE_NAME}"

    def api(self, token: str = "") -> httpx.Client:
        """A client of the REST API, of somebody with `token` or of a visitor."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.address("http", self.made()["rest_api"]["rest_api_id"]), headers=headers, timeout=60
        )

    def prepare(self) -> None:
        """Write the copy for the account as it is now, and then what this machine needs otherwise than AWS."""
        run = self.account.infra("stock", "--out", self.folder)
        assert run.returncode == 0, run.stderr
        path = self.folder / ".chalice" / "config.json"
        configuration = json.loads(path.read_text())
        dev = configuration["stages"]["dev"]
        dev["lambda_architecture"] = stages.host_architecture()
        dev["environment_variables"]["DATABASE_TLS"] = "disable"
        if sockets := self.sockets():
            dev["environment_variables"]["REALTIME_URL"] = self.address("ws", sockets)
            dev["environment_variables"]["REALTIME_ENDPOINT"] = self.address("http", sockets)
        path.write_text(json.dumps(configuration))

    def sockets(self) -> str:
        """The id of the WebSocket API; empty before there is one."""
        remembered = self.folder / ".chalice" / "deployed" / "dev.json"
        return str(self.made()["websocket_api"]["websocket_api_id"]) if remembered.exists() else ""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[Account]:
    """An account with the managed services of dev, whose user pool calls functions that have no alias."""
    with empty_account(tmp_path_factory.mktemp("account"), services) as account:
        keys = f"services.JwksBaseUrl={aws.endpoint(account.settings)}"
        stock = "services.StockChalice=true"
        run = account.infra("deploy", "--stacks", "services", "--parameter", keys, "--parameter", stock)
        assert run.returncode == 0, run.stdout + run.stderr
        yield account


@pytest.fixture(scope="module")
def deployed(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The stage once the sockets' address is known to its functions, and the schema is there."""
    deployment = Deployment(account, tmp_path_factory.mktemp("stock"))
    _look_every_second(deployment.folder / "botocore")
    for _ in range(2):
        deployment.prepare()
        deployment.chalice("deploy")
    answer = account.client("lambda").invoke(FunctionName="marketplace-dev-migrate", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    return deployment


def test_every_function_is_there_with_its_queue_stream_or_schedule(deployed: Deployment) -> None:
    configured = json.loads((PROJECT / ".chalice" / "config.json").read_text())["lambda_functions"].keys()
    assert set(deployed.account.functions()) == {"marketplace-dev"} | {
        f"marketplace-dev-{name}" for name in configured - {"api_handler"}
    }
    mappings = deployed.account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert sorted(mapping["FunctionArn"].rpartition("-")[2] for mapping in mappings) == sorted(
        ["push_activity", *(queue.consumer for queue in QUEUES)]
    )
    rules = deployed.account.client("events").list_rules()["Rules"]
    scheduled = {rule["Name"].removeprefix("marketplace-dev-") for rule in rules if "ScheduleExpression" in rule}
    assert scheduled == {f"{name}-event" for name in SCHEDULED}


def test_the_api_answers_whom_it_should(deployed: Deployment) -> None:
    with deployed.api() as visitor, deployed.api(deployed.account.token()) as buyer:
        assert visitor.get("/health").json()["status"] == "ok"
        assert visitor.get("/products").json()["items"] == []
        assert visitor.get("/me").status_code == 401
        assert buyer.get("/me").status_code == 200
        assert buyer.get("/admin/users").status_code == 403


def test_a_message_in_a_queue_is_consumed(deployed: Deployment) -> None:
    """The order's event lies in the queue of orders until `fulfil_orders` has confirmed it."""
    with deployed.api(deployed.account.token()) as seller, deployed.api(deployed.account.token()) as buyer:
        product = seller.post("/products", json=a_product(), headers=a_key())
        assert product.status_code == 201, product.text
        lines = [{"product_id": product.json()["id"], "quantity": 1}]
        order = buyer.post("/orders", json={"lines": lines}, headers=a_key())
        assert order.status_code == 201, order.text
        until(lambda: buyer.get(f"/orders/{order.json()['id']}").json()["status"] == "confirmed")


def test_a_schedule_calls_its_function(deployed: Deployment) -> None:
    """Nothing but `relay_outbox`, once in a minute, sends what is found in the outbox."""
    inside = deployed.account.services
    stored(inside, events=1, groups=1, to=("bus",))
    until(lambda: waiting(inside) == 0, patience=150, pause=1)


def test_a_socket_gets_its_answer(deployed: Deployment) -> None:
    with deployed.api(deployed.account.token()) as person:
        ticket = person.post("/realtime/tickets").raise_for_status().json()
    assert ticket["url"].startswith(deployed.address("ws", deployed.sockets()))
    with connect(ticket["url"], open_timeout=60) as connection:
        connection.send(json.dumps({"action": "ping"}))
        assert json.loads(connection.recv(timeout=60))["type"] == "pong"


def test_chalice_delete_leaves_the_other_stacks_alone(deployed: Deployment) -> None:
    stacks = deployed.account.stacks()
    deployed.chalice("delete")
    assert deployed.account.functions() == {}
    assert deployed.account.client("apigateway").get_rest_apis()["items"] == []
    assert deployed.account.client("apigatewayv2").get_apis()["Items"] == []
    assert deployed.account.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert deployed.account.client("events").list_rules()["Rules"] == []
    assert deployed.account.stacks() == stacks


def _look_every_second(data_path: Path) -> None:
    """Have botocore look again after a second, not after five, whether a function has been updated: here it has."""
    loader = Loader()
    waiters = loader.load_service_model("lambda", "waiters-2")
    for waiter in waiters["waiters"].values():
        waiter["delay"] = 1
    path = data_path / "lambda" / loader.determine_latest_version("lambda", "waiters-2") / "waiters-2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(waiters))
