"""What checkov and Terraform itself are given to read in the place of a module."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra.verify import terraform, terraform_security
from infra.verify.outcome import State
from infra.verify.subjects import Subjects

QUEUES: dict[str, Any] = {
    "terraform": {"required_version": ">= 1.11"},
    "variable": {"stage": {"type": "string", "default": "dev"}},
    "locals": {"is_dev": '${var.stage == "dev"}'},
    "data": {"aws_caller_identity": {"current": {}}},
    "ephemeral": {"aws_secretsmanager_random_password": {"drawn": {"password_length": 40}}},
    "resource": {
        "terraform_data": {
            "rule": {"lifecycle": {"precondition": {"condition": "${local.is_dev}", "error_message": "."}}}
        },
        "aws_sqs_queue": {
            "dead": {"count": "${local.is_dev ? 1 : 0}", "name": "dead"},
            "work": {
                "name": "work-${data.aws_caller_identity.current.account_id}",
                "policy": "${jsonencode({to = aws_sqs_queue.dead[0].arn})}",
                "dynamic": {"rule": {"for_each": "${local.is_dev ? [1] : []}", "content": {"name": "a"}}},
                "depends_on": ["aws_sqs_queue.dead"],
                "lifecycle": {"prevent_destroy": True},
            },
        },
    },
    "output": {"url": {"value": "${aws_sqs_queue.work.url}"}},
}


class Given(Subjects):
    """One module, which is there already."""

    def modules(self) -> dict[str, Path]:
        return {"dev": self.folder / "module"}


def planned(folder: Path, text: str) -> list[str]:
    (folder / "module").mkdir()
    (folder / "module" / "queues.tf.json").write_text(text)
    outcome = terraform.plan(Given(folder, lambda _: None))
    assert (outcome.state is State.PASSED) == (not outcome.findings)
    return list(outcome.findings)


with_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


@with_terraform
def test_terraform_plans_a_sound_module(tmp_path: Path) -> None:
    assert planned(tmp_path, json.dumps(QUEUES)) == []


@with_terraform
@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("jsonencode", "jsonencodde", "Call to unknown function"),
        ("dead[0].arn", "dead[1].arn", "Invalid index"),
        ("? 1 : 0", "? [1] : 0", "Inconsistent conditional result types"),
        ('"stage"', '"version"', "Invalid variable name"),
        ("local.is_dev ? [1]", "local.has_dev ? [1]", "Reference to undeclared local value"),
        ('"default": "dev"', '"default": "prod"', "Resource precondition failed"),
    ],
)
def test_terraform_tells_what_it_cannot_compute(tmp_path: Path, right: str, wrong: str, finding: str) -> None:
    assert finding in " ".join(planned(tmp_path, json.dumps(QUEUES).replace(right, wrong)))


def test_without_terraform_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert terraform.plan(Given(tmp_path, lambda _: None)).state is State.NOT_RUN


def test_checkov_reads_every_block_that_there_may_be(tmp_path: Path) -> None:
    module = tmp_path / "queues.tf.json"
    module.write_text(json.dumps(QUEUES))
    terraform_security.readable_module(module, tmp_path / "read")
    content = json.loads((tmp_path / "read" / "queues.tf.json").read_text())
    assert content.keys() == {"variable", "locals", "data", "resource", "output"}
    assert content["resource"]["aws_sqs_queue"]["work"]["rule"] == [{"name": "a"}]


def test_a_failure_is_told_of_the_resource_in_its_stack() -> None:
    names = ["resource.app_logs", "resource.app_logs_0", "data.available", "resource.app_unused"]
    failed = [{"check_id": "CKV_1", "file_path": "/x/app.tf.json", "resource": name} for name in names]
    report = {"results": {"failed_checks": failed}, "summary": {}}
    told = terraform_security.of_stacks(report, {"app_logs": "app AWS::Logs::LogGroup.Logs"}, {"app_unused"})
    assert [(check["file_path"], check["resource"]) for check in told["results"]["failed_checks"]] == [
        ("/app.json", "AWS::Logs::LogGroup.Logs"),
        ("/app.json", "AWS::Logs::LogGroup.Logs"),
        ("/app.tf.json", "data.available"),
    ]
