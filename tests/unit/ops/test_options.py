"""The arguments of the commands."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.messaging import schemas
from local.progress import Problem
from ops import __main__, account, options


def parsed(*arguments: str) -> Namespace:
    return options.parser().parse_args(arguments)


def test_a_redrive_is_a_dry_run_unless_it_is_told_to_execute() -> None:
    assert parsed("dead-letters", "redrive", "emails").execute is False
    assert parsed("dead-letters", "redrive", "emails", "--execute").execute is True


def test_a_redrive_is_bounded_as_the_function_bounds_it() -> None:
    assert parsed("dead-letters", "redrive", "emails").limit == schemas.MOST_MESSAGES == options.MOST_MESSAGES


def test_messages_may_be_named_one_by_one() -> None:
    named = parsed("dead-letters", "redrive", "emails", "--message-id", "a", "--message-id", "b")

    assert named.message_id == ["a", "b"]


@pytest.mark.parametrize(("text", "age"), [("90s", 90), ("30m", 1800), ("6h", 21_600), ("2d", 172_800)])
def test_an_age_has_a_unit(text: str, age: int) -> None:
    assert parsed("trace", "some-request", "--since", text).since == timedelta(seconds=age)


@pytest.mark.parametrize("text", ["2026-12-01T02:00+01:00", "2026-12-01T01:00Z", "2026-12-01T06:30:00+05:30"])
def test_a_start_has_a_time_with_a_zone(text: str) -> None:
    assert parsed("jobs", "start", "index-search", "--at", text).at == datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2026-12-01T02:00", "2026-12-01T02:00 has no time zone"),
        ("2026-12-01", "2026-12-01 has no time zone"),
        ("2026-12-01T02:00:30Z", "leave the seconds out"),
        ("2026-12-01T02:00+01:00:30", "leave the seconds out"),
        ("tomorrow", "a time such as 2026-12-01T02:00+01:00 is expected"),
    ],
)
def test_another_time_is_a_usage_error(text: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("jobs", "start", "index-search", "--at", text)

    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stage", "nowhere", "trace", "some-request"),
        ("trace", "some-request", "--since", "2"),
        ("trace", "some-request", "--since", "-2h"),
        ("trace", "some-request", "--wait", "-1"),
        ("trace", "some-request", "--wait", "nan"),
        ("dead-letters", "redrive", "emails", "--limit", "0"),
        ("dead-letters", "redrive", "emails", "--limit", "101"),
        ("dead-letters", "redrive"),
        ("dead-letters",),
        ("jobs",),
        ("jobs", "start"),
        ("jobs", "cancel"),
        (),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)

    assert ended.value.code == 2
    assert "usage: python -m ops" in capsys.readouterr().err


def test_a_profile_is_not_used_for_the_laptop() -> None:
    with pytest.raises(Problem, match="are for a stage on AWS"):
        account.of(parsed("--profile", "production", "trace", "some-request"))


def test_an_interrupted_command_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Namespace) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ops.trace.run", interrupted)

    assert __main__.main(["trace", "some-request"]) == 130
    assert capsys.readouterr() == ("", "")
