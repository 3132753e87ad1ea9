"""The welcome page in a browser: visits to it, a page of another site, and the connections that it opens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from local import aws
from local.stacks import PREFIX
from tests.integration.waiting import PATIENCE
from tests.stack import Stack

# Policies that were violated are told like any other error.
TELL_VIOLATIONS = "addEventListener('securitypolicyviolation', e => console.error(e.violatedDirective, e.blockedURI))"
FETCH = "([url, options]) => fetch(url, options).then(answer => answer.text(), error => String(error))"

expect.set_options(timeout=PATIENCE * 1000)


class Visit:
    """The welcome page as a person sees it, and what went on behind."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.live = page.locator("#live")
        self.events = page.locator("#events li")
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.sockets: list[str] = []
        self._origin = url
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda sent: self.requests.append(sent.url))
        page.on("websocket", lambda socket: self.sockets.append(socket.url))
        page.add_init_script(TELL_VIOLATIONS)
        page.goto(url)
        expect(page.locator(".card").first).to_be_visible()

    def outside(self, bucket: str) -> list[str]:
        """The requests that went neither to the front door nor to the bucket."""
        own = (f"{self._origin}/", bucket, f"{self._origin.replace('http', 'ws', 1)}/ws?")
        return [url for url in [*self.requests, *self.sockets] if not url.startswith(own)]

    def sign_in(self, name: str) -> None:
        """Become one of the demo people, connected. What happened before is shown: nothing moves under the pointer."""
        with self.page.expect_response("**/api/me/activity?*", timeout=PATIENCE * 1000):
            self.page.get_by_role("button", name=name).click()
        expect(self.page.locator("#who")).to_contain_text(name)
        expect(self.live).to_have_text("live")

    def search(self, words: str) -> None:
        """Search the catalogue."""
        self.page.get_by_label("Search").fill(words)
        with self.page.expect_response("**/api/products?*"):
            self.page.get_by_role("button", name="Search").click()

    def card(self, name: str) -> Locator:
        """The card of a product."""
        return self.page.locator(".card").filter(has_text=name)

    def ask(self, question: str) -> None:
        """Ask the assistant."""
        self.page.get_by_label("Question").fill(question)
        self.page.get_by_role("button", name="Ask").click()

    def upload(self, product: str, file: Path) -> None:
        """Send a picture of a product."""
        self.page.get_by_label("Product", exact=True).select_option(label=product)
        self.page.get_by_label("File").set_input_files(file)
        self.page.get_by_role("button", name="Upload").click()


@contextmanager
def visiting(
    browser: Browser, stack: Stack, sockets: Callable[[WebSocketRoute], None] | None = None, **options: Any
) -> Iterator[Visit]:
    """A new visit; `sockets` plays the WebSocket API for it."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    if sockets:
        page.route_web_socket("**/ws?*", sockets)
    try:
        yield Visit(page, f"http://localhost:{stack.settings.ports.front_door}")
    finally:
        context.close()


@contextmanager
def foreign_site() -> Iterator[str]:
    """The URL of an empty page of another origin."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def connections(stack: Stack, email: str) -> set[str]:
    """The ids of the connections of a demo person."""
    person = stack.http.get("/me", headers=stack.bearer(email)).json()["id"]
    found = stack.client("dynamodb").query(
        TableName=stack.stacks.parameter("data/table-name"),
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"person#{person}"}, ":sk": {"S": "connection#"}},
    )
    return {item["sk"]["S"].removeprefix("connection#") for item in found["Items"]}


def management(stack: Stack) -> Any:
    """The client that reaches connections of the WebSocket API."""
    endpoint = stack.stacks.variables(f"{PREFIX}websocket_message")["REALTIME_ENDPOINT"]
    secret = stack.settings.emulator_secret
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name=aws.REGION,
        aws_access_key_id=aws.ACCESS_KEY,
        aws_secret_access_key=secret,
    )
