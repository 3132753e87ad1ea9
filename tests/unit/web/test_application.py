from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.app import CustomAuthorizer, IAMAuthorizer, Rate

import app
from chalicelib import observability
from chalicelib.web.application import Marketplace
from chalicelib.web.identity import Audience
from tests.environment import configured
from tests.events import bus_event, http_api_event, rest_event
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider
from tests.log_lines import LogLines


@pytest.fixture
def api(provider: IdentityProvider) -> HttpApi:
    """Without anything behind the application."""
    return HttpApi(provider)


def test_health_touches_nothing(api: HttpApi) -> None:
    with configured(VERSION="2026.11.22"):
        answer = api.get("/health")

    assert answer.json() == {"status": "ok", "version": "2026.11.22"}


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere", "/products/", "/products/1/2", "/PRODUCTS", "/health.json", "/me;x.jpg", "/%00", "//", "/é"],
)
def test_a_path_without_a_route_is_not_found(api: HttpApi, path: str) -> None:
    answer = api.send("GET", path)

    assert answer.status == 404
    assert answer.problem == "not-found"
    assert answer.json()["instance"] == f"/api{path}"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "QUERY"])
def test_a_known_path_with_another_method_says_which_it_answers(api: HttpApi, method: str) -> None:
    answer = api.send(method, "/products")

    assert answer.status == 405
    assert answer.problem == "method-not-allowed"
    assert answer.headers["allow"] == "GET, POST"


def test_a_path_with_parameters_knows_its_methods(api: HttpApi) -> None:
    assert api.send("POST", "/products/1").headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(api: HttpApi, header: str) -> None:
    assert api.send("PUT", "/health", headers={header: "GET"}).status == 405


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
def test_a_well_formed_correlation_id_is_taken_over(api: HttpApi, path: str) -> None:
    answer = api.send("GET", path, headers={"X-Correlation-Id": "Client-0.1_request"})

    assert answer.headers["x-correlation-id"] == "Client-0.1_request"


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
@pytest.mark.parametrize(
    "candidate",
    [
        "",
        "short",
        "a" * 65,
        "with spaces here",
        "new\nline-here",
        "<script>alert(1)</script>",
        "-leading-dash",
        "ünïcödé-id",
    ],
)
def test_any_other_correlation_id_is_replaced(api: HttpApi, path: str, candidate: str) -> None:
    answer = api.send("GET", path, headers={"X-Correlation-Id": candidate})

    assert answer.headers["x-correlation-id"] != candidate
    assert len(answer.headers["x-correlation-id"]) == 36


def test_two_requests_have_two_correlation_ids(api: HttpApi) -> None:
    assert len({api.get("/health").headers["x-correlation-id"] for _ in range(3)}) == 3


def test_the_same_application_answers_a_rest_api() -> None:
    answer = app.app(rest_event("GET", "/health", route="/health"), None)

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "ok"
    assert answer["headers"]["Cache-Control"] == "no-store"


def test_a_rest_api_event_of_an_unknown_path_is_not_found_too() -> None:
    answer = app.app(rest_event("GET", "/nowhere", route="/nowhere"), None)

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"] == "/problems/not-found"


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"requestContext": {}}, {"version": "1.0"}], ids=str)
def test_an_event_that_is_no_request_is_not_found(event: dict[str, Any]) -> None:
    assert app.app(event, None)["statusCode"] == 404


def test_the_openapi_document_may_be_kept_by_shared_caches(api: HttpApi) -> None:
    answer = api.get("/openapi.json")

    assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=300"
    assert answer.json()["openapi"] == "3.1.0"


def test_an_answer_to_an_authorized_request_is_never_shared(api: HttpApi) -> None:
    assert api.get("/openapi.json", token="anything").headers["cache-control"] == "no-store"


