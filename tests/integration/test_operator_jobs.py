"""`python -m ops jobs` as processes, over a group of schedules in the running system whose job sends a message.

The job is asked for at the beginning and looked at when everything else is done: its minute passes meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from local import aws
from local.stacks import PREFIX
from tests.integration.operators import Command, answer_of
from tests.integration.waiting import until
from tests.stack import Stack

GROUP = f"{PREFIX}jobs"
JOB = "export-catalogue"
MESSAGE = {"job": JOB}


def test_a_laptop_without_schedules_prints_how_a_job_runs_there(ops: Command) -> None:
    listed, started = ops("jobs", "list"), ops("jobs", "start", JOB)

    assert [(run.returncode, run.stdout) for run in (listed, started)] == [(1, "")] * 2
    assert listed.stderr.startswith("Nothing schedules jobs on the laptop: ")
    assert started.stderr.endswith(f"\npython -m chalicelib.jobs {JOB}\n")


@pytest.fixture(scope="session")
def queue(stack: Stack) -> Iterator[str]:
    """The URL of a queue that gets a message for each start of the job, whose recurring schedule is off."""
    scheduler, sqs, name = stack.client("scheduler"), stack.client("sqs"), f"started-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    scheduler.create_schedule_group(Name=GROUP)
    scheduler.create_schedule(
        GroupName=GROUP,
        Name=JOB,
        ScheduleExpression="cron(37 2 * * ? *)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        State="DISABLED",
        Target={"Arn": arn, "RoleArn": f"arn:aws:iam::{aws.ACCOUNT}:role/scheduler", "Input": json.dumps(MESSAGE)},
    )
    yield url
    scheduler.delete_schedule_group(Name=GROUP)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture(scope="session")
def started(queue: str, ops: Command) -> dict[str, Any]:
    """What the command said of a start in about a minute."""
    return answer_of(ops("jobs", "start", JOB, "--json"))


@pytest.fixture
def later(queue: str, ops: Command) -> Iterator[str]:
    """A time to start at that is far away; what was made for it is gone afterwards."""
    moment = (datetime.now(UTC) + timedelta(days=300)).replace(second=0, microsecond=0)
    yield moment.isoformat()
    for each in schedules(ops):
        if each["name"].endswith(f"{moment:%Y%m%dT%H%MZ}"):
            ops("jobs", "cancel", each["name"])


def test_a_start_is_made_with_what_the_jobs_schedule_starts(
    stack: Stack, started: dict[str, Any], ops: Command
) -> None:
    made, recurring = (
        stack.client("scheduler").get_schedule(GroupName=GROUP, Name=name) for name in (started["name"], JOB)
    )

    assert started["made"] is True
    assert made["Target"] == recurring["Target"]
    assert made["ScheduleExpression"] == f"at({started['at'].removesuffix('+00:00')})"
    assert (made["State"], made["ActionAfterCompletion"]) == ("ENABLED", "DELETE")
    assert made["FlexibleTimeWindow"]["Mode"] == "OFF"
    assert made["Description"] == f"{JOB} once, for arn:aws:iam::{aws.ACCOUNT}:root"


def test_a_repeated_start_makes_one_which_is_listed_and_taken_back(later: str, ops: Command) -> None:
    once = answer_of(ops("jobs", "start", JOB, "--at", later, "--json"))
    again = ops("jobs", "start", JOB, "--at", later)

    assert "nothing was done: twice at one minute is one start" in again.stdout
    listed = [each for each in schedules(ops) if each["name"] == once["name"]]
    assert [(each["once"], each["state"], each["time_zone"]) for each in listed] == [(True, "ENABLED", "UTC")]
    to_cancel = next(line for line in again.stdout.splitlines() if line.startswith("to cancel  python -m ops "))
    cancelled = ops(*to_cancel.split()[-3:])
    assert (cancelled.returncode, cancelled.stdout) == (0, f"{once['name']} is cancelled\n")
    assert once["name"] not in [each["name"] for each in schedules(ops)]
    assert answer_of(ops("jobs", "start", JOB, "--at", later, "--json"))["made"] is True


def test_a_recurring_schedule_is_not_cancelled(queue: str, ops: Command) -> None:
    refused = ops("jobs", "cancel", JOB)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"{JOB} is the recurring schedule of a job, which the stack alone changes.\n")
    assert JOB in [each["name"] for each in schedules(ops)]


def test_an_unknown_job_and_a_time_that_is_over_are_sentences(queue: str, ops: Command) -> None:
    unknown = ops("jobs", "start", "export")
    over = ops("jobs", "start", JOB, "--at", "2025-12-01T02:00+01:00")

    assert unknown.stderr == f"The stage local has no job 'export'.\nIt has {JOB}.\n"
    assert over.stderr.startswith("01 Dec 2025, 02:00 (UTC+0100) is over, ")


@pytest.mark.after_everything
def test_the_job_was_started_once_and_its_schedule_is_gone(
    stack: Stack, started: dict[str, Any], queue: str, ops: Command
) -> None:
    messages: list[Any] = []

    def received() -> list[Any]:
        answer = stack.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        messages.extend(json.loads(each["Body"]) for each in answer.get("Messages", []))
        return messages

    until(received, patience=150)

    assert [each["name"] for each in schedules(ops)] == [JOB]
    received()
    assert messages == [MESSAGE]


def schedules(ops: Command) -> list[dict[str, Any]]:
    """What the command lists."""
    listed: list[dict[str, Any]] = answer_of(ops("jobs", "list", "--json"))["schedules"]
    return listed
