from __future__ import annotations

import os

import pytest

from chalicelib import config
from chalicelib.config import ConfigurationError, RateLimit
from tests.environment import configured

SECRET = "s3cr3t-value"


def test_everything_has_a_default_for_the_laptop() -> None:
    settings = config.read({})

    assert settings.stage == "local"
    assert settings.region == "eu-central-1"
    assert settings.table_name == settings.bus_name == "marketplace-local"
    assert settings.cache_url == ""
    assert settings.allowed_origins == ()
    assert settings.rate_limits == {"read": RateLimit(600, 60), "write": RateLimit(120, 60)}


def test_the_database_is_reached_over_verified_tls_on_one_connection_unless_it_is_told_otherwise() -> None:
    assert config.read({}).database.tls is True
    assert config.read({}).database.pool_size == 1
    assert config.read({"DATABASE_TLS": "disable"}).database.tls is False


def test_issuer_and_keys_follow_from_region_and_pool() -> None:
    settings = config.read({"AWS_REGION": "us-east-1", "USER_POOL_ID": "us-east-1_abc"})

    assert settings.token_issuer == "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
    assert settings.jwks_url == f"{settings.token_issuer}/.well-known/jwks.json"


def test_origins_and_limits_are_lists() -> None:
    settings = config.read(
        {"ALLOWED_ORIGINS": "https://a.example, https://b.example,", "RATE_LIMITS": "read=1/2,write=3/4,x=5/6"}
    )

    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.rate_limits == {"read": RateLimit(1, 2), "write": RateLimit(3, 4), "x": RateLimit(5, 6)}


@pytest.mark.parametrize("none", ["", "none", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none"])
def test_a_stage_without_an_edge_has_no_secret_of_it(none: str) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marketplace/dev/edge/origin-AbCdEf"

    assert config.read({"ORIGIN_SECRET_ARN": none}).origin_secret == ""
    assert config.read({"ORIGIN_SECRET_ARN": arn}).origin_secret == arn


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STAGE", SECRET),
        ("STAGE", "Prod"),
        ("DATABASE_TLS", SECRET),
        ("DATABASE_TLS", "require"),
        ("DATABASE_PORT", SECRET),
        ("DATABASE_PORT", "0"),
        ("DATABASE_PORT", "-1"),
        ("DATABASE_POOL_SIZE", "1.5"),
        ("DATABASE_POOL_SIZE", "0"),
        ("RATE_LIMITS", SECRET),
        ("RATE_LIMITS", "read=0/60"),
        ("RATE_LIMITS", "read=60"),
        ("RATE_LIMITS", "read=1/0"),
        ("RATE_LIMITS", "read=1/60,,write=1/60"),
        ("RATE_LIMITS", "read=1/60"),
        ("RATE_LIMITS", "write=1/60"),
        ("RATE_LIMITS", "=1/60"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable) as refusal:
        config.read({variable: value})

    assert value not in str(refusal.value).replace("read=600/60,write=120/60", "")


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"STAGE.*DATABASE_TLS.*DATABASE_PORT") as refusal:
        config.read({"STAGE": SECRET, "DATABASE_TLS": SECRET, "DATABASE_PORT": SECRET})

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("value", ["", "none"])
def test_a_stage_can_say_that_it_has_no_cache(value: str) -> None:
    assert config.read({"CACHE_URL": value}).cache_url == ""


def test_a_cache_url_of_another_kind_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="CACHE_URL") as refusal:
        config.read({"CACHE_URL": f"http://{SECRET}"})

    assert SECRET not in str(refusal.value)


def test_secrets_are_not_part_of_how_settings_look() -> None:
    settings = config.read(
        {"DATABASE_URL": f"postgresql://u:{SECRET}@h/d", "CACHE_URL": f"rediss://:{SECRET}@h:6379/0"}
    )

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.database)


def test_settings_are_read_once_and_again_in_a_new_environment() -> None:
    assert config.current() is config.current()
    with configured(STAGE="prod"):
        assert config.current().stage == "prod"
    assert config.current().stage == "local"


def test_a_test_environment_hides_the_developers_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", SECRET)

    with configured():
        assert "DATABASE_URL" not in os.environ
    assert os.environ["DATABASE_URL"] == SECRET


def test_the_user_pool_of_a_stock_deployment_is_resolved_by_cloudformation() -> None:
    with configured(STAGE="dev"):
        assert config.user_pool_arn() == "{{resolve:ssm:/marketplace/dev/users/pool-arn}}"
    with configured(USER_POOL_ARN="arn:aws:cognito-idp:eu-central-1:1:userpool/x"):
        assert config.user_pool_arn().startswith("arn:")


def test_chalice_local_is_recognised_only_outside_lambda() -> None:
    with configured(AWS_CHALICE_CLI_MODE="true"):
        assert config.is_chalice_local()
    with configured(AWS_CHALICE_CLI_MODE="true", AWS_LAMBDA_FUNCTION_NAME="marketplace-dev-api_handler"):
        assert not config.is_chalice_local()
    assert not config.is_chalice_local()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"PUSH_FCM_ARN": "none", "PUSH_APNS_ARN": ""}, {}),
        ({"PUSH_FCM_ARN": "arn:fcm", "PUSH_APNS_ARN": "none"}, {"fcm": "arn:fcm"}),
        ({"PUSH_FCM_ARN": "arn:fcm", "PUSH_APNS_ARN": "arn:apns"}, {"fcm": "arn:fcm", "apns": "arn:apns"}),
    ],
)
def test_a_stage_has_the_push_services_that_it_names(given: dict[str, str], expected: dict[str, str]) -> None:
    assert config.read(given).push_applications == expected


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False), ("", False), ("True", False)])
def test_a_report_of_failed_messages_is_read_only_where_the_build_says_so(value: str, *, expected: bool) -> None:
    with configured(PARTIAL_BATCH=value):
        assert config.reports_partial_batches() is expected
    assert config.reports_partial_batches() is False


def test_functions_call_each_other_by_the_alias_that_the_build_names() -> None:
    with configured(STAGE="prod", FUNCTION_ALIAS="live"):
        assert config.callable_name("answer_question") == "marketplace-prod-answer_question:live"
    assert config.callable_name("answer_question") == "marketplace-local-answer_question"


def test_queues_and_topics_have_the_name_of_their_stage() -> None:
    assert config.resource_name("orders.fifo") == "marketplace-local-orders.fifo"
    with configured(STAGE="prod"):
        assert config.resource_name("orders.fifo") == "marketplace-prod-orders.fifo"
