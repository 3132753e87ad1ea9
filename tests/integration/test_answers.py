"""What every answer carries: correlation id, cache rules, security headers; and the problems of routes that are not."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from chalicelib.web.endpoint import SECURITY_HEADERS
from tests.integration.actors import Actor, if_match, path_of
from tests.integration.problems import is_uuid, kind_of
from tests.integration.routes import ROUTES
from tests.stack import Stack

ALLOWED_ORIGIN = "http://localhost:3000"
PATHS = sorted({route.path for route in ROUTES})
METHODS = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE", "PROPFIND"}
FOREIGN_ORIGINS = ("http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example", "null")


@pytest.fixture(scope="module")
def answers(visitor: httpx.Client, seller: Actor, admin: Actor) -> dict[str, httpx.Response]:
    """An answer of every kind that the application gives."""
    product = seller.product()
    path, tag = path_of(product), if_match(product)
    return {
        "public read": visitor.get(path),
        "public list": visitor.get("/products"),
        "not modified": visitor.get(path, headers={"If-None-Match": product.headers["ETag"]}),
        "read with a token": seller.http.get(path),
        "own profile": seller.http.get("/me"),
        "admin list": admin.http.get("/admin/users"),
        "created": product,
        "changed": seller.http.patch(path, json={"stock": 1}, headers=tag),
        "no content": seller.http.delete(path, headers={"If-Match": "*"}),
        "malformed": seller.http.post("/products", content=b"{", headers={"Content-Type": "application/json"}),
        "unauthenticated": visitor.get(path, headers={"Authorization": "Bearer x"}),
        "not found": visitor.get(f"/products/{uuid4()}"),
        "no such path": visitor.get("/nowhere"),
        "method not allowed": visitor.put("/products"),
        "stale": seller.http.patch(path, json={"stock": 1}, headers=tag),
        "unsupported": seller.http.post("/products", content=b"x", headers={"Content-Type": "text/plain"}),
        "invalid": visitor.get("/products", params={"limit": "0"}),
        "precondition required": seller.http.patch(path, json={"stock": 1}),
        "described": visitor.get("/openapi.json"),
        "healthy": visitor.get("/health"),
    }


def test_every_answer_carries_the_security_headers(answers: dict[str, httpx.Response]) -> None:
    missing = {
        kind: name
        for kind, answer in answers.items()
        for name, value in SECURITY_HEADERS.items()
        if answer.headers.get(name) != value
    }
    assert missing == {}


def test_every_answer_has_a_correlation_id_of_its_own(answers: dict[str, httpx.Response]) -> None:
    found = [answer.headers["X-Correlation-Id"] for answer in answers.values()]

    assert all(is_uuid(correlation_id) for correlation_id in found)
    assert len(set(found)) == len(found)


def test_only_anonymous_reads_of_the_catalogue_may_be_shared_by_caches(answers: dict[str, httpx.Response]) -> None:
    rules = {kind: answer.headers["Cache-Control"] for kind, answer in answers.items()}

    shared = {kind for kind, rule in rules.items() if rule != "no-store"}
    assert shared == {"public read", "public list", "not modified", "described"}
    assert rules["public read"] == "public, max-age=0, s-maxage=10"
    assert answers["read with a token"].json() == answers["public read"].json()


def test_caches_are_told_what_an_answer_depends_on(answers: dict[str, httpx.Response]) -> None:
    depends = {kind: set(answer.headers.get("Vary", "").split(", ")) for kind, answer in answers.items()}

    assert depends["public read"] == depends["not modified"] == {"Authorization", "Origin"}
    assert depends["public list"] == {"Origin"}


def test_bodies_are_json_or_problems_and_never_guessed(answers: dict[str, httpx.Response]) -> None:
    kinds = {
        kind: answer.headers.get("Content-Type")
        for kind, answer in answers.items()
        if answer.status_code not in {204, 304}
    }

    assert set(kinds.values()) == {"application/json", "application/problem+json"}
    assert {kind for kind in kinds if kinds[kind] == "application/problem+json"} == {
        kind for kind, answer in answers.items() if answer.status_code >= 400
    }


def test_correlation_id_of_the_request_is_kept(visitor: httpx.Client) -> None:
    mine = {"X-Correlation-Id": f"mine-{uuid4().hex}"}

    done, failed = visitor.get("/health", headers=mine), visitor.get("/nowhere", headers=mine)

    assert done.headers["X-Correlation-Id"] == mine["X-Correlation-Id"]
    assert failed.json()["correlation_id"] == failed.headers["X-Correlation-Id"] == mine["X-Correlation-Id"]


@pytest.mark.parametrize(
    "malformed", ["short", "x" * 65, "with space in it", '{"level":"ERROR"}', "-starts-wrong", "ünïcödé-id"]
)
def test_malformed_correlation_id_is_replaced(visitor: httpx.Client, malformed: str) -> None:
    answer = visitor.get("/health", headers={"X-Correlation-Id": malformed.encode()})

    assert is_uuid(answer.headers["X-Correlation-Id"])


@pytest.mark.parametrize("path", PATHS)
def test_method_that_a_path_does_not_answer_is_not_allowed(visitor: httpx.Client, path: str) -> None:
    known = {route.method for route in ROUTES if route.path == path}

    for method in METHODS - known - {"HEAD"}:
        answer = visitor.request(method, path.replace("{product_id}", str(uuid4())).replace("{user_id}", str(uuid4())))
        assert kind_of(answer, 405) == "method-not-allowed"
        assert listed(answer, "Allow") == known


@pytest.mark.parametrize("path", ["/health", "/me", "/products"])
def test_head_is_not_answered_and_has_no_body(visitor: httpx.Client, path: str) -> None:
    answer = visitor.head(path)

    assert (answer.status_code, answer.content) == (405, b"")
    assert "GET" in listed(answer, "Allow")


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere", "/products/", "/Products", "/me/", "/me.css", "/products/1/2", "/admin", "/%2e%2e/me", "/me;a=b"],
)
def test_unknown_path_is_not_found(visitor: httpx.Client, path: str) -> None:
    assert kind_of(visitor.get(path), 404) in {"not-found", "product-not-found"}


def test_preflight_of_an_allowed_origin_is_answered_by_the_gateway(visitor: httpx.Client) -> None:
    answer = preflight(visitor, ALLOWED_ORIGIN)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED_ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {route.method for route in ROUTES} <= listed(answer, "Access-Control-Allow-Methods")
    assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= {
        name.lower() for name in listed(answer, "Access-Control-Allow-Headers")
    }


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_foreign_origin_gets_no_permission(visitor: httpx.Client, origin: str) -> None:
    for answer in (preflight(visitor, origin), visitor.get("/products", headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_page_of_an_allowed_origin_reads_answers_and_the_headers_it_needs(visitor: httpx.Client) -> None:
    answer = visitor.get("/products", headers={"Origin": ALLOWED_ORIGIN})

    assert answer.headers.get_list("Access-Control-Allow-Origin") == [ALLOWED_ORIGIN]
    assert {"ETag", "Link", "Location", "RateLimit", "Retry-After", "X-Correlation-Id"} <= listed(
        answer, "Access-Control-Expose-Headers"
    )


def test_allowed_origin_is_the_one_of_the_stage(stack: Stack) -> None:
    assert stack.stacks.variables("marketplace-local-api_handler")["ALLOWED_ORIGINS"] == ALLOWED_ORIGIN


def test_unhandled_routes_cost_no_identity(visitor: httpx.Client) -> None:
    answer = visitor.get("/nowhere", headers={"Authorization": "Bearer forged"})

    assert kind_of(answer, 404) == "not-found"


@pytest.mark.parametrize("path", ["/products/0", "/nowhere", "/products?limit=0"])
def test_problem_names_the_path_as_clients_know_it_through_either_door(
    stack: Stack, visitor: httpx.Client, path: str
) -> None:
    for answer in (visitor.get(path), stack.http.get(path)):
        assert answer.json()["instance"] == f"/api{path.partition('?')[0]}"


def preflight(client: httpx.Client, origin: str) -> httpx.Response:
    """The answer to a browser that asks whether a page of `origin` may send a request."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    return client.options("/products", headers=headers)


def listed(answer: httpx.Response, header: str) -> set[str]:
    """The members of a header that is a list."""
    return {member.strip() for member in answer.headers[header].split(",")}
