"""The settings of this execution environment, read from environment variables and nowhere else.

`current()` validates once and raises `ConfigurationError` with every problem it found, so that a wrong setting stops a
deployment at its first request with a sentence instead of failing later with a stack trace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

STAGES = ("local", "dev", "staging", "prod")
DEFAULT_RATE_LIMITS = "read=600/60,write=120/60"
DEFAULT_MODEL_ID = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
DEFAULT_DAILY_TOKENS = 100_000


class ConfigurationError(RuntimeError):
    """A setting is missing or malformed. The message names the variable, never its value."""


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` in `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL is and how to be let in: a URL, a secret, or IAM (in this order of precedence)."""

    url: str = field(default="", repr=False)
    secret: str = ""
    host: str = ""
    port: int = 5432
    name: str = "marketplace"
    user: str = ""
    tls: bool = True
    ca_file: str = ""
    pool_size: int = 1


@dataclass(frozen=True)
class Assistant:
    """Which models of Amazon Bedrock answer, where, under which guardrail, and how much a person may use of them a day.

    `guardrail_id` and `embedding_model_id` are empty where there is none; `daily_tokens` counts input and output.
    """

    model_id: str
    region: str
    guardrail_id: str
    guardrail_version: str
    embedding_model_id: str
    daily_tokens: int


@dataclass(frozen=True)
class Settings:
    """Everything configurable, validated."""

    stage: str
    version: str
    region: str
    allowed_origins: tuple[str, ...]
    rate_limits: Mapping[str, RateLimit]
    database: Database
    cache_url: str = field(repr=False)
    user_pool_id: str
    user_pool_client_id: str
    token_issuer: str
    jwks_url: str
    table_name: str
    bus_name: str
    order_events_topic_arn: str
    mail_from: str
    mail_configuration_set: str
    preferences_url: str
    push_applications: Mapping[str, str]
    media_bucket: str
    realtime_endpoint: str
    realtime_url: str
    origin_secret: str
    refund_workflow_arn: str
    assistant: Assistant


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process. Raises `ConfigurationError` naming every variable that is wrong."""
    return read(os.environ)


def stage() -> str:
    """The stage's name alone, for what is decided while the app is declared (also on a build machine)."""
    return os.environ.get("STAGE", "local")


def resource_name(name: str) -> str:
    """The agreed name of a queue or topic of this stage, also on a build machine."""
    return f"marketplace-{stage()}-{name}"


def callable_name(function: str) -> str:
    """What to call another function of this stage by: its alias, where the build has told that it has one."""
    alias = os.environ.get("FUNCTION_ALIAS", "")
    return resource_name(f"{function}:{alias}" if alias else function)


def reports_partial_batches() -> bool:
    """Whether the queues of this function read its report of failed messages; the build says so where they do."""
    return os.environ.get("PARTIAL_BATCH") == "true"


def user_pool_arn() -> str:
    """The user pool of stock Chalice's REST authorizer: given, or resolved by CloudFormation at deployment."""
    return os.environ.get("USER_POOL_ARN") or f"{{{{resolve:ssm:/marketplace/{stage()}/users/pool-arn}}}}"


def table_stream_arn() -> str:
    """The stream of the table: given, or resolved by CloudFormation at deployment."""
    return os.environ.get("TABLE_STREAM_ARN") or f"{{{{resolve:ssm:/marketplace/{stage()}/data/stream-arn}}}}"


def log_level() -> str:
    """The lowest level that is logged."""
    return os.environ.get("LOG_LEVEL", "INFO").upper()


def function_name() -> str:
    """The Lambda function this process serves; empty outside Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")


def is_chalice_local() -> bool:
    """Whether `chalice local` serves the app: it decodes tokens without verifying them."""
    return "AWS_CHALICE_CLI_MODE" in os.environ and not function_name()


def has_tracing() -> bool:
    """Whether traces can be sent from here: Lambda says where X-Ray's daemon is."""
    return bool(os.environ.get("AWS_XRAY_DAEMON_ADDRESS"))


def is_traced() -> bool:
    """Whether this invocation belongs to a trace."""
    return has_tracing() and "_X_AMZN_TRACE_ID" in os.environ


