"""Starting a job once: times, names, what is asked of Scheduler, and what a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.progress import Problem
from ops import account, jobs, options
from ops.account import Account
from ops.schedules import Schedule, Schedules

NOW = datetime(2026, 11, 23, 4, 0, 30, tzinfo=UTC)
ARN = "arn:aws:ecs:eu-central-1:1:task-definition/marketplace-dev"
TARGET = {
    "Arn": "arn:aws:ecs:eu-central-1:1:cluster/marketplace-dev-jobs",
    "RoleArn": "arn:aws:iam::1:role/scheduler",
    "RetryPolicy": {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 3600},
    "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:1:marketplace-dev-jobs-failed"},
    "EcsParameters": {"TaskDefinitionArn": f"{ARN}-export-catalogue:7", "LaunchType": "FARGATE"},
}
OLD_TARGET = TARGET | {"EcsParameters": {"TaskDefinitionArn": f"{ARN}-export-catalogue:6"}}
ONCE = "export-catalogue-20261201T0100Z"
START = ("start", "export-catalogue", "--at", "2026-12-01T02:00+01:00")


def recurring(name: str = "export-catalogue", **changes: Any) -> dict[str, Any]:
    """A schedule as Scheduler has it, which is off as all are in dev."""
    made = {"Name": name, "ScheduleExpression": "cron(37 2 * * ? *)", "ScheduleExpressionTimezone": "UTC"}
    return made | {"State": "DISABLED", "Target": TARGET} | changes


def once(name: str = ONCE, at: str = "2026-12-01T01:00:00", **changes: Any) -> dict[str, Any]:
    """A schedule that starts a job once."""
    return recurring(name, ScheduleExpression=f"at({at})", State="ENABLED") | changes


class Stage:
    """An account whose Scheduler has `schedules`, or no group of them."""

    def __init__(self, *schedules: dict[str, Any], has_group: bool = True) -> None:
        self.schedules = {each["Name"]: each for each in schedules}
        self.has_group = has_group
        self.made: list[dict[str, Any]] = []
        self.gone: set[str] = set()
        self.refusal = ""

    def client(self, _service: str, **_: Any) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::1:user/operator"}

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, GroupName: str) -> Iterator[dict[str, Any]]:  # noqa: N803  boto3's names
        if not self.has_group:
            raise refused("ResourceNotFoundException")
        assert GroupName.startswith("marketplace-")
        for name in self.schedules:
            yield {"Schedules": [{"Name": name}]}

    def get_schedule(self, GroupName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        if Name in self.gone:
            raise refused("ResourceNotFoundException")
        return self.schedules[Name]

    def create_schedule(self, **asked: Any) -> None:
        if self.refusal:
            raise refused(self.refusal)
        self.made.append(asked)
        self.schedules[asked["Name"]] = asked

    def delete_schedule(self, GroupName: str, Name: str) -> None:  # noqa: N803
        if self.refusal:
            raise refused(self.refusal)
        del self.schedules[Name]


class Frozen(datetime):
    """The clock of the module under test."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return NOW


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW."""
    monkeypatch.setattr(jobs, "datetime", Frozen)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in an account, `dev` unless it is told otherwise."""

    def command(account_: Stage, *words: str, stage: str = "dev") -> None:
        monkeypatch.setattr(account, "of", lambda arguments: Account(arguments.stage, account_))
        jobs.run(options.parser().parse_args(["--stage", stage, "jobs", *words]))

    return command


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "Operation")


# --- times and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "minute"), [("04:00:00", "04:01"), ("04:00:30", "04:01"), ("04:00:41", "04:02"), ("23:59:45", "00:01")]
)
def test_without_a_time_it_is_the_first_minute_that_a_request_reaches(now: str, minute: str) -> None:
    moment = datetime.fromisoformat(f"2026-11-23T{now}+00:00")

    chosen = jobs.beginning(None, moment)

    assert f"{chosen:%H:%M:%S}" == f"{minute}:00"
    assert timedelta(seconds=20) <= chosen - moment <= timedelta(seconds=80)


