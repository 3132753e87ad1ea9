"""The front door, between a client and an origin that both show the bytes they see."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from local.front_door import FrontDoor, Origins
from local.people import Person
from local.server import configuration

CANNED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Odd: \xe4\r\n\r\nok"


class Origin:
    """A server on the loopback address that keeps each request and gives a canned answer."""

    def __init__(self, answer: bytes = CANNED) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_read_request(connection))
                connection.sendall(self._answer)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    is_chunked = b"transfer-encoding: chunked" in head.lower()
    while is_chunked and not body.endswith(b"0\r\n\r\n"):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def opened(port: int, websocket_api: str = "") -> Iterator[int]:
    """A front door before the origin on `port`; gives its own port."""

    def sign(method: str, key: str) -> str:
        return f"http://127.0.0.1:{port}/bucket/{key}?signed-for={method}"

    people, reached = (Person("someone@example.com", "Some One"),), ("ws://localhost:1/ws", "http://127.0.0.1:2/bucket")
    origins = Origins(f"http://127.0.0.1:{port}", "the-api", websocket_api, sign, people, "token of {}".format, reached)
    door = FrontDoor(origins)
    server = uvicorn.Server(configuration(door))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def origin() -> Iterator[Origin]:
    origin = Origin()
    yield origin
    origin.close()


@pytest.fixture
def door(origin: Origin) -> Iterator[int]:
    with opened(origin.port) as port:
        yield port


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(request)
        answer = b""
        while received := client.recv(65536):
            answer += received
        return answer


def test_path_query_and_headers_pass_byte_by_byte(origin: Origin, door: int) -> None:
    exchange(
        door,
        b"GET /api/a%2Fb//c%20d?q=%C3%BC+x&q=&&[z]='1' HTTP/1.1\r\nHost: localhost\r\nX-Two: 1\r\nX-Two: 2\r\n"
        b"X-Odd: \xe4\r\nConnection: close\r\nKeep-Alive: 5\r\n\r\n",
    )

    head = origin.requests[0].split(b"\r\n")
    assert head[0] == b"GET /_aws/execute-api/the-api/api/a%2Fb//c%20d?q=%C3%BC+x&q=&&[z]='1' HTTP/1.1"
    assert [line for line in head if line.lower().startswith(b"x-two")] == [b"x-two: 1", b"x-two: 2"]
    assert b"x-odd: \xe4" in head
    assert not any(line.lower().startswith((b"keep-alive", b"accept:", b"user-agent")) for line in head)


def test_viewer_address_is_added_to_those_before(origin: Origin, door: int) -> None:
    httpx.get(f"http://127.0.0.1:{door}/api/x", headers={"X-Forwarded-For": "203.0.113.7"})

    assert b"x-forwarded-for: 203.0.113.7, 127.0.0.1" in origin.requests[0].lower()


def test_body_of_unknown_length_is_streamed(origin: Origin, door: int) -> None:
    answer = httpx.post(f"http://127.0.0.1:{door}/api/x", content=iter([b"first", b"second"]))

    assert answer.status_code == 201
    assert b"first" in origin.requests[0]
    assert b"second" in origin.requests[0]
    assert b"content-length" not in origin.requests[0].lower()


def test_answer_passes_with_all_its_headers_and_none_more(door: int) -> None:
    answer = exchange(door, b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 201 Created"
    assert head.split(b"\r\n")[1:5] == [b"content-length: 2", b"set-cookie: a=1", b"set-cookie: b=2", b"x-odd: \xe4"]
    assert b"server:" not in head
    assert body == b"ok"


def test_origin_that_is_away_is_a_502_problem(origin: Origin, door: int) -> None:
    origin.close()

    answer = httpx.get(f"http://127.0.0.1:{door}/api/products")

    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == "/api/products"


def test_origin_that_breaks_off_is_a_502_problem() -> None:
    broken = Origin(answer=b"")
    with opened(broken.port) as door:
        answer = httpx.get(f"http://127.0.0.1:{door}/api/products")
    broken.close()

    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"


def test_media_request_carries_nothing_of_the_viewer_to_the_bucket(origin: Origin, door: int) -> None:
    headers = {"Authorization": "Bearer secret", "Cookie": "session=1", "Range": "bytes=0-1"}
    httpx.head(f"http://127.0.0.1:{door}/media/a/b.png?x=1", headers=headers)

    request = origin.requests[0].lower()
    assert request.startswith(b"head /bucket/media/a/b.png?signed-for=head http/1.1")
    assert b"range: bytes=0-1" in request
    assert b"secret" not in request
    assert b"cookie" not in request


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/", 405), ("GET", "/ws", 404)]
)
def test_own_errors_are_problems(door: int, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"http://127.0.0.1:{door}{path}")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_page_says_when_there_is_no_document(door: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{door}/docs")

    assert answer.status_code == 503
    assert "answered 201" in answer.text


@contextmanager
def websocket_origin(handler: Callable[[ServerConnection], None], **options: object) -> Iterator[int]:
    with serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.socket.getsockname()[1])
        finally:
            server.shutdown()
            thread.join()


def test_websocket_messages_pass_both_ways_and_the_close_code_too() -> None:
    paths: list[str] = []

    def echo(connection: ServerConnection) -> None:
        paths.append(connection.request.path if connection.request else "")
        connection.send(connection.recv())
        connection.send(connection.recv())
        connection.close(4001)

    with (
        websocket_origin(echo) as port,
        opened(port, "sockets") as door,
        connect(f"ws://127.0.0.1:{door}/ws?ticket=a%2Bb") as client,
    ):
        client.send("text ü")
        client.send(b"\x00bytes")
        assert client.recv() == "text ü"
        assert client.recv() == b"\x00bytes"
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001
    assert paths == ["/_aws/execute-api/sockets/ws?ticket=a%2Bb"]


def test_refused_websocket_is_refused_with_the_same_status() -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(403, "no")  # type: ignore[arg-type]

    with (
        websocket_origin(lambda _: None, process_request=refuse) as port,
        opened(port, "sockets") as door,
        pytest.raises(InvalidStatus) as refused,
    ):
        connect(f"ws://127.0.0.1:{door}/ws")

    assert refused.value.response.status_code == 403


def test_websocket_without_such_an_api_is_a_404_problem(door: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{door}/ws")

    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body or b"")["detail"] == "This stack has no WebSocket API."
