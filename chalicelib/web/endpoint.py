"""One declared route, and what happens between its request and its answer.

Everything happens inside the view call that Chalice makes, errors and serialisation too: an exception that reached
Chalice's own handlers would lose the problem details, the headers, or the answer itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID

from chalice.app import ChaliceViewError, Request, Response
from marshmallow import Schema

from chalicelib import config, observability
from chalicelib.caller import Caller
from chalicelib.errors import Invalid, NotFound, Violation
from chalicelib.observability import logger
from chalicelib.web import etags, identity, pagination, problems, rate_limit, strict_json, validation
from chalicelib.web.answer import Answer
from chalicelib.web.identity import Audience
from chalicelib.web.problems import Malformed, UnsupportedMediaType

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
NO_STORE = "no-store"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Endpoint:
    """What a route declares. `docs/adding-a-domain.md` explains each keyword."""

    view: Callable[..., Any]
    method: str
    path: str
    audience: Audience
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    returns: type[Schema] | None = None
    status: int = 200
    idempotent: bool = False
    conditional: bool = False
    cached_for: int = 0
    rate: str = ""

    @property
    def is_paged(self) -> bool:
        """Whether the route answers with a page of a list."""
        return self.query is not None and issubclass(self.query, pagination.PageQuery)

    @property
    def is_safe(self) -> bool:
        """Whether the method only reads (RFC 9110, section 9.2.1)."""
        return self.method in SAFE

    @property
    def rate_class(self) -> str:
        """The name of the limit that its requests count against."""
        return self.rate or ("read" if self.is_safe else "write")

    def handle(self, request: Request, path_parameters: dict[str, str]) -> Response:
        """The response to `request`. Never raises."""
        with observability.correlated(request.headers.get("x-correlation-id")) as correlation_id:
            started = time.perf_counter()
            with observability.traced(f"{self.method} {self.path}"):
                response = self._answer(request, path_parameters)
            response.headers |= self._standing_headers(request, response, correlation_id)
            logger.info(
                "request",
                extra={
                    "route": f"{self.method} {self.path}",
                    "status": response.status_code,
                    "milliseconds": round((time.perf_counter() - started) * 1000, 1),
                },
            )
            observability.flush_metrics()
            return response

    def _answer(self, request: Request, path_parameters: dict[str, str]) -> Response:
        headers: dict[str, str] = {}
        try:
            headers |= self._vary()
            caller = identity.identify(request, self.audience)
            headers |= rate_limit.spend(self.rate_class, caller, source_address(request))
            return self._outcome(request, path_parameters, caller, headers)
        except Exception as error:  # noqa: BLE001  the one place where everything ends as a problem
            status, problem_headers, body = problems.describe(error, request.context.get("path", self.path))
            return Response(body, {**headers, **problem_headers}, status)

    def _outcome(
        self, request: Request, path_parameters: dict[str, str], caller: Caller | None, headers: dict[str, str]
    ) -> Response:
        body = cache(lambda: _json_body(request))
        arguments = self._arguments(request, path_parameters, caller, body)
        answer = self._run(request, arguments, caller, body)
        tag = answer.headers.get("ETag")
        if self.is_safe and tag is not None and etags.is_fresh(request.headers.get("if-none-match"), tag):
            return Response("", {**headers, "ETag": tag}, 304)
        return Response(answer.body, {**headers, **answer.headers}, answer.status)

    def _arguments(
        self, request: Request, path_parameters: dict[str, str], caller: Caller | None, body: Callable[[], Any]
    ) -> dict[str, Any]:
        """The view's arguments: what the route declares arrives under the same name."""
        arguments: dict[str, Any] = {name: _path_value(name, value) for name, value in path_parameters.items()}
        if self.audience is not Audience.ANYONE:
            arguments["caller"] = caller
        if self.query is not None:
            arguments["query"] = validation.loaded(self.query, _single_values(request))
        if self.is_paged:
            arguments["page"] = pagination.request_from(arguments["query"])
        if self.conditional and self.returns is not None:
            arguments["versions"] = etags.expected_versions(request.headers.get("if-match"), self.returns)
        if self.body is not None:
            arguments["body"] = validation.loaded(self.body, body())
        return arguments

    def _run(
        self, request: Request, arguments: dict[str, Any], caller: Caller | None, body: Callable[[], Any]
    ) -> Answer:
        from chalicelib import database
        from chalicelib.web import idempotency

        def work() -> Answer:
            return self._rendered(request, self.view(**arguments))

        if self.is_safe:
            return database.read(work)
        if self.idempotent and caller is not None:
            key = request.headers.get("idempotency-key")
            wanted = idempotency.claim(caller.id, f"{self.method} {self.path}", key, body())
            return database.write(lambda: idempotency.once(wanted, work))
        return database.write(work)

    def _rendered(self, request: Request, result: Any) -> Answer:
        headers = self._result_headers(request, result)
        if self.status == 204:
            return Answer(self.status, headers, "")
        return Answer(
            self.status, headers | {"Content-Type": "application/json"}, strict_json.dumps(self._shown(result))
        )

    def _shown(self, result: Any) -> Any:
        if self.returns is None:
            return result
        if self.is_paged:
            return pagination.envelope(result, self.returns)
        return self.returns().dump(result)

    def _result_headers(self, request: Request, result: Any) -> dict[str, str]:
        headers = {}
        if self.returns is not None and hasattr(result, "version"):
            headers["ETag"] = etags.tag(result.version, self.returns)
        if self.status == 201:
            headers["Location"] = f"{request.context['path'].rstrip('/')}/{result.id}"
        if self.is_paged and (cursor := pagination.next_cursor(result)) is not None:
            headers["Link"] = pagination.link(request.context["path"], _all_values(request), cursor)
        return headers

    def _standing_headers(self, request: Request, response: Response, correlation_id: str) -> dict[str, str]:
        headers = standing_headers(correlation_id)
        is_shared = self.cached_for and response.status_code in {200, 304} and "authorization" not in request.headers
        if is_shared:
            headers["Cache-Control"] = f"public, max-age=0, s-maxage={self.cached_for}"
        return headers

    def _vary(self) -> dict[str, str]:
        """What else an answer depends on, for caches; the gateway adds the CORS headers themselves."""
        names = ["Authorization"] if self.audience is Audience.VISITORS else []
        names += ["Origin"] if config.current().allowed_origins else []
        return {"Vary": ", ".join(names)} if names else {}