def test_a_time_is_taken_in_its_zone() -> None:
    at = datetime(2026, 12, 1, 2, 0, tzinfo=timezone(timedelta(hours=1)))

    assert jobs.beginning(at, NOW) == datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
    assert jobs.name_of("export-catalogue", jobs.beginning(at, NOW)) == ONCE


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("2026-11-23T04:00+00:00", "is over"),
        ("2025-12-01T02:00+01:00", "is over"),
        ("0001-01-01T00:00+14:00", "is over"),
        ("2027-11-24T04:01+00:00", "more than a year ahead"),
        ("9999-12-31T23:59-14:00", "more than a year ahead"),
    ],
)
def test_a_time_that_is_over_or_far_away_is_refused(at: str, sentence: str) -> None:
    with pytest.raises(Problem, match=sentence):
        jobs.beginning(datetime.fromisoformat(at), NOW)


def test_a_minute_that_a_request_may_miss_is_refused() -> None:
    at = NOW + timedelta(seconds=30)

    assert jobs.beginning(at, at - timedelta(seconds=20)) == at
    with pytest.raises(Problem, match="less than 20 seconds ahead"):
        jobs.beginning(at, at - timedelta(seconds=19))


def test_a_year_from_now_is_within_a_year() -> None:
    at = NOW.replace(year=2027, second=0)

    assert jobs.beginning(at, NOW) == at


def test_a_time_of_a_schedule_is_read_in_its_zone() -> None:
    berlin = Schedule("x", "at(2026-12-01T02:00:00)", "Europe/Berlin", "ENABLED", TARGET)

    assert berlin.begins == datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


# --- start ------------------------------------------------------------------------------------------------------------


def test_a_start_is_a_schedule_of_its_own_with_the_target_of_the_jobs(run: Any) -> None:
    stage = Stage(recurring())

    run(stage, *START)

    assert stage.made == [
        {
            "GroupName": "marketplace-dev-jobs",
            "Name": ONCE,
            "Description": "export-catalogue once, for arn:aws:iam::1:user/operator",
            "ScheduleExpression": "at(2026-12-01T01:00:00)",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Target": TARGET,
        }
    ]


def test_a_start_says_what_it_made_where_its_log_is_and_how_to_take_it_back(
    run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Stage(recurring()), *START)

    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("export-catalogue starts once, in the minute of ")
    assert lines == [
        f"schedule   {ONCE}",
        "log        /marketplace/dev/jobs, streams export-catalogue/…",
        "failures   the queue marketplace-dev-jobs-failed",
        f"to cancel  python -m ops --stage dev jobs cancel {ONCE}",
    ]


def test_the_same_job_at_the_same_minute_is_one_start(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(recurring())

    run(stage, *START)
    run(stage, "start", "export-catalogue", "--at", "2026-12-01T01:00Z")

    assert len(stage.made) == 1
    assert "nothing was done: twice at one minute is one start" in capsys.readouterr().out


def test_two_operators_at_once_are_one_start(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(recurring())
    stage.refusal = "ConflictException"

    run(stage, *START, "--json")

    answer = json.loads(capsys.readouterr().out)
    assert (answer["name"], answer["made"]) == (ONCE, False)


def test_a_start_in_about_a_minute_is_not_doubled_a_moment_later(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(recurring())

    for now in (NOW, NOW + timedelta(seconds=15), NOW + timedelta(seconds=71)):
        monkeypatch.setattr(Frozen, "now", lambda tz=None, now=now: now)
        run(stage, "start", "export-catalogue")

    assert [each["Name"][-6:] for each in stage.made] == ["T0401Z", "T0403Z"]


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        (once(State="DISABLED"), "is there already, but is disabled.\nCancel it first: jobs cancel export"),
        (once(Target=OLD_TARGET), "is there already, but starts marketplace-dev-export-catalogue:6, which"),
    ],
)
def test_a_start_that_would_not_happen_is_no_start(run: Any, there: dict[str, Any], sentence: str) -> None:
    stage = Stage(recurring(), there)

    with pytest.raises(Problem, match=sentence):
        run(stage, *START)

    assert stage.made == []


def test_an_unknown_job_names_those_that_there_are(run: Any) -> None:
    stage = Stage(recurring(), recurring("index-search"), once())

    for name in ("export", ONCE):
        with pytest.raises(Problem) as problem:
            run(stage, "start", name)
        assert str(problem.value) == f"The stage dev has no job '{name}'.\nIt has export-catalogue, index-search."


@pytest.mark.parametrize("words", [("list",), ("start", "export-catalogue"), ("cancel", ONCE)])
@pytest.mark.parametrize("has_group", [True, False])
def test_a_stage_whose_jobs_have_no_image_says_what_to_do(run: Any, words: tuple[str, ...], has_group: bool) -> None:
    with pytest.raises(Problem) as problem:
        run(Stage(has_group=has_group), *words)

    assert problem.value.what.startswith("The stage dev has no jobs")
    assert "python -m infra deploy --stage dev --stacks jobs --parameter jobs.ImageDigest=" in problem.value.advice


def test_a_job_that_lost_its_image_is_not_started(run: Any) -> None:
    with pytest.raises(Problem, match="The stage dev has no jobs"):
        run(Stage(once()), *START)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("start", "index-search"), "index-search"),
        (("start", "x; rm"), "'x; rm'"),
        (("list",), "--help"),
        (("cancel", ONCE), "--help"),
    ],
)
def test_on_the_laptop_a_job_is_a_process(run: Any, words: tuple[str, ...], command: str) -> None:
    with pytest.raises(Problem) as problem:
        run(Stage(), *words, stage="local")

    assert problem.value.what == "Nothing schedules jobs on the laptop: there, a job is a process that you start."
    assert problem.value.advice.splitlines()[1] == f"python -m chalicelib.jobs {command}"


