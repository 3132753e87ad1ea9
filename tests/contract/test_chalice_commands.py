"""Stock Chalice on the same app: `chalice package`, `chalice deploy` and `chalice local`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.apigateway.models import APIGatewayBackend
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.apigatewayv2.urls import url_paths
from moto.server import ThreadedMotoServer

from app import app
from chalicelib.messaging.queues import QUEUES
from chalicelib.web.identity import Audience
from infra import stages, stock
from infra.bindings import PARAMETERS
from infra.build import PROJECT
from infra.verify.lint import lint

CHALICE = Path(sys.executable).with_name("chalice")
REGION = "eu-central-1"
SECURITY = {Audience.SIGNED_IN: "signed_in", Audience.ADMINS: "admin_auth"}
POOL = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_Market"


CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


class Account:
    """boto3 clients of moto's account."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service_name: str) -> Any:
        return boto3.client(service_name, endpoint_url=self.endpoint, region_name=REGION, **CREDENTIALS)


def chalice(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Chalice command in `project`, away from the developer's own AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables = kept | {"AWS_DEFAULT_REGION": REGION, "AWS_CONFIG_FILE": os.devnull} | environment
    command = [str(CHALICE), *arguments]
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)


def wrongly_secured(document: dict[str, Any]) -> list[str]:
    """How the REST API that Chalice describes differs from the audiences that app.py declares."""
    found = {
        f"{method.upper()} {path}": next(iter(operation.get("security", [{}])[0]), "")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    expected = {f"{declared.method} {declared.path}": SECURITY.get(declared.audience, "") for declared in app.endpoints}
    return sorted(
        f"{key}: {found.get(key)}" for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)
    )


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An account with what the services and data stacks of `dev` write."""
    _teach_moto_deployments()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    account = Account(f"http://{host}:{port}")
    values = {path: POOL if path.endswith("arn") else "made-up" for path in PARAMETERS.values()}
    for path, value in (values | {"data/stream-arn": _stream(account)}).items():
        account.client("ssm").put_parameter(Name=stages.named("dev").parameter(path), Value=value, Type="String")
    for queue in QUEUES:
        fifo = {"FifoQueue": "true"} if queue.is_fifo else {}
        account.client("sqs").create_queue(QueueName=f"marketplace-dev-{queue.name}", Attributes=fifo)
    for topic in ("mail-events", "order-events"):
        account.client("sns").create_topic(Name=f"marketplace-dev-{topic}")
    yield account
    server.stop()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with `chalice package --stage prod` run in it, so that this checkout is left alone."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("chalicelib", "migrations", "vendor"):
        shutil.copytree(PROJECT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (PROJECT / "app.py", PROJECT / "requirements.txt", *(PROJECT / ".chalice").glob("*.json")):
        (folder / path.relative_to(PROJECT)).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.relative_to(PROJECT))
    run = chalice(folder, "package", "--stage", "prod", "build")
    assert run.returncode == 0, run.stderr
    assert "Could not install dependencies" not in run.stdout
    return folder


@pytest.fixture(scope="module")
def packaged(checkout: Path) -> Path:
    """What `chalice package --stage prod build` wrote."""
    return checkout / "build"


@pytest.fixture(scope="module")
def resolved(checkout: Path, account: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as `python -m infra stock --stage dev` writes it, with the dependencies Chalice has packaged."""
    folder = tmp_path_factory.mktemp("resolved")
    stock.export(PROJECT, stages.named("dev"), folder, account, REGION)
    shutil.copytree(checkout / ".chalice" / "deployments", folder / ".chalice" / "deployments")
    return folder


def test_chalice_package_gives_a_template_that_cfn_lint_accepts(packaged: Path) -> None:
    assert lint(packaged / "sam.json") == []


def test_chalice_package_describes_every_route_for_its_audience(packaged: Path) -> None:
    template = json.loads((packaged / "sam.json").read_text())
    document = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    assert wrongly_secured(document) == []
    del document["paths"]["/me"]["get"]["security"]
    assert wrongly_secured(document) == ["GET /me: "]


def test_chalice_package_carries_the_migrations(packaged: Path) -> None:
    with zipfile.ZipFile(packaged / "deployment.zip") as archive:
        names = archive.namelist()
    assert "migrations/env.py" in names
    assert any(name.startswith("migrations/versions/0001") for name in names)


