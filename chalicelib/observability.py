"""Logs, metrics and traces, set up once for every function.

Log lines are JSON and carry the correlation id of the request or message they belong to. Nothing personal goes into a
log: code logs ids and counts, and a filter on the way out masks whatever looks like an e-mail address or a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib import config
from chalicelib.ids import new_id

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import Metrics

SERVICE = "marketplace"
NAMESPACE = "Marketplace"

_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_PERSONAL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+|eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=Bearer )[\w.~+/-]+")

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


class RedactingFormatter(LambdaPowertoolsFormatter):
    """One JSON line a record, with e-mail addresses and tokens masked."""

    def serialize(self, log: Any) -> str:
        """The line that is written."""
        return _PERSONAL.sub("[redacted]", super().serialize(log))


logger = Logger(
    service=SERVICE,
    level=config.log_level(),
    logger_formatter=RedactingFormatter(utc=True, use_rfc3339=True),
    log_uncaught_exceptions=False,
)


@contextmanager
def correlated(candidate: str | None) -> Iterator[str]:
    """Everything inside belongs to one correlation id: `candidate` when it is well-formed, else a new one."""
    value = candidate if candidate and _WELL_FORMED.fullmatch(candidate) else new_correlation_id()
    token = correlation_id.set(value)
    logger.append_keys(correlation_id=value)
    try:
        yield value
    finally:
        correlation_id.reset(token)
        if outer := correlation_id.get():
            logger.append_keys(correlation_id=outer)
        else:
            logger.remove_keys(["correlation_id"])


def new_correlation_id() -> str:
    """A fresh id, sortable by time (UUIDv7, RFC 9562)."""
    return str(new_id())


def count(name: str, value: float = 1) -> None:
    """Adds to the metric `name` of this invocation; written by `flush_metrics`."""
    from aws_lambda_powertools.metrics import MetricUnit

    _metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def flush_metrics() -> None:
    """Writes what was counted in this invocation as one line in CloudWatch's embedded metric format."""
    if _metrics.cache_info().currsize:
        metrics = _metrics()
        if metrics.metric_set:
            metrics.flush_metrics()


@contextmanager
def traced(name: str) -> Iterator[None]:
    """An X-Ray subsegment called `name` around the block, when this invocation is traced."""
    if not config.is_traced():
        yield
        return
    with _tracer().provider.in_subsegment(name=name) as segment:
        segment.put_annotation("correlation_id", correlation_id.get())
        yield


def load_tracer() -> None:
    """Imports the tracer now where traces can be sent, so that the first request does not wait for it."""
    if config.has_tracing():
        _tracer()


@lru_cache(maxsize=1)
def _metrics() -> Metrics:
    from aws_lambda_powertools.metrics import Metrics

    metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
    metrics.set_default_dimensions(stage=config.stage())
    return metrics


@lru_cache(maxsize=1)
def _tracer() -> Any:
    from aws_lambda_powertools.tracing import Tracer

    return Tracer(service=SERVICE, auto_patch=False)
