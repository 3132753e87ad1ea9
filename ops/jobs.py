"""`jobs`: what a stage's schedules start, and starting one of its jobs once, now or at a time.

A start is a schedule beside the job's own, with the same target: the same role, network, retries and dead-letter queue.
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

from infra.stages import APP, LAPTOP
from local.progress import Problem
from ops import actions, terminal
from ops.account import Account
from ops.actions import Action
from ops.schedules import Schedule, Schedules

SOONEST = timedelta(seconds=20)
"""Time for a request to arrive before the minute that it names; clocks differ, too."""
FURTHEST = timedelta(days=366)
MINUTE = timedelta(minutes=1)
LONGEST_DESCRIPTION = 512


def run(arguments: Namespace) -> None:
    """Do what `arguments.action` says, in the stage that the options choose."""
    actions.run(_ACTIONS, arguments)


def beginning(at: datetime | None, now: datetime) -> datetime:
    """The minute to start at, in UTC: `at`, or the first one that is not too near. Raises Problem for another time."""
    if at is None:
        return (now + SOONEST + MINUTE).replace(second=0, microsecond=0)
    if at - now < SOONEST:
        raise Problem(
            f"{_written(at)} is over, or less than {SOONEST.seconds} seconds ahead.",
            "Without --at the job starts in about a minute.",
        )
    if at - now > FURTHEST:
        raise Problem(f"{_written(at)} is more than a year ahead.", "Choose a time within a year.")
    return at.astimezone(UTC)


def name_of(job: str, moment: datetime) -> str:
    """What the schedule is called that starts `job` once at `moment`: there is one at most for each minute."""
    return f"{job}-{moment:%Y%m%dT%H%MZ}"


def _listed(account: Account, arguments: Namespace) -> dict[str, Any]:
    found = Schedules(account).all()
    if not found:
        raise _nothing_to_start(account, arguments)
    return {"schedules": [_plain(each, found) for each in found]}


def _started(account: Account, arguments: Namespace) -> dict[str, Any]:
    schedules = Schedules(account)
    found = schedules.all()
    job = _job(account, found, arguments)
    waiting = {each.name: each for each in found if each.is_once}
    moment = beginning(arguments.at, datetime.now(UTC))
    if arguments.at is None and name_of(job.name, moment - MINUTE) in waiting:
        moment -= MINUTE  # the same command was given a moment ago
    name = name_of(job.name, moment)
    if name in waiting:
        _refuse_another(waiting[name], job)
        is_made = False
    else:
        description = f"{job.name} once, for {account.operator()}"
        is_made = schedules.add(name, moment, job.target, description[:LONGEST_DESCRIPTION])
    return _told(account, job, moment) | {"made": is_made}


def _cancelled(account: Account, arguments: Namespace) -> dict[str, Any]:
    schedules = Schedules(account)
    found = schedules.all()
    if not found:
        raise _nothing_to_start(account, arguments)
    chosen = next((each for each in found if each.name == arguments.name), None)
    if chosen is not None and not chosen.is_once:
        raise Problem(
            f"{chosen.name} is the recurring schedule of a job, which the stack alone changes.", _to_cancel(found)
        )
    if chosen is None or not schedules.remove(chosen.name):
        raise Problem(
            f"Nothing called {arguments.name!r} waits to be started: it has started, was cancelled, or never was.",
            _to_cancel(found),
        )
    return {"name": chosen.name, "at": chosen.begins.isoformat(), "was_over": chosen.begins <= datetime.now(UTC)}


def _job(account: Account, found: Sequence[Schedule], arguments: Namespace) -> Schedule:
    """The recurring schedule of the job that is asked for."""
    jobs = {each.name: each for each in found if not each.is_once}
    if not jobs:
        raise _nothing_to_start(account, arguments)
    if arguments.name not in jobs:
        raise Problem(f"The stage {account.stage} has no job {arguments.name!r}.", f"It has {', '.join(jobs)}.")
    return jobs[arguments.name]


def _nothing_to_start(account: Account, arguments: Namespace) -> Problem:
    if account.stage == LAPTOP:
        job = arguments.name if arguments.action == "start" else "--help"
        return Problem(
            "Nothing schedules jobs on the laptop: there, a job is a process that you start.",
            f'eval "$(python -m local env)"\npython -m chalicelib.jobs {shlex.quote(job)}',
        )
    return Problem(
        f"The stage {account.stage} has no jobs: there is no recurring schedule in the group {account.prefix}jobs.",
        "Its stack has them once it is told of an image (docs/operations.md, Jobs):\n"
        f"python -m infra deploy --stage {account.stage} --stacks jobs --parameter jobs.ImageDigest=sha256:…\n"
        "If it has one: --profile and --region choose another account and region.",
    )


def _refuse_another(waiting: Schedule, job: Schedule) -> None:
    """Raises Problem when the schedule that is there already does not do what is asked for."""
    fault = None
    if waiting.state != "ENABLED":
        fault = "is disabled"
    elif waiting.starts != job.starts:
        fault = f"starts {_short(waiting.starts)}, which the job was before the last deployment"
    if fault:
        raise Problem(f"{waiting.name} is there already, but {fault}.", f"Cancel it first: jobs cancel {waiting.name}")


def _told(account: Account, job: Schedule, moment: datetime) -> dict[str, Any]:
    """What a person has to know of a start. The log's names are those of the stack."""
    queue = job.target.get("DeadLetterConfig", {}).get("Arn", "")
    return {
        "name": name_of(job.name, moment),
        "job": job.name,
        "at": moment.isoformat(),
        "starts": job.starts,
        "log_group": f"/{APP}/{account.stage}/jobs",
        "log_streams": f"{job.name}/",
        "failures": queue.rpartition(":")[2] or None,
    }


