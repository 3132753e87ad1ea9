"""What `make run` promises: one system a folder, on the loopback address alone, that leaves nothing behind."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import jwt
import psutil
import pytest

from local.home import CHECKOUT, Home
from local.processes import Processes
from tests.stack import FREE_PORTS, Running, Stack


def command(home: Path, *arguments: str, checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "--home", str(home), *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def listeners(processes: list[psutil.Process]) -> list[tuple[str, int]]:
    return [
        tuple(connection.laddr)
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    ]


def test_second_up_in_the_same_home_is_refused_and_names_the_first(stack: Stack, stack_process: Running) -> None:
    second = command(stack_process.home, "up", *FREE_PORTS)

    assert second.returncode == 1
    assert f"already runs in {stack_process.home} (process {stack_process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{stack.api}/health", timeout=60).status_code == 200


def test_busy_port_is_named_with_its_owner_and_nothing_is_left(stack: Stack, tmp_path: Path) -> None:
    port = stack.settings.ports.emulator
    refused = command(
        tmp_path,
        "up",
        "--port=0",
        "--postgresql-port=0",
        "--valkey-port=0",
        "--model-port=0",
        f"--emulator-port={port}",
    )

    assert refused.returncode == 1
    assert f"Port {port} is in use by process" in refused.stderr
    assert "--emulator-port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert Home(tmp_path).holder() is None


def test_every_listener_is_on_the_loopback_address(stack: Stack, stack_process: Running) -> None:
    httpx.get(f"{stack.api}/products", timeout=60).raise_for_status()

    restarted = [psutil.Process(pid) for pid in Processes(Home(stack_process.home)).running().values()]
    found = listeners([*stack_process.family, *restarted])

    ports = stack.settings.ports
    assert {port for _, port in found} >= {ports.front_door, ports.postgresql, ports.valkey, ports.emulator}
    assert {address for address, _ in found} == {"127.0.0.1"}


def test_token_prints_an_access_token_and_nothing_else(stack: Stack, stack_process: Running) -> None:
    printed = command(stack_process.home, "token", "moderator@example.com")

    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", printed.stdout)
    assert printed.stderr == ""
    claims = jwt.decode(printed.stdout.strip(), options={"verify_signature": False})
    assert claims["token_use"] == "access"
    assert set(claims["cognito:groups"]) == {"users", "moderators"}


def test_token_of_a_stranger_is_a_sentence(stack_process: Running) -> None:
    refused = command(stack_process.home, "token", "nobody@example.com")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "nobody@example.com cannot sign in" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_sql_runs_as_the_application(stack_process: Running) -> None:
    printed = command(stack_process.home, "sql", "SELECT current_user, count(*) > 0 FROM products")

    assert "marketplace_app" in printed.stdout
    assert "permission denied" in command(stack_process.home, "sql", "CREATE TABLE t ()").stderr


def test_status_shows_every_part_and_both_stacks(stack_process: Running) -> None:
    printed = command(stack_process.home, "status")

    assert printed.returncode == 0
    assert printed.stdout.count("answers") == 5
    assert re.search(r"marketplace-local-app +\w+_COMPLETE", printed.stdout)
    assert re.search(r"marketplace-local-services +\w+_COMPLETE", printed.stdout)


def test_logs_show_a_request(stack: Stack, stack_process: Running) -> None:
    correlation = stack.http.get("/health").headers["x-correlation-id"]

    assert correlation in command(stack_process.home, "logs", "api_handler").stdout


def test_seeding_again_adds_nothing(stack: Stack, stack_process: Running) -> None:
    with stack.database() as database:
        before = database.run("SELECT count(*), max(updated_at) FROM products WHERE sku LIKE 'DEMO-%'")
        assert command(stack_process.home, "seed").returncode == 0
        assert database.run("SELECT count(*), max(updated_at) FROM products WHERE sku LIKE 'DEMO-%'") == before


@pytest.mark.parametrize(("path", "loaded"), [("/", ["/icon.svg", "/welcome.js"]), ("/docs", ["/icon.svg"])])
def test_pages_load_nothing_from_outside(stack: Stack, path: str, loaded: list[str]) -> None:
    page = httpx.get(stack.url.replace("127.0.0.1", "localhost") + path, timeout=60)

    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    found = References.of(page.text)
    assert found.resources == loaded
    assert [httpx.get(stack.url + resource, timeout=60).status_code for resource in loaded] == [200] * len(loaded)
    assert all(link.startswith(("/", "#")) for link in found.links)


def test_docs_describe_every_operation_of_the_openapi_document(stack: Stack) -> None:
    document = stack.http.get("/openapi.json").json()
    page = httpx.get(f"{stack.url}/docs", timeout=60).text

    for path, operations in document["paths"].items():
        for method in operations:
            assert f'<span class="method">{method.upper()}</span> {path}</h3>' in page


def test_websocket_path_asks_for_the_websocket_protocol(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/ws", timeout=60)

    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    assert answer.headers["content-type"] == "application/problem+json"


def test_media_gives_out_published_objects_alone(stack: Stack) -> None:
    s3, bucket = stack.client("s3"), stack.stacks.parameter("media/bucket-name")
    s3.put_object(Bucket=bucket, Key="media/a b/ü.txt", Body=b"published", ContentType="text/plain")
    s3.put_object(Bucket=bucket, Key="incoming/x.txt", Body=b"secret")

    published = httpx.get(f"{stack.url}/media/a%20b/%C3%BC.txt", timeout=60)
    part = httpx.get(f"{stack.url}/media/a%20b/%C3%BC.txt", headers={"Range": "bytes=0-2"}, timeout=60)
    missing = httpx.get(f"{stack.url}/media/missing.txt", timeout=60)
    outside = httpx.get(f"{stack.url}/media/..%2Fincoming%2Fx.txt", timeout=60)

    assert (published.status_code, published.text) == (200, "published")
    assert published.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (part.status_code, part.text) == (206, "pub")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert outside.status_code == 404


def test_front_door_says_when_the_embedded_aws_is_away(stack: Stack) -> None:
    stack.stop_emulator()
    try:
        answer = httpx.get(f"{stack.api}/health", timeout=60)
    finally:
        stack.start_emulator()

    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{stack.api}/health", timeout=60).status_code == 200


class References(HTMLParser):
    """What a page links to, and what it makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.resources: list[str] = []

    @classmethod
    def of(cls, page: str) -> References:
        found = cls()
        found.feed(page)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for name, value in attrs if name in {"href", "src", "action"}]
        self.links += links
        if tag in {"script", "link", "img", "iframe", "object", "embed"}:
            self.resources += links or [tag]
