"""The environment of one Lambda function, played in this process: its variables, and what it keeps between requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

OURS = (
    "ALLOWED_ORIGINS", "ASSISTANT_DAILY_TOKENS", "ASSISTANT_EMBEDDING_MODEL_ID", "ASSISTANT_GUARDRAIL_ID",
    "ASSISTANT_GUARDRAIL_VERSION", "ASSISTANT_MODEL_ID", "ASSISTANT_REGION", "AWS_CHALICE_CLI_MODE", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_PROFILE", "BUS_NAME", "CACHE_URL", "DATABASE_CA_FILE", "DATABASE_HOST",
    "DATABASE_NAME", "DATABASE_POOL_SIZE", "DATABASE_PORT", "DATABASE_SECRET_ARN", "DATABASE_TLS", "DATABASE_URL",
    "DATABASE_USER", "JWKS_URL", "MAIL_CONFIGURATION_SET", "MAIL_FROM", "MEDIA_BUCKET", "ORDER_EVENTS_TOPIC_ARN",
    "ORIGIN_SECRET_ARN", "PARTIAL_BATCH", "PREFERENCES_URL", "PUSH_APNS_ARN", "PUSH_FCM_ARN", "RATE_LIMITS",
    "REALTIME_ENDPOINT", "REALTIME_URL", "REFUND_WORKFLOW_ARN", "STAGE", "TABLE_NAME", "TABLE_STREAM_ARN",
    "TOKEN_ISSUER", "USER_POOL_ARN", "USER_POOL_CLIENT_ID", "USER_POOL_ID", "VERSION",
)  # fmt: skip

ALWAYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "POWERTOOLS_METRICS_DISABLED": "true",
}


@contextmanager
def configured(**variables: str) -> Iterator[None]:
    """A new execution environment with these variables and none of the developer's; the old one comes back after."""
    before = dict(os.environ)
    for name in OURS:
        os.environ.pop(name, None)
    os.environ.update(ALWAYS | variables)
    forget()
    try:
        yield
    finally:
        forget()
        os.environ.clear()
        os.environ.update(before)


def run_python(code: str, **variables: str) -> str:
    """What `code` prints in a fresh interpreter, in the project's folder and with these variables alone."""
    environment = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path), "LOG_LEVEL": "CRITICAL", **variables}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def forget() -> None:
    """Drops whatever the process keeps between requests, as the end of an execution environment does."""
    if engine := sys.modules.get("chalicelib.database.engine"):
        if engine.engine.cache_info().currsize:
            engine.engine().dispose()
        engine.engine.cache_clear()
        engine._tls.cache_clear()
    if cache := sys.modules.get("chalicelib.cache"):
        cache._client.cache_clear()
        cache._breaker.reset()
    if relay := sys.modules.get("chalicelib.messaging.relay"):
        relay._breaker.reset()
    if queues := sys.modules.get("chalicelib.messaging.queues"):
        queues.url.cache_clear()
    if tokens := sys.modules.get("chalicelib.web.tokens"):
        tokens._keys.cache_clear()
    if secrets := sys.modules.get("chalicelib.secrets"):
        secrets._provider.cache_clear()
        secrets._last_good.clear()
    if clients := sys.modules.get("chalicelib.clients"):
        clients.client.cache_clear()
        clients._session.cache_clear()
    if config := sys.modules.get("chalicelib.config"):
        config.current.cache_clear()