def test_answers_vary_by_origin_where_origins_are_allowed(api: HttpApi) -> None:
    with configured(ALLOWED_ORIGINS="https://shop.example"):
        assert api.get("/health").headers["vary"] == "Origin"
    with configured():
        assert "vary" not in api.get("/health").headers


def test_a_wrong_setting_is_a_problem_like_any_other(api: HttpApi) -> None:
    with configured(RATE_LIMITS="nonsense"):
        answer = api.send("GET", "/health")

    assert (answer.status, answer.problem) == (500, "internal-error")
    assert "RATE_LIMITS" not in answer.text


def test_a_body_is_text_also_when_the_gateway_encoded_it() -> None:
    event = http_api_event("POST", "/products", route="/products") | {"body": "%%%", "isBase64Encoded": True}

    assert app.app(event, None)["statusCode"] == 401


def test_debug_answers_are_off() -> None:
    assert app.app.debug is False


@pytest.mark.parametrize(
    "authorizer", [None, "anyone", Audience.SIGNED_IN, Audience.ADMINS, IAMAuthorizer(), CustomAuthorizer("a", "arn")]
)
def test_a_route_must_say_who_it_is_for(authorizer: Any) -> None:
    with pytest.raises(TypeError):
        Marketplace("other").route("/x", authorizer=authorizer)(lambda: None)


def test_a_route_cannot_forget_to_say_who_it_is_for() -> None:
    with pytest.raises(TypeError, match="authorizer"):
        Marketplace("other").route("/x")  # type: ignore[call-arg]


def test_admin_routes_are_those_that_the_admin_authorizer_guards() -> None:
    assert app.app.admin_routes() == {
        "/health/dependencies": ["GET"],
        "/admin/users": ["GET"],
        "/admin/users/{user_id}": ["PATCH"],
        "/admin/audit": ["GET"],
        "/admin/activity": ["GET"],
        "/admin/orders/{order_id}/refund": ["POST"],
        "/admin/refunds/{refund_id}": ["GET"],
        "/admin/dead-letters/{queue}": ["GET"],
        "/admin/dead-letters/{queue}/redrive": ["POST"],
    }


def test_what_a_function_without_a_request_counts_is_written_under_the_id_of_its_invocation(
    capsys: pytest.CaptureFixture[str], logs: LogLines
) -> None:
    own = Marketplace("own")
    told = {"Subject": "", "Message": "", "MessageAttributes": {}}
    names = ("version", "account", "region", "source", "time", "id", "detail", "detail-type", "resources")
    event_of_every_kind = dict.fromkeys(names, "") | {"Records": [{"Sns": told}]}

    def count(event: Any, context: Any = None) -> None:
        observability.count("ThingsDone")
        observability.logger.info("done")

    handlers = [
        own.on_sqs_message("queue", name="on_sqs")(count),
        own.on_sns_message("topic", name="on_sns")(count),
        own.on_cw_event({"source": ["x"]}, name="on_event")(count),
        own.schedule(Rate(1, unit=Rate.MINUTES), name="on_schedule")(count),
        own.lambda_function(name="on_invocation")(count),
    ]

    with configured(POWERTOOLS_METRICS_DISABLED="false"):
        for number, handler in enumerate(handlers):
            handler(event_of_every_kind, SimpleNamespace(aws_request_id=f"invocation-{number}"))

    counted = [json.loads(line)["ThingsDone"] for line in capsys.readouterr().out.splitlines()]
    assert counted == [[1.0]] * len(handlers)
    assert [line["correlation_id"][-1] for line in logs.records] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("event", [bus_event('{"type": "order.confirmed"}'), {"Records": [{"s3": {}}]}])
def test_a_rule_may_bring_an_event_of_a_bus_or_a_notification_of_a_bucket(event: dict[str, Any]) -> None:
    marketplace = Marketplace("test")

    @marketplace.on_cw_event({"source": ["aws.s3"]}, name="taken")
    def taken(event: Any) -> Any:
        return event.to_dict()

    assert taken(event, None) == event
