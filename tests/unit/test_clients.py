from __future__ import annotations

import pytest

from chalicelib import clients
from tests.environment import configured

SERVICES = ["cognito-idp", "dynamodb", "events", "rds", "secretsmanager", "sns", "sqs"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_client_gives_up_soon_and_tries_at_most_twice(service: str) -> None:
    settings = clients.client(service).meta.config

    assert settings.connect_timeout == 1
    assert settings.read_timeout == 3
    assert settings.retries == {"mode": "standard", "total_max_attempts": 2}


def test_a_call_that_must_not_be_made_twice_is_tried_once() -> None:
    assert clients.client("sesv2", attempts=1).meta.config.retries["total_max_attempts"] == 1


def test_an_answer_may_be_waited_for_longer() -> None:
    assert clients.client("bedrock-runtime", read_seconds=10).meta.config.read_timeout == 10


def test_a_client_may_be_of_another_region_and_endpoint() -> None:
    client = clients.client("apigatewaymanagementapi", region="eu-west-1", endpoint="https://a.example/ws")

    assert (client.meta.region_name, client.meta.endpoint_url) == ("eu-west-1", "https://a.example/ws")


def test_there_is_one_client_of_each_kind() -> None:
    assert clients.client("secretsmanager") is clients.client("secretsmanager")
    assert clients.client("secretsmanager") is not clients.client("rds")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Throttling", True),
        ("ThrottlingException", True),
        ("TooManyRequestsException", True),
        ("RequestThrottled", True),
        ("InvalidParameterException", False),
        ("", False),
    ],
)
def test_throttling_is_told_from_other_refusals(code: str, expected: bool) -> None:
    from botocore.exceptions import ClientError

    assert clients.is_throttling(ClientError({"Error": {"Code": code}}, "Publish")) is expected


def test_clients_go_where_the_platform_says() -> None:
    with configured(AWS_ENDPOINT_URL="http://127.0.0.1:4566"):
        assert clients.client("secretsmanager").meta.endpoint_url == "http://127.0.0.1:4566"
    assert clients.client("secretsmanager").meta.endpoint_url == "https://secretsmanager.eu-central-1.amazonaws.com"
