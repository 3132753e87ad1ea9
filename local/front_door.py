"""One origin for everything, as CloudFront is on AWS: `/api/*`, `/ws`, `/media/*`, and two pages of its own.

The welcome page tries everything out; `/demo/sign-in` is there for it alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local import pages, sign_in
from local.openapi import Document
from local.people import Person
from local.problem_details import problem
from local.sign_in import SignIn

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"]
)
# What a browser may ask of an object; nothing else of a viewer's request reaches the bucket.
MEDIA_REQUEST = frozenset([b"range", b"if-range", b"if-none-match", b"if-modified-since"])
MEDIA_RESPONSE = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
# The gateway gives a function 30 seconds; an origin that is silent for longer will not answer.
TIMEOUT = httpx.Timeout(35, connect=5, pool=35)

Headers = list[tuple[bytes, bytes]]


@dataclass
class Origins:
    """Where the parts of the origin are. `websocket_api` is empty as long as the stack has none.

    `sign_media(method, key)` makes the URL under which the bucket gives out one object, as CloudFront's origin access
    control does. `reached_by_page` are the URLs outside of this origin's HTTP that the welcome page connects to, and
    `access_token(email)` is how it signs in one of `people`.
    """

    emulator: str
    http_api: str
    websocket_api: str
    sign_media: Callable[[str, str], str]
    people: tuple[Person, ...]
    access_token: Callable[[str], str]
    reached_by_page: tuple[str, ...]


class FrontDoor:
    """The ASGI application. Headers, query and body pass as they are; only the hop-by-hop headers stay behind."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30)
        )

    def application(self) -> Starlette:
        """The routes, and the connections to the origins closed at the end."""
        return Starlette(
            routes=[
                Route("/", self.welcome),
                Route("/welcome.js", _static(pages.SCRIPT, "text/javascript")),
                Route("/icon.svg", _static(pages.ICON, "image/svg+xml")),
                Route("/docs", self.docs),
                Route(sign_in.PATH, SignIn(self.origins.people, self.origins.access_token).answer, methods=["POST"]),
                Route("/api", self.api, methods=METHODS),
                Route("/api/{path:path}", self.api, methods=METHODS),
                Route("/media/{path:path}", self.media, methods=["GET", "HEAD"]),
                Route("/ws", self.not_upgraded),
                WebSocketRoute("/ws", self.websocket),
            ],
            exception_handlers={404: _not_found, 405: _method_not_allowed},
            lifespan=self._lifespan,
        )

    async def welcome(self, request: Request) -> Response:
        """What is here, for a person who opens the address in a browser: `localhost`, as the socket's origin is."""
        if request.url.hostname == "127.0.0.1":
            return RedirectResponse(str(request.url.replace(hostname="localhost")), headers=pages.HEADERS)
        headers = pages.welcome_headers(self.origins.reached_by_page)
        return await self._page(lambda document: pages.welcome(document, self.origins.people), headers)

    async def docs(self, request: Request) -> Response:
        """The API's documentation, rendered from its OpenAPI document."""
        return await self._page(lambda document: pages.docs(document, f"{request.base_url}api"))

    async def api(self, request: Request) -> Response:
        """The HTTP API; its stage is called `api`, so that the path needs no change."""
        target = self._execute_api(self.origins.http_api) + request.scope["raw_path"]
        if query := request.scope["query_string"]:
            target += b"?" + query
        return await self._pass(request, target, _forwarded(request))

    async def media(self, request: Request) -> Response:
        """A published object of the media bucket, which a browser may keep for ever."""
        signed = self.origins.sign_media(request.method, f"media/{request.path_params['path']}")
        headers = [(name, value) for name, value in request.headers.raw if name in MEDIA_REQUEST]
        response = await self._pass(request, signed.removeprefix(self.origins.emulator).encode(), headers)
        if response.status_code in {403, 404}:
            return problem(404, "Not Found", "There is no such object.", request.url.path)
        if response.status_code < 400:
            response.headers.update(MEDIA_RESPONSE)
        return response

    async def not_upgraded(self, request: Request) -> Response:
        """A plain request where only WebSocket connections are served."""
        if not self.origins.websocket_api:
            return self._no_websocket_api(request.url.path)
        refusal = problem(426, "Upgrade Required", "Connect with the WebSocket protocol.", request.url.path)
        refusal.headers["Upgrade"] = "websocket"
        return refusal

    async def websocket(self, client: WebSocket) -> None:
        """The WebSocket API; its stage is called `ws`."""
        if not self.origins.websocket_api:
            await client.send_denial_response(self._no_websocket_api(client.url.path))
            return
        path = self._execute_api(self.origins.websocket_api) + b"/ws?" + client.scope["query_string"]
        address = self.origins.emulator.replace("http", "ws", 1) + path.decode("ascii")
        await _join(client, address)

    def _execute_api(self, api: str) -> bytes:
        return f"/_aws/execute-api/{quote(api)}".encode()

    def _no_websocket_api(self, path: str) -> Response:
        return problem(404, "Not Found", "This stack has no WebSocket API.", path)

    async def _page(self, render: Callable[[Document], str], headers: Mapping[str, str] = pages.HEADERS) -> Response:
        try:
            document = await self._openapi()
        except (httpx.TransportError, ValueError) as error:
            content = pages.unavailable(str(error) or type(error).__name__)
            return HTMLResponse(content, 503, headers=pages.HEADERS)
        return HTMLResponse(render(document), headers=headers)

    async def _openapi(self) -> Document:
        target = self._execute_api(self.origins.http_api) + b"/api/openapi.json"
        answer = await self._send("GET", target, [], None)
        content = await answer.aread()
        await answer.aclose()
        if answer.status_code != 200:
            raise ValueError(f"GET /api/openapi.json answered {answer.status_code}")
        document: Document = json.loads(content)
        return document

    async def _pass(self, request: Request, target: bytes, headers: Headers) -> Response:
        try:
            answer = await self._send(request.method, target, headers, _body(request))
        except httpx.ConnectError:
            return problem(502, "Bad Gateway", "The embedded AWS does not answer.", request.url.path)
        except httpx.TimeoutException:
            return problem(504, "Gateway Timeout", "The embedded AWS did not answer in time.", request.url.path)
        except httpx.TransportError as error:
            return problem(502, "Bad Gateway", f"The embedded AWS broke off: {error}", request.url.path)
        response = StreamingResponse(_stream(answer), answer.status_code)
        response.raw_headers = [(n.lower(), v) for n, v in answer.headers.raw if n.lower() not in HOP_BY_HOP]
        return response

    async def _send(
        self, method: str, target: bytes, headers: Headers, content: AsyncIterator[bytes] | None
    ) -> httpx.Response:
        # `target` goes out byte by byte; as part of a URL httpx would escape it anew.
        extensions = {"target": target, "timeout": TIMEOUT.as_dict()}
        request = httpx.Request(method, self.origins.emulator, headers=headers, content=content, extensions=extensions)
        return await self._transport.handle_async_request(request)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        async with self._transport:
            yield