def test_chalice_deploy_asks_for_the_functions_and_routes_of_the_app(
    resolved: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto checks the policies as IAM does, and reads routes; it knows OpenAPI 3 only, Chalice sends Swagger 2."""
    sent: list[dict[str, Any]] = []
    read = APIGatewayBackend.import_rest_api

    def import_swagger(backend: APIGatewayBackend, document: dict[str, Any], fail_on_warnings: bool) -> Any:
        sent.append(document)
        info = document["info"] | {"description": ""}
        return read(backend, {"openapi": "3.0.1", "info": info, "paths": document["paths"]}, fail_on_warnings)

    monkeypatch.setattr(APIGatewayBackend, "import_rest_api", import_swagger)
    credentials = {name.upper(): value for name, value in CREDENTIALS.items()}
    run = chalice(resolved, "deploy", "--stage", "dev", AWS_ENDPOINT_URL=account.endpoint, **credentials)
    assert run.returncode == 0, run.stderr
    (document,) = sent
    assert wrongly_secured(document) == []
    assert document["securityDefinitions"]["signed_in"]["x-amazon-apigateway-authorizer"]["providerARNs"] == [POOL]
    functions = {function["FunctionName"] for function in account.client("lambda").list_functions()["Functions"]}
    configured = json.loads((PROJECT / ".chalice" / "config.json").read_text())["lambda_functions"].keys()
    assert functions == {"marketplace-dev"} | {f"marketplace-dev-{name}" for name in configured - {"api_handler"}}
    mappings = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert sorted(mapping["FunctionArn"].rpartition("-")[2] for mapping in mappings) == sorted(
        ["push_activity", *(queue.consumer for queue in QUEUES)]
    )
    _knows_its_sockets_after(resolved, account)


def _knows_its_sockets_after(project: Path, account: Account) -> None:
    """The copy that is made once `chalice deploy` has made the WebSocket API names it."""
    routes = account.client("apigatewayv2")
    (api,) = (each for each in routes.get_apis()["Items"] if each["ProtocolType"] == "WEBSOCKET")
    found = {route["RouteKey"] for route in routes.get_routes(ApiId=api["ApiId"])["Items"]}
    assert found == {"$connect", "$default", "$disconnect"}
    assert stock.NO_API in (project / ".chalice" / "policy-push_activity.json").read_text()
    stock.export(PROJECT, stages.named("dev"), project, account, REGION)
    policy = (project / ".chalice" / "policy-push_activity.json").read_text()
    assert f"arn:aws:execute-api:{REGION}:123456789012:{api['ApiId']}/api/POST/@connections/*" in policy
    configuration = json.loads((project / ".chalice" / "config.json").read_text())["stages"]["dev"]
    endpoint = configuration["environment_variables"]["REALTIME_ENDPOINT"]
    assert endpoint == f"https://{api['ApiId']}.execute-api.{REGION}.amazonaws.com/api"


def test_chalice_local_serves_the_app() -> None:
    port = _free_port()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(CHALICE), "local", "--stage", "local", "--port", str(port), "--no-autoreload"]
    with subprocess.Popen(command, cwd=PROJECT, env=variables | {"AWS_DEFAULT_REGION": REGION}) as server:
        try:
            assert _answer(f"http://127.0.0.1:{port}/health", server)["status"] == "ok"
        finally:
            server.terminate()


def _teach_moto_deployments() -> None:
    """moto knows no deployments of WebSocket APIs, and nothing else of one than its id matters here."""
    created = 201, {}, json.dumps({"deploymentId": "deployed"})
    ApiGatewayV2Response.create_deployment = lambda response: created  # type: ignore[attr-defined]
    url_paths["{0}/v2/apis/(?P<api_id>[^/]+)/deployments$"] = ApiGatewayV2Response.dispatch


def _stream(account: Account) -> str:
    """The stream of a table like that of the services stack."""
    table = account.client("dynamodb").create_table(
        TableName="marketplace-dev",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(table["TableDescription"]["LatestStreamArn"])


def _answer(url: str, server: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return httpx.get(url, timeout=10).raise_for_status().json()
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} was never answered")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
