"""The workflows on GitHub: nothing that runs there can become something else, or more than it has to be."""

from __future__ import annotations

import pytest

from infra.build import PROJECT
from infra.deployed import deployed, of_type
from tests.contract import workflow_checks as checks
from tests.contract.workflow_checks import Workflow

GITHUB = PROJECT / ".github"
WORKFLOWS = {workflow.name: workflow for workflow in checks.read(GITHUB / "workflows")}

each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=lambda workflow: workflow.name)


@each_workflow
def test_every_action_is_one_that_nobody_can_change(workflow: Workflow) -> None:
    assert checks.unpinned(workflow) == []


@pytest.mark.parametrize(
    "instead",
    ["actions/checkout@v5", "actions/checkout@main # v5.0.0", "actions/checkout@08c6903", "actions/checkout"],
)
def test_an_action_that_somebody_can_change_is_noticed(instead: str) -> None:
    pinned = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
    assert checks.unpinned(WORKFLOWS["diff.yml"].but(pinned, instead)) == [f"uses: {instead}"]


def test_an_action_has_the_same_version_everywhere() -> None:
    assert {action: len(versions) for action, versions in checks.pins([*WORKFLOWS.values()]).items()} == dict.fromkeys(
        checks.pins([*WORKFLOWS.values()]), 1
    )


@each_workflow
def test_a_job_may_do_what_it_says(workflow: Workflow) -> None:
    assert checks.unlimited(workflow) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("permissions: {}\n", "", "everything is permitted unless a job says less"),
        ("pull-requests: write", "contents: write", "comment may write contents"),
        ("    permissions:\n      pull-requests: write\n", "", "comment does not say what it may do"),
        ("    timeout-minutes: 5\n", "", "comment may go on for ever"),
    ],
)
def test_a_job_that_may_do_more_is_noticed(old: str, new: str, fault: str) -> None:
    assert checks.unlimited(WORKFLOWS["diff.yml"].but(old, new)) == [fault]


@each_workflow
def test_a_strangers_change_gets_no_rights(workflow: Workflow) -> None:
    assert checks.trusting(workflow) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  pull_request:", "  pull_request_target:", "is started by pull_request_target"),
        ("${{ github.token }}", "${{ secrets.TOKEN }}", "uses a secret"),
        ('comment "$PULL_REQUEST"', "comment ${{ github.head_ref }}", "comment: puts a value into a script"),
        ("persist-credentials: false", "persist-credentials: true", "diff: leaves its token to what it runs"),
    ],
)
def test_a_way_to_rights_is_noticed(old: str, new: str, fault: str) -> None:
    assert checks.trusting(WORKFLOWS["diff.yml"].but(old, new)) == [fault]


@each_workflow
def test_aws_is_reached_from_environments_alone(workflow: Workflow) -> None:
    assert checks.signing_in_anywhere(workflow) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("    environment: diff\n", "", "diff signs in outside of an environment"),
        ("pull-requests: write", "id-token: write", "comment has an identity that it does not use"),
        ("id-token: write\n", "id-token: write\n      pull-requests: write\n", "diff may write and sign in"),
    ],
)
def test_a_way_to_aws_is_noticed(old: str, new: str, fault: str) -> None:
    assert checks.signing_in_anywhere(WORKFLOWS["diff.yml"].but(old, new)) == [fault]


def test_the_environments_are_those_that_aws_trusts() -> None:
    roles = of_type(deployed(PROJECT / "infra" / "stacks" / "delivery.yaml"), "AWS::IAM::Role")
    trusted = {
        statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]["Fn::Sub"].rpartition(":")[2]
        for role in roles.values()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
        if statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    }
    deploying = {job["with"]["stage"] for job in _deploying().values()}
    named = set().union(*(checks.environments(workflow) for workflow in WORKFLOWS.values())) - {"${{ inputs.stage }}"}
    assert trusted == deploying | named


def test_a_release_goes_from_stage_to_stage_and_nothing_is_built_twice() -> None:
    needs = {job["with"]["stage"]: job["needs"] for job in _deploying().values()}
    assert needs == {"dev": "build", "staging": "dev", "prod": "staging"}
    assert WORKFLOWS["release.yml"].jobs["build"]["needs"] == "check"
    assert "make package" not in WORKFLOWS["deploy.yml"].text
    steps = WORKFLOWS["deploy.yml"].jobs["deploy"]["steps"]
    runs = [step.get("run", "") for step in steps]
    checked = next(at for at, run in enumerate(runs) if "sha256sum --check" in run)
    assert checked < next(at for at, run in enumerate(runs) if "infra deploy" in run)
    assert "/health" in runs[-1]
    assert "/products" in runs[-1]


def test_going_back_leaves_the_schema() -> None:
    (job,) = WORKFLOWS["rollback.yml"].jobs.values()
    assert (job["with"]["stacks"], job["with"]["migrate"]) == ("app", False)


def test_updates_are_proposed_for_packages_and_actions() -> None:
    text = (GITHUB / "dependabot.yml").read_text()
    assert "package-ecosystem: pip" in text
    assert "package-ecosystem: github-actions" in text


def _deploying() -> dict[str, dict[str, dict[str, str]]]:
    jobs = WORKFLOWS["release.yml"].jobs.items()
    return {name: job for name, job in jobs if job.get("uses") == "./.github/workflows/deploy.yml"}
