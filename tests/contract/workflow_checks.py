"""Rules for the workflows on GitHub. Each returns what breaks it, so that a test can also feed it a broken workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
OWN = re.compile(r"uses: \./\.github/workflows/[a-z]+\.yml$")
MAY_WRITE = {"id-token", "pull-requests"}
SIGNS_IN = "aws-actions/configure-aws-credentials@"
# What somebody from outside may have written must not become part of a script.
PUT_IN = re.compile(r"\$\{\{")


@dataclass(frozen=True)
class Workflow:
    """One file: as text, because comments count, and as what it says."""

    name: str
    text: str

    @property
    def content(self) -> dict[str, Any]:
        """What it says; YAML 1.1 reads the key `on` as true."""
        content: dict[Any, Any] = yaml.safe_load(self.text)
        return {"on" if name is True else name: value for name, value in content.items()}

    @property
    def jobs(self) -> dict[str, Any]:
        """Its jobs by name."""
        jobs: dict[str, Any] = self.content["jobs"]
        return jobs

    def but(self, old: str, new: str) -> Workflow:
        """The same with another text in the place of `old`, which has to be there."""
        assert old in self.text, old
        return Workflow(self.name, self.text.replace(old, new))


def read(folder: Path) -> list[Workflow]:
    """Every workflow in `folder`."""
    return [Workflow(path.name, path.read_text()) for path in sorted(folder.glob("*.y*ml"))]


def unpinned(workflow: Workflow) -> list[str]:
    """Actions that may become other code tomorrow, or of which nobody can tell which version they are."""
    used = (line.strip().removeprefix("- ") for line in workflow.text.splitlines() if "uses:" in line)
    return [each for each in used if not (PINNED.fullmatch(each) or OWN.fullmatch(each))]


def unlimited(workflow: Workflow) -> list[str]:
    """Jobs with more rights than they name, or that may go on for ever."""
    faults = [] if workflow.content.get("permissions") == {} else ["everything is permitted unless a job says less"]
    for name, job in workflow.jobs.items():
        permissions = job.get("permissions")
        if not isinstance(permissions, dict):
            faults.append(f"{name} does not say what it may do")
            continue
        writes = {what for what, how in permissions.items() if how == "write"}
        faults += [f"{name} may write {what}" for what in sorted(writes - MAY_WRITE)]
        if "uses" not in job and "timeout-minutes" not in job:
            faults.append(f"{name} may go on for ever")
    return faults


def trusting(workflow: Workflow) -> list[str]:
    """Ways in which a stranger's pull request gets at rights, or at the words of a script."""
    triggers = workflow.content["on"]
    faults = [f"is started by {name}" for name in ("pull_request_target", "workflow_run") if name in triggers]
    faults += ["uses a secret"] if "secrets." in workflow.text or "secrets:" in workflow.text else []
    for name, step in _steps(workflow):
        if PUT_IN.search(step.get("run", "")):
            faults.append(f"{name}: puts a value into a script")
        if "actions/checkout@" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
            faults.append(f"{name}: leaves its token to what it runs")
    return faults


def signing_in_anywhere(workflow: Workflow) -> list[str]:
    """Jobs that get at AWS without an environment, or that get an identity without need."""
    faults = []
    for name, job in workflow.jobs.items():
        signs_in = any(SIGNS_IN in step.get("uses", "") for step in job.get("steps", []))
        has_identity = job.get("permissions", {}).get("id-token") == "write"
        if signs_in and "environment" not in job:
            faults.append(f"{name} signs in outside of an environment")
        if has_identity and not signs_in and "deploy.yml" not in job.get("uses", ""):
            faults.append(f"{name} has an identity that it does not use")
        if has_identity and job.get("permissions", {}).get("pull-requests") == "write":
            faults.append(f"{name} may write and sign in")
    return faults


def environments(workflow: Workflow) -> set[str]:
    """The environments that jobs are in."""
    return {job["environment"] for job in workflow.jobs.values() if "environment" in job}


def pins(workflows: list[Workflow]) -> dict[str, set[str]]:
    """The versions of each action, over all workflows."""
    found: dict[str, set[str]] = {}
    for workflow in workflows:
        for action, version in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40} # \S+)", workflow.text):
            found.setdefault(action, set()).add(version)
    return found


def _steps(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, step) for name, job in workflow.jobs.items() for step in job.get("steps", []))