def _plain(schedule: Schedule, found: Sequence[Schedule]) -> dict[str, Any]:
    """`schedule` as JSON; one that starts a job once is `outdated` when the job's own starts something else by now."""
    job = next((each for each in found if schedule.is_once and each.name == schedule.name.rpartition("-")[0]), None)
    return {
        "name": schedule.name,
        "expression": schedule.expression,
        "time_zone": schedule.time_zone,
        "state": schedule.state,
        "starts": schedule.starts,
        "once": schedule.is_once,
        "outdated": job is not None and job.starts != schedule.starts,
    }


def _to_cancel(found: Collection[Schedule]) -> str:
    waiting = [each.name for each in found if each.is_once]
    return f"To be cancelled there are: {', '.join(waiting)}." if waiting else "There is nothing to cancel."


def _print_schedules(answer: Mapping[str, Any], _arguments: Namespace) -> None:
    table = terminal.table("name", "when", "time zone", "state", "starts")
    for each in answer["schedules"]:
        told = (each["name"], each["expression"], each["time_zone"], each["state"], _short(each["starts"]))
        table.add_row(*(Text(terminal.printable(text)) for text in told), style="red" if each["outdated"] else None)
    console = terminal.console()
    console.print(table)
    for each in answer["schedules"]:
        if each["outdated"]:
            advice = "starts what its job was before the last deployment: cancel it and start the job again"
            console.print(f"{each['name']} {advice}", markup=False)


def _print_start(answer: Mapping[str, Any], arguments: Namespace) -> None:
    at = _written(datetime.fromisoformat(answer["at"]).astimezone())
    lines = [f"{answer['job']} starts once, in the minute of {at}"]
    if not answer["made"]:
        lines.append("this was asked for before, so nothing was done: twice at one minute is one start")
    lines += [
        f"schedule   {answer['name']}",
        f"log        {answer['log_group']}, streams {answer['log_streams']}…",
        *([f"failures   the queue {answer['failures']}"] if answer["failures"] else []),
        f"to cancel  {_command(arguments)} jobs cancel {answer['name']}",
    ]
    terminal.console().print("\n".join(lines), markup=False, soft_wrap=True)


def _print_cancelled(answer: Mapping[str, Any], _arguments: Namespace) -> None:
    lines = [f"{answer['name']} is cancelled"]
    if answer["was_over"]:
        lines.append("its time was over, so the job may have been started: look at its log")
    terminal.console().print("\n".join(lines), markup=False)


def _command(arguments: Namespace) -> str:
    """How this command was started, up to its name."""
    given = ["--stage", arguments.stage] if arguments.stage != LAPTOP else ["--home", str(arguments.home)]
    for option in ("profile", "region"):
        if value := getattr(arguments, option):
            given += [f"--{option}", value]
    return f"python -m ops {shlex.join(given)}"


def _short(arn: str) -> str:
    """What an ARN is of, without the account: `task-definition/…:7` becomes `…:7`."""
    return arn.split(":", 5)[-1].rpartition("/")[2]


def _written(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M (UTC%z)}"


_ACTIONS = {
    "list": Action(_listed, _print_schedules),
    "start": Action(_started, _print_start),
    "cancel": Action(_cancelled, _print_cancelled),
}