def standing_headers(correlation_id: str) -> dict[str, str]:
    """What every answer carries, one that no route gives included."""
    return SECURITY_HEADERS | {"X-Correlation-Id": correlation_id, "Cache-Control": NO_STORE}


def source_address(request: Request) -> str:
    """The address that the gateway saw; headers are the caller's to write and are not asked."""
    return str((request.context.get("identity") or {}).get("sourceIp", ""))


def _path_value(name: str, value: str) -> str | UUID:
    """A path parameter called `…_id` is a UUID; what cannot be one names nothing. Raises `NotFound`."""
    if not name.endswith("_id"):
        return value
    try:
        return UUID(value)
    except ValueError:
        raise NotFound("There is nothing with this id.") from None


def _json_body(request: Request) -> Any:
    raw = _raw_body(request)
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if not raw:
        raise Malformed("The request needs a JSON body.")
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaType("Send the body as application/json in UTF-8.")
    if "content-encoding" in request.headers:
        raise UnsupportedMediaType("Send the body without a content encoding.")
    return strict_json.loads(raw)


def _raw_body(request: Request) -> bytes:
    try:
        return cast(bytes, request.raw_body)
    except (UnicodeEncodeError, ValueError, ChaliceViewError):
        raise Malformed("The body cannot be decoded.") from None


def _all_values(request: Request) -> dict[str, list[str]]:
    given = request.query_params
    return {} if given is None else {name: given.getlist(name) for name in given}


def _single_values(request: Request) -> dict[str, str]:
    """The query string's parameters. Raises `Invalid` for one that is given twice or holds what cannot be stored."""
    values = _all_values(request)
    wrong = [name for name, given in values.items() if len(given) > 1 or _CONTROLS.search(given[0])]
    if wrong:
        raise Invalid(
            "The query is not valid.", [Violation(f"/{name[:64]}", "Give it once, as text.") for name in wrong]
        )
    return {name: given[0] for name, given in values.items()}