# --- list and cancel --------------------------------------------------------------------------------------------------


def test_schedules_are_listed_with_what_they_start(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(Stage(recurring(), once(ScheduleExpressionTimezone="Europe/Berlin")), "list")

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    task = "marketplace-dev-export-catalogue:7"
    assert ["export-catalogue", "cron(37", "2", "*", "*", "?", "*)", "UTC", "DISABLED", task] in rows
    assert [ONCE, "at(2026-12-01T01:00:00)", "Europe/Berlin", "ENABLED", task] in rows


def test_a_start_of_what_a_job_was_before_is_marked(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    later = "export-catalogue-20261202T0100Z"
    stage = Stage(recurring(), once(Target=OLD_TARGET), once(later))

    run(stage, "list", "--json")
    listed = json.loads(capsys.readouterr().out)["schedules"]
    run(stage, "list")

    assert {each["name"]: each["outdated"] for each in listed} == {"export-catalogue": False, ONCE: True, later: False}
    assert [each["name"] for each in listed if each["once"]] == [ONCE, later]
    assert f"{ONCE} starts what its job was before" in capsys.readouterr().out


def test_what_is_gone_since_it_was_listed_is_left_out() -> None:
    stage = Stage(recurring(), once())
    stage.gone.add(ONCE)

    assert [each.name for each in Schedules(Account("dev", stage)).all()] == ["export-catalogue"]


def test_a_start_is_taken_back(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(recurring(), once())

    run(stage, "cancel", ONCE)

    assert set(stage.schedules) == {"export-catalogue"}
    assert capsys.readouterr().out == f"{ONCE} is cancelled\n"


def test_a_start_whose_time_is_over_may_have_happened(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(Stage(recurring(), once(at="2026-11-23T04:00:00")), "cancel", ONCE)

    assert "may have been started" in capsys.readouterr().out


def test_a_recurring_schedule_is_never_cancelled(run: Any) -> None:
    stage = Stage(recurring(), once())

    with pytest.raises(Problem) as problem:
        run(stage, "cancel", "export-catalogue")

    assert set(stage.schedules) == {"export-catalogue", ONCE}
    assert str(problem.value) == (
        "export-catalogue is the recurring schedule of a job, which the stack alone changes.\n"
        f"To be cancelled there are: {ONCE}."
    )


def test_what_does_not_wait_is_not_cancelled(run: Any) -> None:
    with pytest.raises(Problem, match=r"Nothing called 'nothing' waits[^\n]*\nThere is nothing to cancel"):
        run(Stage(recurring()), "cancel", "nothing")


def test_what_starts_while_it_is_cancelled_is_told(run: Any) -> None:
    stage = Stage(recurring(), once())
    stage.refusal = "ResourceNotFoundException"

    with pytest.raises(Problem, match="it has started"):
        run(stage, "cancel", ONCE)


@pytest.mark.parametrize("words", [START, ("cancel", ONCE)])
def test_a_refusal_is_told_as_every_other(run: Any, words: tuple[str, ...]) -> None:
    stage = Stage(recurring(), *([once()] if words[0] == "cancel" else []))
    stage.refusal = "AccessDeniedException"

    with pytest.raises(Problem, match="AWS denies it: because"):
        run(stage, *words)
