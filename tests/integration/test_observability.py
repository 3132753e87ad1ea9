"""Logs and metrics of the deployed functions: everything about a request, nothing about a person."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from local import logs
from local.people import DEMO
from tests.integration.actors import Actor, Api, path_of
from tests.integration.canaries import CANARY
from tests.integration.functions import invoke
from tests.integration.log_groups import counted, is_object, json_lines
from tests.stack import PASSWORD, Stack

PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId", "Task timed out")


def test_request_is_logged_under_the_id_that_it_came_with(stack: Stack, seller: Actor) -> None:
    product, mine = seller.product(), f"trace-{uuid4().hex}"

    seller.http.get(path_of(product), headers={"X-Correlation-Id": mine}).raise_for_status()

    (line,) = [line for line in json_lines(stack, "api_handler") if line.get("correlation_id") == mine]
    assert (line["level"], line["message"], line["service"]) == ("INFO", "request", "marketplace")
    assert (line["route"], line["status"]) == ("GET /products/{product_id}", 200)
    assert line["milliseconds"] > 0
    assert line["timestamp"].endswith("+00:00")


def test_request_without_an_id_is_logged_under_the_one_that_it_got(stack: Stack, visitor: httpx.Client) -> None:
    given = visitor.get("/products", params={"limit": "0"}).headers["X-Correlation-Id"]

    (line,) = [line for line in json_lines(stack, "api_handler") if line.get("correlation_id") == given]
    assert (line["route"], line["status"]) == ("GET /products", 422)


def test_every_line_of_a_request_is_there_once_it_is_answered(stack: Stack, visitor: httpx.Client) -> None:
    mine = [f"burst-{uuid4().hex}" for _ in range(30)]

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda each: visitor.get("/health", headers={"X-Correlation-Id": each}), mine))

    lines = stack.log_lines("api_handler")
    assert [sum(each in line for line in lines) for each in mine] == [1] * len(mine)
    assert not any("end of the log" in line for line in lines)


def test_function_without_a_request_logs_under_its_own_request_id(stack: Stack) -> None:
    invoke(stack, "migrate", {})

    lines = stack.log_lines("migrate")
    started = set(re.findall(r"START RequestId: (\S+)", "\n".join(lines)))
    migrated = [line for line in json_lines(stack, "migrate") if line.get("message") == "schema migrated"]
    assert migrated[-1]["correlation_id"] in started


def test_hits_and_misses_of_the_cache_are_counted_as_embedded_metrics(
    stack: Stack, seller: Actor, visitor: httpx.Client
) -> None:
    product = seller.product()
    before = counted(stack, "api_handler")

    for _ in range(3):
        visitor.get(path_of(product)).raise_for_status()

    after = counted(stack, "api_handler")
    assert after["CacheMisses"] - before["CacheMisses"] == 1
    assert after["CacheHits"] - before["CacheHits"] == 2


def test_embedded_metrics_have_the_form_that_cloudwatch_reads(stack: Stack) -> None:
    metrics = [line for line in json_lines(stack, "api_handler") if "_aws" in line]

    for line in metrics:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Marketplace"
        assert directive["Dimensions"] == [["stage", "service"]]
        assert (line["stage"], line["service"]) == ("local", "marketplace")
        assert all(line[metric["Name"]] for metric in directive["Metrics"])
    assert metrics


def test_refused_administration_is_logged_with_the_person_and_without_their_token(stack: Stack, buyer: Actor) -> None:
    assert buyer.http.get("/admin/audit").status_code == 403

    refused = [line for line in json_lines(stack, "admin_auth") if line.get("caller") == buyer.id]
    assert refused[-1]["message"] == "admin route refused"


def test_line_breaks_in_a_request_do_not_make_log_lines(stack: Stack, visitor: httpx.Client) -> None:
    forged = '{"level":"ERROR","message":"forged"}'

    visitor.get(f"/products/%0A{forged}%0A")
    visitor.get("/products", params={"q": f"x\n{forged}\n", "sort": f"\r\n{forged}"})
    visitor.get("/health", headers={"X-Correlation-Id": forged, "User-Agent": forged})

    assert [line for line in json_lines(stack, "api_handler") if line.get("message") == "forged"] == []


@pytest.mark.after_everything
@pytest.mark.parametrize("function", ["api_handler", "fulfil_orders", "send_emails", "send_pushes"])
def test_every_line_that_the_application_logged_in_this_run_is_one_json_object(stack: Stack, function: str) -> None:
    lines = [line for line in stack.log_lines(function) if not line.startswith(PLATFORM)]

    assert [line for line in lines if not is_object(line)] == []


@pytest.mark.after_everything
def test_no_line_of_this_run_holds_a_token_an_address_a_body_or_a_secret(
    stack: Stack, api: Api, buyer: Actor, visitor: httpx.Client
) -> None:
    buyer.list_product(description=CANARY).raise_for_status()
    visitor.get("/products", params={"q": CANARY}, headers={"Authorization": f"Bearer {buyer.token}"})
    with pytest.raises(ClientError):
        stack.stacks.session.client("cognito-idp").sign_up(
            ClientId=stack.client_id, Username=f"{CANARY}@mailinator.com", Password=PASSWORD
        )

    text = "\n".join(everything_logged(stack))

    secrets = [value for name, value in vars(stack.settings).items() if name.endswith(("password", "secret"))]
    forbidden = {CANARY, PASSWORD, "eyJ", "Bearer ", *secrets, *(person.email for person in DEMO)}
    assert {secret for secret in forbidden if secret in text} == set()
    assert {token for token in api.tokens if token.rpartition(".")[2] in text} == set()
    assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", text) == []
    assert text.count("START RequestId") > 20


def everything_logged(stack: Stack) -> list[str]:
    """Every line in every log group."""
    client = stack.client("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    return [event["message"] for group in groups for event in logs.events(client, group)]
