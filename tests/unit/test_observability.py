from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from chalicelib import observability
from chalicelib.observability import correlated, correlation_id, logger
from chalicelib.web import application
from tests.environment import configured
from tests.log_lines import LogLines

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x"
PERSONAL = [
    "person@example.com",
    "first.last+tag%x@sub.example.co.uk",
    "UPPER@EXAMPLE.COM",
    "jürgen@exämple.de",
    TOKEN,
    TOKEN.rpartition(".")[0] + ".",
    "Bearer opaque.Token~+/-_123",
]


@pytest.mark.parametrize("secret", PERSONAL)
def test_an_address_or_a_token_does_not_reach_the_log(secret: str, logs: LogLines) -> None:
    logger.info(f"message with {secret} inside")
    logger.info("extra", extra={"field": secret, "nested": {"list": [secret]}})
    logger.info({"dictionary": secret})
    logger.append_keys(kept=secret)
    logger.info("kept")
    logger.remove_keys(["kept"])
    try:
        int(secret)
    except ValueError:
        logger.exception("failed")

    assert len(logs.records) == 5
    assert secret.removeprefix("Bearer ") not in logs.text
    assert logs.text.count("[redacted]") >= 6


def test_what_is_not_personal_is_logged_as_it_is(logs: LogLines) -> None:
    logger.info("request", extra={"route": "GET /products/{product_id}", "status": 200, "milliseconds": 1.5})

    record = logs.records[0]
    assert record["route"] == "GET /products/{product_id}"
    assert record["status"] == 200
    assert record["service"] == "marketplace"
    assert record["timestamp"].endswith("+00:00")


def test_a_line_break_in_a_value_does_not_make_a_second_line(logs: LogLines) -> None:
    logger.info('x\n{"level":"ERROR","message":"forged"}\r\x1b[31m', extra={"field": "a\nb"})

    assert len(logs.text.splitlines()) == 1
    assert logs.records[0]["level"] == "INFO"


def test_everything_within_a_request_carries_its_correlation_id(logs: LogLines) -> None:
    with correlated("request-0001") as given:
        logger.info("inside")
    logger.info("outside")

    assert given == "request-0001"
    assert logs.records[0]["correlation_id"] == "request-0001"
    assert "correlation_id" not in logs.records[1]
    assert correlation_id.get() == ""


def test_work_within_work_has_an_id_of_its_own_and_then_the_outer_one_again(logs: LogLines) -> None:
    with correlated("invocation-0001"):
        for inner in ("message-0001", "message-0002"):
            with correlated(inner):
                logger.info("inside")
            logger.info("between")
    logger.info("after")

    ids = [record.get("correlation_id") for record in logs.records]
    assert ids == ["message-0001", "invocation-0001", "message-0002", "invocation-0001", None]
    assert correlation_id.get() == ""


def test_work_within_work_gives_the_outer_id_back_when_it_fails(logs: LogLines) -> None:
    with correlated("invocation-0001"):
        with pytest.raises(RuntimeError), correlated("message-0001"):
            raise RuntimeError
        logger.info("after")

    assert logs.records[0]["correlation_id"] == "invocation-0001"


def test_the_correlation_id_goes_when_the_request_fails(logs: LogLines) -> None:
    with pytest.raises(RuntimeError), correlated("request-0001"):
        raise RuntimeError

    logger.info("after")
    assert "correlation_id" not in logs.records[0]
    assert correlation_id.get() == ""


@pytest.mark.parametrize(
    "candidate", ["12345678", "a" * 64, "A-b_c.D-1234", "Root-1-67891233-abcdef012345678912345678"]
)
def test_a_well_formed_correlation_id_is_kept(candidate: str) -> None:
    with correlated(candidate) as value:
        assert value == candidate


@pytest.mark.parametrize(
    "candidate", [None, "", "1234567", "a" * 65, "a b c d e f", "a=b;c=d1", "ääääääää", "abcdefgh\n"]
)
def test_a_malformed_correlation_id_is_replaced_by_a_new_one(candidate: str | None) -> None:
    with correlated(candidate) as value:
        assert value != candidate
        assert len(value) == 36


def test_a_function_without_a_request_is_correlated_by_its_invocation(logs: LogLines) -> None:
    context = SimpleNamespace(aws_request_id="4e9f2a3c-0000-4000-8000-000000000000")

    application._observed(SimpleNamespace(context=context), lambda _: logger.info("inside"))

    assert logs.records[0]["correlation_id"] == context.aws_request_id


def test_what_was_counted_is_written_once_in_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(POWERTOOLS_METRICS_DISABLED="false"):
        observability.count("CacheMisses")
        observability.flush_metrics()
        capsys.readouterr()
        observability.count("CacheHits")
        observability.count("CacheHits")
        observability.flush_metrics()
        observability.flush_metrics()

    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    assert written["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Marketplace"
    assert written["CacheHits"] == [1.0, 1.0]
    assert written["service"] == "marketplace"
    assert written["stage"] == "local"
    assert "CacheMisses" not in written


def test_without_a_trace_a_block_runs_as_if_nothing_was_there() -> None:
    with observability.traced("GET /products"):
        pass


def test_the_level_can_be_set() -> None:
    assert logger.log_level == logging.INFO
