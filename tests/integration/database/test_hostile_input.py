"""Whatever is sent, the answer is the caller's problem and never ours: no 5xx, and problem details."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from tests.gateway import HttpApi
from tests.people import Person, enrolled
from tests.products import new_product

_texts = st.text(max_size=20) | st.sampled_from(
    ["", "\x00", "\ud800", "\u202e", "' OR 1=1 --", "a" * 6000, "\N{SNOWMAN}"]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3), max_leaves=8
)
_fields = st.sampled_from(
    [
        "sku",
        "name",
        "description",
        "price",
        "stock",
        "status",
        "notifications",
        "role",
        "disabled",
        "email",
        "id",
        "amount",
    ]
)
_almost_orders = st.lists(
    st.dictionaries(st.sampled_from(["product_id", "quantity", "unit_price"]), _values), max_size=3
).map(lambda lines: {"lines": lines})
_almost_devices = st.fixed_dictionaries({"platform": st.sampled_from(["fcm", "apns"]) | _values, "token": _values})
_bodies = st.dictionaries(_fields, _values, max_size=6) | _values
_almost_products = st.dictionaries(_fields, _values, min_size=1, max_size=2).map(
    lambda changes: new_product() | changes
)
_queries = st.dictionaries(
    st.sampled_from(["q", "limit", "cursor", "sort", "seller_id", "min_price", "max_price", "currency", "x"]),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode()),
    max_size=5,
)
_header_names = (
    "accept", "authorization", "content-encoding", "content-type", "expect", "idempotency-key", "if-match",
    "if-none-match", "range", "x-correlation-id", "x-forwarded-for",
)  # fmt: skip
_headers = st.dictionaries(
    st.sampled_from(_header_names), st.text(st.characters(codec="latin-1"), max_size=40), max_size=4
)

WRITES = [
    ("POST", "/products"), ("PATCH", "/me"), ("PATCH", "/products/{id}"), ("PATCH", "/admin/users/{id}"),
    ("POST", "/orders"), ("POST", "/orders/{id}/cancel"), ("POST", "/sales/{id}/ship"), ("PUT", "/me/devices/{id}"),
    ("POST", "/admin/dead-letters/{id}/redrive"), ("POST", "/admin/orders/{id}/refund"),
]  # fmt: skip
READS = [route.path for route in app.app.endpoints if route.method == "GET" and route.path != "/health/dependencies"]
ANY_ID = "01a203a3-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def admin(environment: dict[str, str]) -> Person:
    return enrolled("admins")


@pytest.mark.parametrize(("method", "path"), WRITES)
@settings(max_examples=60)
@given(body=_bodies | _almost_products | _almost_orders | _almost_devices)
def test_no_body_breaks_a_write(api: HttpApi, admin: Person, method: str, path: str, body: Any) -> None:
    text = json.dumps(body)

    answer = api.send(
        method,
        path.replace("{id}", ANY_ID),
        admin,
        headers={"if-match": "*", "idempotency-key": str(hash(text))},
        body=text,
    )

    assert answer.status < 500, answer


@settings(max_examples=100)
@given(body=st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_breaks_the_parser(api: HttpApi, admin: Person, body: str) -> None:
    body = body.encode("utf-8", "replace").decode()

    answer = api.send("POST", "/products", admin, headers={"idempotency-key": "k"}, body=body)

    assert 400 <= answer.status < 500, answer


@pytest.mark.parametrize("path", READS)
@settings(max_examples=30)
@given(query=_queries, headers=_headers)
def test_no_query_and_no_header_breaks_a_read(
    api: HttpApi, admin: Person, path: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    answer = api.send("GET", path.replace("{product_id}", ANY_ID), admin, query=query, headers=headers)

    assert answer.status < 500, answer


@settings(max_examples=100)
@given(raw=st.text(st.characters(codec="ascii"), max_size=60))
def test_no_raw_query_string_breaks_a_read(api: HttpApi, environment: dict[str, str], raw: str) -> None:
    assert api.send("GET", "/products", query=raw).status < 500


@settings(max_examples=100)
@given(segment=st.text(min_size=1, max_size=40))
def test_no_path_breaks_the_application(api: HttpApi, environment: dict[str, str], segment: str) -> None:
    segment = segment.replace("/", "").encode("utf-8", "replace").decode() or "x"

    for path in (f"/{segment}", f"/products/{segment}", f"/admin/{segment}", f"/products/{segment}/{segment}"):
        assert api.send("GET", path).status in {404, 405}


@settings(max_examples=60)
@given(headers=_headers, body=_bodies)
def test_no_header_breaks_a_write(api: HttpApi, admin: Person, headers: dict[str, str], body: Any) -> None:
    assert api.send("PATCH", "/me", admin, headers=headers, body=json.dumps(body)).status < 500
