"""The schedules of a stage's jobs: a recurring one for each job, and those that start one once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from ops.account import Account
from ops.refusals import explained

Target = Mapping[str, Any]


@dataclass(frozen=True)
class Schedule:
    """A schedule as EventBridge Scheduler has it."""

    name: str
    expression: str
    time_zone: str
    state: str
    target: Target

    @property
    def is_once(self) -> bool:
        """Whether it starts its job once, and not again and again."""
        return self.expression.startswith("at(")

    @property
    def begins(self) -> datetime:
        """When one that `is_once` starts its job, in UTC."""
        written = datetime.fromisoformat(self.expression.removeprefix("at(").removesuffix(")"))
        # A machine without a database of time zones knows UTC all the same.
        zone = UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)
        return written.replace(tzinfo=zone).astimezone(UTC)

    @property
    def starts(self) -> str:
        """The ARN of what it starts: of the task definition, where that is a task."""
        parameters = self.target.get("EcsParameters", {})
        return str(parameters.get("TaskDefinitionArn", self.target["Arn"]))


class Schedules:
    """The group of a stage's schedules. Each method raises Problem when Scheduler refuses."""

    def __init__(self, account: Account) -> None:
        self._stage = account.stage
        self._client = account.client("scheduler")
        self.group = f"{account.prefix}jobs"

    def all(self) -> list[Schedule]:
        """Every schedule of the group by name; none where there is no such group."""
        with explained(self._stage):
            return sorted(self._found(), key=lambda each: each.name)

    def add(self, name: str, moment: datetime, target: Target, description: str) -> bool:
        """Let `target` be started once, at that minute in UTC. False when there is a schedule of this name already.

        The request has a token that is new each time, not the name: Scheduler would remember that of one that was
        cancelled, and make no other.
        """
        with explained(self._stage):
            try:
                self._client.create_schedule(
                    GroupName=self.group,
                    Name=name,
                    Description=description,
                    ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    State="ENABLED",
                    Target=target,
                )
            except ClientError as error:
                if not _is(error, "ConflictException"):
                    raise
                return False
        return True

    def remove(self, name: str) -> bool:
        """Delete a schedule. False when there is none of this name."""
        with explained(self._stage):
            try:
                self._client.delete_schedule(GroupName=self.group, Name=name)
            except ClientError as error:
                if not _is(error, "ResourceNotFoundException"):
                    raise
                return False
        return True

    def _found(self) -> Iterator[Schedule]:
        for name in self._names():
            try:
                yield _read(self._client.get_schedule(GroupName=self.group, Name=name))
            except ClientError as error:
                # One that starts a job once may be gone since it was listed.
                if not _is(error, "ResourceNotFoundException"):
                    raise

    def _names(self) -> list[str]:
        pages = self._client.get_paginator("list_schedules").paginate(GroupName=self.group)
        try:
            return [str(each["Name"]) for page in pages for each in page["Schedules"]]
        except ClientError as error:
            if not _is(error, "ResourceNotFoundException"):
                raise
            return []


def _read(answer: Mapping[str, Any]) -> Schedule:
    return Schedule(
        name=answer["Name"],
        expression=answer["ScheduleExpression"],
        time_zone=answer.get("ScheduleExpressionTimezone", "UTC"),
        state=answer["State"],
        target=answer["Target"],
    )


def _is(error: ClientError, code: str) -> bool:
    return bool(error.response["Error"].get("Code") == code)
