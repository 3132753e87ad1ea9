"""Who gets in: forged tokens on every protected route, people on routes that are not for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from chalicelib.web.endpoint import Endpoint
from tests.integration import routes
from tests.integration.actors import Actor, Api, path_of
from tests.integration.forgeries import Forger, Forgery
from tests.integration.problems import defects, kind_of
from tests.stack import Stack


@pytest.fixture(scope="module")
def forger(stack: Stack, admin: Actor) -> Forger:
    """A forger who starts from an admin's token: nothing but the forgery stands between them and every route."""
    return Forger(stack, admin)


@pytest.fixture(scope="module")
def forgeries(forger: Forger) -> list[Forgery]:
    """Everything the forger can think of."""
    return forger.all()


def test_forger_knows_many_ways(forgeries: list[Forgery]) -> None:
    assert len({forgery.header for forgery in forgeries}) == len(forgeries) >= 80


def test_token_that_the_forger_leaves_as_it_was_opens_every_door(api: Api, forger: Forger) -> None:
    client = api.client(forger.signed_by_the_pool({}))

    assert {client.get(path).status_code for path in ("/me", "/admin/users", "/health/dependencies")} == {200}


@pytest.mark.parametrize("route", routes.PROTECTED + routes.VISITORS, ids=routes.name_of)
def test_forged_token_is_unauthorized(api: Api, forgeries: list[Forgery], route: Endpoint) -> None:
    client = api.client()
    tried = [forgery for forgery in forgeries if forgery.headers or route not in routes.VISITORS]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda forgery: request(client, route, forgery.headers), tried))

    accepted = {
        forgery.name: answer.status_code
        for forgery, answer in zip(tried, answers, strict=True)
        if answer.status_code != 401
    }
    assert accepted == {}
    from_the_application = [answer for answer in answers if "x-correlation-id" in answer.headers]
    assert [defects(answer) for answer in from_the_application if defects(answer)] == []
    assert {answer.headers["www-authenticate"] for answer in from_the_application} <= {"Bearer"}


def test_bad_token_is_refused_where_no_token_is_needed_but_one_is_understood(
    visitor: httpx.Client, seller: Actor, forger: Forger
) -> None:
    path = path_of(seller.product())

    anonymous = visitor.get(path)
    forged = visitor.get(path, headers={"Authorization": f"Bearer {forger.signed_by_the_pool({'exp': 1})}"})

    assert anonymous.status_code == 200
    assert kind_of(forged, 401) == "unauthenticated"


@pytest.mark.parametrize("route", routes.ADMINS, ids=routes.name_of)
def test_people_who_are_no_admins_are_forbidden_on_admin_routes(
    buyer: Actor, seller: Actor, moderator: Actor, route: Endpoint
) -> None:
    assert [request(person.http, route).status_code for person in (buyer, seller, moderator)] == [403] * 3


@pytest.mark.parametrize("route", routes.OPEN, ids=routes.name_of)
def test_open_route_answers_anybody(visitor: httpx.Client, route: Endpoint) -> None:
    assert request(visitor, route).status_code == 200


def test_group_in_a_header_or_a_query_makes_nobody_an_admin(buyer: Actor) -> None:
    headers = {"X-Groups": "admins", "Cognito-Groups": "admins", "X-User-Id": str(uuid4()), "X-Amzn-Oidc-Identity": "x"}

    answer = buyer.http.get("/admin/users", headers=headers, params={"groups": "admins", "cognito:groups": "admins"})

    assert answer.status_code == 403


def test_method_override_is_not_obeyed(buyer: Actor, seller: Actor) -> None:
    product = seller.product()

    answer = buyer.http.get(
        path_of(product), headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    )

    assert answer.json() == product.json()


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_scheme_is_understood_in_any_case(visitor: httpx.Client, seller: Actor, scheme: str) -> None:
    draft = seller.product(status="draft")

    answer = visitor.get(path_of(draft), headers={"Authorization": f"{scheme} {seller.token}"})

    assert answer.json() == draft.json()


def test_published_description_has_every_route_with_its_audience(visitor: httpx.Client) -> None:
    document = visitor.get("/openapi.json").json()

    described = {
        (method.upper(), path): operation["x-audience"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {(route.method, route.path): route.audience.value for route in routes.ROUTES}


def request(client: httpx.Client, route: Endpoint, headers: dict[str, str] | None = None) -> httpx.Response:
    """The answer to a request on `route`, about something that does not exist."""
    path = route.path
    while "{" in path:
        path = path[: path.index("{")] + str(uuid4()) + path[path.index("}") + 1 :]
    return client.request(route.method, path, headers=headers)
