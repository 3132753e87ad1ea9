from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest

import chalicelib
from chalicelib import errors
from chalicelib.errors import MarketplaceError, Violation
from chalicelib.observability import correlated
from chalicelib.web import problems
from tests.log_lines import LogLines


def _kinds() -> list[type[MarketplaceError]]:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(module.name)
    return sorted(_subclasses(MarketplaceError), key=lambda kind: kind.__name__)


def _subclasses(kind: type[MarketplaceError]) -> Iterator[type[MarketplaceError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


KINDS = _kinds()


def _example(kind: type[MarketplaceError]) -> MarketplaceError:
    if issubclass(kind, problems.MethodNotAllowed):
        return kind(["GET"])
    if issubclass(kind, problems.RateLimited):
        return kind({"Retry-After": "1"})
    if issubclass(kind, errors.Exhausted):
        return kind("A sentence.", retry_after=60)
    return kind("A sentence.")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_the_code_base_has_a_status_and_a_type(kind: type[MarketplaceError]) -> None:
    status, headers, body = problems.describe(_example(kind), "/api/here")

    problem = json.loads(body)
    assert 400 <= status < 600
    assert status != 500
    assert problem["status"] == status
    assert problem["type"].removeprefix("/problems/").replace("-", "").isalpha()
    assert problem["type"] == problem["type"].lower()
    assert problem["instance"] == "/api/here"
    assert headers["Content-Type"] == "application/problem+json"


def test_no_two_errors_have_the_same_type() -> None:
    types = [json.loads(problems.describe(_example(kind), "/")[2])["type"] for kind in KINDS]

    assert len(set(types)) == len(types)
    assert len(types) >= 20


def test_the_table_goes_from_the_particular_to_the_general() -> None:
    kinds = [kind for kind, _ in problems.STATUS]

    shadowed = [kind for n, kind in enumerate(kinds) if any(issubclass(kind, earlier) for earlier in kinds[:n])]

    assert shadowed == []


def test_the_type_is_the_name_of_the_error() -> None:
    class OutOfStock(errors.Conflict):
        """A domain's own error."""

    status, _, body = problems.describe(OutOfStock("Two are left."), "/api/orders")

    assert status == 409
    assert json.loads(body) | {"correlation_id": ""} == {
        "type": "/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "Two are left.",
        "instance": "/api/orders",
        "correlation_id": "",
    }


def test_invalid_input_is_told_where_it_is_wrong() -> None:
    _, _, body = problems.describe(errors.Invalid("No.", [Violation("/lines/0/quantity", "Too many.")]), "/")

    assert json.loads(body)["errors"] == [{"pointer": "/lines/0/quantity", "detail": "Too many."}]


@pytest.mark.parametrize("error", [KeyError("s3cret"), RuntimeError("s3cret"), MarketplaceError("s3cret")])
def test_an_unknown_error_is_logged_and_hidden(error: Exception, logs: LogLines) -> None:
    with correlated("a-correlation-id"):
        status, _, body = problems.describe(error, "/api/here")

    assert status == 500
    assert json.loads(body)["type"] == "/problems/internal-error"
    assert "s3cret" not in body
    assert logs.records[0]["error"] == type(error).__name__
    assert logs.records[0]["correlation_id"] == json.loads(body)["correlation_id"] == "a-correlation-id"


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.Unauthenticated("Who?"), "WWW-Authenticate", "Bearer"),
        (problems.MethodNotAllowed(["GET", "PATCH"]), "Allow", "GET, PATCH"),
        (errors.Unavailable("Down.", retry_after=7), "Retry-After", "7"),
        (errors.Exhausted("Enough for today.", retry_after=9), "Retry-After", "9"),
        (problems.RequestInFlight("Wait."), "Retry-After", "1"),
        (problems.RateLimited({"Retry-After": "9"}), "Retry-After", "9"),
    ],
)
def test_an_error_says_in_headers_what_to_do_about_it(error: Exception, header: str, value: str) -> None:
    assert problems.describe(error, "/")[1][header] == value