def _forwarded(request: Request) -> Headers:
    """The request's headers, with the viewer's address added as CloudFront adds it."""
    kept = [(n, v) for n, v in request.headers.raw if n not in HOP_BY_HOP | {b"host", b"x-forwarded-for"}]
    viewer = request.client.host if request.client else ""
    before = request.headers.getlist("x-forwarded-for")
    return [*kept, (b"x-forwarded-for", ", ".join([*before, viewer]).encode("latin-1"))]


def _body(request: Request) -> AsyncIterator[bytes] | None:
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    return request.stream() if has_body else None


async def _stream(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


async def _join(client: WebSocket, address: str) -> None:
    """Carry messages both ways until one side closes, and pass on the other's code."""
    headers = [(n, v) for n, v in client.headers.items() if n in {"authorization", "origin", "cookie", "user-agent"}]
    try:
        origin = await connect(
            address,
            additional_headers=headers,
            user_agent_header=None,
            subprotocols=client.scope["subprotocols"] or None,
            compression=None,
            ping_interval=None,
            max_size=None,
        )
    except InvalidStatus as refusal:
        await client.send_denial_response(Response(bytes(refusal.response.body or b""), refusal.response.status_code))
        return
    except (OSError, TimeoutError):
        answer = problem(502, "Bad Gateway", "The embedded AWS does not answer.", client.url.path)
        await client.send_denial_response(answer)
        return
    async with origin:
        await client.accept(origin.subprotocol)
        await _first_to_end(_to_origin(client, origin), _to_client(origin, client))


async def _first_to_end(*directions: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _to_origin(client: WebSocket, origin: ClientConnection) -> None:
    while True:
        message = await client.receive()
        if message["type"] == "websocket.disconnect":
            await origin.close()
            return
        text = message.get("text")
        await origin.send(message["bytes"] if text is None else text)


async def _to_client(origin: ClientConnection, client: WebSocket) -> None:
    try:
        async for message in origin:
            await (client.send_text(message) if isinstance(message, str) else client.send_bytes(message))
    except (ConnectionClosed, WebSocketDisconnect):
        pass
    with contextlib.suppress(RuntimeError):
        await client.close(origin.close_code or 1000)


def _static(content: str, media_type: str) -> Callable[[Request], Response]:
    return lambda _request: Response(content, media_type=media_type, headers=pages.HEADERS)


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem(
        404, "Not Found", "Nothing is here. The API is under /api/, its documentation at /docs.", request.url.path
    )


async def _method_not_allowed(request: Request, error: Exception) -> Response:
    answer = problem(405, "Method Not Allowed", f"{request.method} is not allowed here.", request.url.path)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer
