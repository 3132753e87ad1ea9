"""The Chalice application: declarative routes, and events of both kinds of HTTP gateway."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

from chalice.app import Authorizer as ChaliceAuthorizerConfig
from chalice.app import Chalice, CloudWatchEvent, CognitoUserPoolAuthorizer, Request, Response
from marshmallow import Schema

from chalicelib import config, observability
from chalicelib.errors import MarketplaceError, NotFound
from chalicelib.web import edge, endpoint, problems
from chalicelib.web.endpoint import Endpoint
from chalicelib.web.gateway import as_rest_event, resource_of
from chalicelib.web.identity import Audience, Authorizer

View = Callable[..., Any]

NOT_HTTP = ("cloudwatch", "dynamodb", "kinesis", "pure_lambda", "s3", "scheduled", "sns", "sqs", "websocket")
"""Chalice's names for the kinds of events that are no requests."""


class BusEvent(CloudWatchEvent):
    """An event of a bus; or a notification of a bucket, of which `to_dict()` is all that there is."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None:
        if "Records" not in event_dict:
            super()._extract_attributes(event_dict)


class Marketplace(Chalice):
    """Chalice, where one declaration per route drives validation, permission, idempotency, rates and documentation."""

    def __init__(self, app_name: str) -> None:
        self.endpoints: list[Endpoint] = []
        super().__init__(app_name, debug=False, configure_logs=False)
        self.experimental_feature_flags.add("WEBSOCKETS")
        for kind in NOT_HTTP:
            self.register_middleware(_observed, kind)

    def route(  # type: ignore[override]  # stricter than Chalice: the audience must be given
        self,
        path: str,
        *,
        authorizer: Audience | ChaliceAuthorizerConfig | Authorizer,
        methods: tuple[str, ...] | list[str] = ("GET",),
        body: type[Schema] | None = None,
        query: type[Schema] | None = None,
        returns: type[Schema] | None = None,
        status: int = 200,
        idempotent: bool = False,
        conditional: bool = False,
        cached_for: int = 0,
        rate: str = "",
    ) -> Callable[[View], View]:
        """Declares a view, as Chalice's `route` does; `authorizer` says who may call it and must be given.

        `body` and `query` are validated and arrive as keywords of the same name, as does the `caller` of every audience
        but `ANYONE`; a `query` with `limit` and `cursor` gives a `page`. The result is shown through `returns` with
        `status`. `idempotent` asks for an `Idempotency-Key`, `conditional` for `If-Match` (the view gets `versions`).
        `cached_for` lets shared caches keep anonymous answers for so many seconds; `rate` names another rate limit.
        """

        def declare(view: View) -> View:
            for method in methods:
                declared = Endpoint(
                    view, method, path, _audience(authorizer), body, query, returns, status, idempotent, conditional,
                    cached_for, rate,
                )  # fmt: skip
                self._declare(declared, authorizer)
            return view

        return declare

    def admin_routes(self) -> dict[str, list[str]]:
        """The paths that only admins may call, with their methods."""
        routes: dict[str, list[str]] = {}
        for declared in self.endpoints:
            if declared.audience is Audience.ADMINS:
                routes.setdefault(declared.path, []).append(declared.method)
        return routes

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of every declared route."""
        from chalicelib.web import openapi

        return openapi.document(self.endpoints)

    def load(self, *packages: ModuleType) -> None:
        """Imports the services of `packages` in the API function alone, while it starts and Lambda gives full CPU."""
        if config.function_name().endswith("api_handler"):
            observability.load_tracer()
            for package in packages:
                importlib.import_module(f"{package.__name__}.service")

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answers an event of an HTTP API (format 2.0) or of a REST API (format 1.0)."""
        rest_event = as_rest_event(event)
        try:
            rest_event = edge.as_viewed(rest_event)
        except Exception as error:  # noqa: BLE001  a refusal, or a wrong setting
            return _problem(rest_event, error)
        gateway = rest_event.get("requestContext") or {}
        known = self.routes.get(gateway.get("resourcePath") or "", {})
        if gateway.get("httpMethod") in known:
            answer: dict[str, Any] = super().__call__(rest_event, context)
            return answer
        return self._no_such_route(rest_event)

    def _declare(self, declared: Endpoint, authorizer: Any) -> None:
        def view(**path_parameters: str) -> Response:
            return declared.handle(cast(Request, self.current_request), path_parameters)

        view.__name__ = declared.view.__name__
        chalice_authorizer = None if isinstance(authorizer, Audience) else authorizer
        super().route(declared.path, methods=[declared.method], authorizer=chalice_authorizer, content_types=[])(view)
        self.endpoints.append(declared)

    def _wrap_handler(self, handler_type: str, handler_name: str, user_handler: Any) -> Any:
        if handler_type == "authorizer":
            return Authorizer(handler_name, user_handler)
        handler: Any = super()._wrap_handler(handler_type, handler_name, user_handler)
        if handler_type == "on_cw_event":
            handler.event_class = BusEvent
        return handler

    def _no_such_route(self, event: dict[str, Any]) -> dict[str, Any]:
        """404, or 405 where the path answers other methods; the catch-all route of the HTTP API leads here."""
        gateway = event.get("requestContext") or {}
        path = str(gateway.get("path", ""))
        prefix = f"/{gateway.get('stage', '')}"
        pattern = resource_of(path.removeprefix(prefix) or "/", list(self.routes))
        error: MarketplaceError = NotFound("There is nothing at this path.")
        if pattern is not None:
            error = problems.MethodNotAllowed(sorted(self.routes[pattern]))
        return _problem(event, error)


def _problem(event: Mapping[str, Any], error: Exception) -> dict[str, Any]:
    """The answer to an event that reaches no route."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    with observability.correlated(headers.get("x-correlation-id")) as correlation_id:
        path = str((event.get("requestContext") or {}).get("path", ""))
        status, problem_headers, body = problems.describe(error, path)
        standing = endpoint.standing_headers(correlation_id)
        response: dict[str, Any] = Response(body, {**problem_headers, **standing}, status).to_dict()
        return response


def _observed(event: Any, proceed: Callable[[Any], Any]) -> Any:
    """Gives the log lines of a function without a request the invocation's own id, and writes its metrics."""
    with observability.correlated(getattr(event.context, "aws_request_id", None)):
        try:
            return proceed(event)
        finally:
            observability.flush_metrics()


def _audience(authorizer: Any) -> Audience:
    if isinstance(authorizer, Audience):
        if authorizer in {Audience.SIGNED_IN, Audience.ADMINS}:
            raise TypeError("name the authorizer that verifies this audience")
        return authorizer
    if isinstance(authorizer, CognitoUserPoolAuthorizer):
        return Audience.SIGNED_IN
    if isinstance(authorizer, Authorizer):
        return Audience.ADMINS
    raise TypeError("a route declares its audience: ANYONE, VISITORS, or an authorizer")