def read(env: Mapping[str, str]) -> Settings:
    """Settings from `env`. Raises `ConfigurationError`."""
    problems: list[str] = []
    name = env.get("STAGE", "local")
    if name not in STAGES:
        problems.append(f"STAGE must be one of {', '.join(STAGES)}")
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "eu-central-1"
    pool = env.get("USER_POOL_ID", "")
    issuer = env.get("TOKEN_ISSUER") or f"https://cognito-idp.{region}.amazonaws.com/{pool}"
    settings = Settings(
        stage=name,
        version=env.get("VERSION", "development"),
        region=region,
        allowed_origins=tuple(origin.strip() for origin in env.get("ALLOWED_ORIGINS", "").split(",") if origin.strip()),
        rate_limits=_rate_limits(env.get("RATE_LIMITS") or DEFAULT_RATE_LIMITS, problems),
        database=_database(env, problems),
        cache_url=_cache_url(env, problems),
        user_pool_id=pool,
        user_pool_client_id=env.get("USER_POOL_CLIENT_ID", ""),
        token_issuer=issuer,
        jwks_url=env.get("JWKS_URL") or f"{issuer}/.well-known/jwks.json",
        table_name=env.get("TABLE_NAME", f"marketplace-{name}"),
        bus_name=env.get("BUS_NAME", f"marketplace-{name}"),
        order_events_topic_arn=env.get("ORDER_EVENTS_TOPIC_ARN", ""),
        mail_from=env.get("MAIL_FROM", "orders@marketplace.example"),
        mail_configuration_set=env.get("MAIL_CONFIGURATION_SET", f"marketplace-{name}"),
        preferences_url=env.get("PREFERENCES_URL", "https://marketplace.example/preferences"),
        push_applications=_push_applications(env),
        media_bucket=env.get("MEDIA_BUCKET", f"marketplace-{name}-media"),
        realtime_endpoint=env.get("REALTIME_ENDPOINT", ""),
        realtime_url=env.get("REALTIME_URL", ""),
        origin_secret=_origin_secret(env),
        refund_workflow_arn=env.get("REFUND_WORKFLOW_ARN", ""),
        assistant=_assistant(env, region, problems),
    )
    if problems:
        raise ConfigurationError("; ".join(problems))
    return settings


def _database(env: Mapping[str, str], problems: list[str]) -> Database:
    tls = env.get("DATABASE_TLS", "verify-full")
    if tls not in {"verify-full", "disable"}:
        problems.append("DATABASE_TLS must be verify-full or disable")
    return Database(
        url=env.get("DATABASE_URL", ""),
        secret=env.get("DATABASE_SECRET_ARN", ""),
        host=env.get("DATABASE_HOST", ""),
        port=_integer(env, "DATABASE_PORT", 5432, problems),
        name=env.get("DATABASE_NAME", "marketplace"),
        user=env.get("DATABASE_USER", ""),
        tls=tls != "disable",
        ca_file=env.get("DATABASE_CA_FILE", ""),
        pool_size=_integer(env, "DATABASE_POOL_SIZE", 1, problems),
    )


def _cache_url(env: Mapping[str, str], problems: list[str]) -> str:
    """The cache's URL; `none` says that there is none where the variable cannot be empty (an SSM parameter cannot)."""
    url = _unless_none(env.get("CACHE_URL"))
    if url and not url.startswith(("redis://", "rediss://")):
        problems.append("CACHE_URL must be a redis:// or rediss:// URL, or none")
    return url


def _origin_secret(env: Mapping[str, str]) -> str:
    """The secret's ARN. Policies take nothing but ARNs, so that of a secret called `none` says that there is none."""
    arn = _unless_none(env.get("ORIGIN_SECRET_ARN"))
    return "" if arn.endswith(":secret:none") else arn


def _assistant(env: Mapping[str, str], region: str, problems: list[str]) -> Assistant:
    return Assistant(
        model_id=env.get("ASSISTANT_MODEL_ID", DEFAULT_MODEL_ID),
        region=env.get("ASSISTANT_REGION") or region,
        guardrail_id=_unless_none(env.get("ASSISTANT_GUARDRAIL_ID")),
        guardrail_version=env.get("ASSISTANT_GUARDRAIL_VERSION") or "DRAFT",
        embedding_model_id=_unless_none(env.get("ASSISTANT_EMBEDDING_MODEL_ID")),
        daily_tokens=_integer(env, "ASSISTANT_DAILY_TOKENS", DEFAULT_DAILY_TOKENS, problems),
    )


def _push_applications(env: Mapping[str, str]) -> dict[str, str]:
    """The SNS platform application of each push service that this stage has; `none` says that there is none."""
    given = {"fcm": _unless_none(env.get("PUSH_FCM_ARN")), "apns": _unless_none(env.get("PUSH_APNS_ARN"))}
    return {platform: arn for platform, arn in given.items() if arn}


def _unless_none(value: str | None) -> str:
    """The value; empty where it is missing or `none`."""
    return "" if value in {None, "none"} else str(value)


def _integer(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if text.isdecimal() and int(text) > 0:
        return int(text)
    problems.append(f"{name} must be a positive integer")
    return default


def _rate_limits(text: str, problems: list[str]) -> dict[str, RateLimit]:
    limits: dict[str, RateLimit] = {}
    for part in text.split(","):
        name, _, rate = part.strip().partition("=")
        requests, _, seconds = rate.partition("/")
        if not (requests.isdecimal() and seconds.isdecimal() and int(requests) > 0 and int(seconds) > 0):
            problems.append("RATE_LIMITS must look like read=600/60,write=120/60")
            return limits
        limits[name] = RateLimit(int(requests), int(seconds))
    if not {"read", "write"} <= limits.keys():
        problems.append("RATE_LIMITS must limit read and write")
    return limits
