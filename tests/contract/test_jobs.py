"""Jobs on AWS: every job has a task, a schedule and a role, and their image has nothing but what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.jobs.__main__ import JOBS
from infra.build import PROJECT
from infra.deployed import Template, deployed
from tests.contract import job_checks as checks
from tests.contract.job_checks import Instruction
from tests.environment import run_python

PATH = PROJECT / "infra" / "stacks" / "jobs.yaml"
DIGEST = f"sha256:{'0' * 64}"

Break = Callable[[dict[str, Any]], object]


@pytest.fixture
def prod() -> Template:
    """The stack as prod has it, for a test to break."""
    return deployed(PATH, Stage="prod", ImageDigest=DIGEST)


@pytest.fixture
def dockerfile() -> str:
    """How the image is made."""
    return (PROJECT / "Dockerfile").read_text()


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_jobs_run_as_they_should(stage: str) -> None:
    template = deployed(PATH, Stage=stage, ImageDigest=DIGEST)
    assert checks.wrong_names(template, JOBS) == []
    assert checks.strange_names(template) == []
    assert checks.unsafe_tasks(template) == []
    assert checks.careless_schedules(template) == []
    assert checks.deaf_to_failures(template) == []
    assert checks.untagged(template) == []


def test_without_an_image_there_is_nothing_to_start() -> None:
    template = deployed(PATH, Stage="prod")
    assert not [name for name in template["Resources"] if name.endswith(("Task", "Schedule"))]
    assert "Repository" in template["Resources"]


def test_dev_starts_nothing_by_itself() -> None:
    schedules = checks._schedules(deployed(PATH, Stage="dev", ImageDigest=DIGEST)).values()
    assert {schedule["State"] for schedule in schedules} == {"DISABLED"}


def test_images_and_messages_outlive_a_protected_stack(prod: Template) -> None:
    for name in ("Repository", "Failed", "Logs"):
        assert prod["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"


def _container(resources: dict[str, Any], task: str = "ExportCatalogueTask") -> Any:
    return resources[task]["Properties"]["ContainerDefinitions"][0]


def _target(resources: dict[str, Any]) -> Any:
    return resources["IndexSearchSchedule"]["Properties"]["Target"]


def _detail(resources: dict[str, Any]) -> Any:
    return resources["FailedTasks"]["Properties"]["EventPattern"]["detail"]


@pytest.mark.parametrize(
    ("check", "broken", "fault"),
    [
        ("wrong_names", lambda r: _container(r).update(Command=["x"]), "ExportCatalogueTask runs ['x']"),
        ("wrong_names", lambda r: r.pop("IndexSearchTask"), "nothing runs index-search"),
        ("wrong_names", lambda r: r.pop("IndexSearchSchedule"), "nothing starts IndexSearchTask"),
        ("unsafe_tasks", lambda r: _container(r).pop("ReadonlyRootFilesystem"), "ExportCatalogueTask may write"),
        ("unsafe_tasks", lambda r: _container(r).update(User="0:0"), "ExportCatalogueTask is root"),
        ("unsafe_tasks", lambda r: _container(r)["LogConfiguration"].update(Options={}), "ExportCatalogueTask logs"),
        (
            "unsafe_tasks",
            lambda r: r["IndexSearchTask"]["Properties"].update(
                TaskRoleArn=r["ExportCatalogueTask"]["Properties"]["TaskRoleArn"]
            ),
            "{'Fn::GetAtt': ['ExportCatalogueRole', 'Arn']} is the role of several tasks",
        ),
        ("careless_schedules", lambda r: _target(r).pop("DeadLetterConfig"), "IndexSearchSchedule forgets"),
        ("careless_schedules", lambda r: _target(r).pop("RetryPolicy"), "IndexSearchSchedule is tried once"),
        ("careless_schedules", lambda r: _target(r).update(Arn="x"), "IndexSearchSchedule starts its task elsewhere"),
        (
            "careless_schedules",
            lambda r: _target(r)["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"].update(
                AssignPublicIp="ENABLED"
            ),
            "IndexSearchSchedule has a public address",
        ),
        ("deaf_to_failures", lambda r: _detail(r).pop("clusterArn"), "hears of other clusters"),
        ("deaf_to_failures", lambda r: _detail(r)["$or"].pop(0), "does not hear of exit statuses"),
        ("deaf_to_failures", lambda r: _detail(r)["$or"].pop(1), "does not hear of tasks"),
        ("deaf_to_failures", lambda r: r["FailedAlarm"]["Properties"].pop("AlarmActions"), "tells nobody"),
        ("untagged", lambda r: r["Cluster"]["Properties"]["Tags"].pop(), "Cluster"),
    ],
)
def test_what_is_wrong_with_the_stack_is_noticed(prod: Template, check: str, broken: Break, fault: str) -> None:
    broken(prod["Resources"])
    found = checks.wrong_names(prod, JOBS) if check == "wrong_names" else getattr(checks, check)(prod)
    assert [text for text in found if text.startswith(fault)]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda r: r["Schedules"]["Properties"].update(Name="x"), "another group"),
        (lambda r: r["Logs"]["Properties"].update(LogGroupName="x"), "another log group"),
        (
            lambda r: r["IndexSearchSchedule"]["Properties"].update(Name="x"),
            "IndexSearchSchedule is not index-search of the group",
        ),
        (
            lambda r: r["IndexSearchSchedule"]["Properties"].update(GroupName="x"),
            "IndexSearchSchedule is not index-search of the group",
        ),
        (
            lambda r: _container(r)["LogConfiguration"]["Options"].update({"awslogs-stream-prefix": "x"}),
            "export-catalogue logs under another name",
        ),
    ],
)
def test_a_name_that_operators_do_not_expect_is_noticed(prod: Template, broken: Break, fault: str) -> None:
    broken(prod["Resources"])
    assert checks.strange_names(prod) == [fault]


def test_the_image_has_what_hashes_vouch_for_and_nothing_to_install_more_with(dockerfile: str) -> None:
    assert list(checks.faults_of_image(checks.instructions(dockerfile))) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("FROM python:3.11-slim-bookworm\n", "FROM python:latest\n", "starts from python:latest"),
        (" --require-hashes", "", "installs without --require-hashes"),
        (" --only-binary :all:", "", "installs without --only-binary :all:"),
        ("pip uninstall --yes", "true", "leaves pip in the image"),
        ("ARG VERSION", "RUN apt-get install gcc\nARG VERSION", "installs in the final image"),
        ("USER 10001:10001", "USER 10001:10001\nUSER 0", "runs as root"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "is stopped by another signal"),
    ],
)
def test_what_is_wrong_with_the_image_is_noticed(dockerfile: str, old: str, new: str, fault: str) -> None:
    assert old in dockerfile
    assert fault in checks.faults_of_image(checks.instructions(dockerfile.replace(old, new)))


def test_the_image_is_of_the_functions_code_and_starts_jobs(dockerfile: str) -> None:
    said: list[Instruction] = checks.instructions(dockerfile)
    assert ("COPY", "chalicelib /marketplace/chalicelib") in said
    assert said[-1] == ("ENTRYPOINT", '["python", "-m", "chalicelib.jobs"]')
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert [line for line in ignored if not line.startswith("#")][:1] == ["*"]
    assert [line for line in ignored if line.startswith("!")] == [
        "!chalicelib", "!requirements.txt", "!requirements-jobs.txt"
    ]  # fmt: skip


def test_every_requirement_of_the_image_has_one_version() -> None:
    pinned: dict[str, set[str]] = {}
    for name in ("requirements.txt", "requirements-jobs.txt"):
        for line in (PROJECT / name).read_text().splitlines():
            package, equals, rest = line.partition("==")
            if equals and not line.startswith((" ", "#")):
                pinned.setdefault(package, set()).add(rest.split()[0])
    assert {package: versions for package, versions in pinned.items() if len(versions) > 1} == {}
    assert "boto3" in pinned


def test_jobs_need_nothing_that_is_not_in_their_image() -> None:
    loaded = run_python(
        "import sys, chalicelib.jobs.__main__\n"
        "from chalicelib.assistant import catalogue, embeddings\n"
        "print(*sorted({'chalice', 'app', 'infra', 'local'} & sys.modules.keys()))"
    )
    assert loaded == ""
