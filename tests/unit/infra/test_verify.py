"""`make verify-infra`: what it tells, and that its lists of exceptions stay short, reasoned and in use."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.verify import __main__ as command
from infra.verify import contracts, policies, security, workflows
from infra.verify.outcome import Check, Outcome, State, judged
from infra.verify.policies import KNOWN, Known
from infra.verify.security import Skip
from infra.verify.subjects import Subjects

LOGS = Skip("CKV_1", r"(app|edge) AWS::Logs::LogGroup\.\w+", "CloudWatch's own key")


def check(name: str, outcome: Outcome) -> Check:
    return Check(name, f"{name} is so", lambda _: outcome)


PASSES = check("good", Outcome(State.PASSED, "3 templates"))
FAILS = check("bad", judged(["app: [broken]"], "1 template"))
CANNOT = check("absent", Outcome(State.NOT_RUN, "no such tool"))


def report(*failed: tuple[str, str, str], passed: int = 500, unread: int = 0) -> dict[str, Any]:
    checks = [{"check_id": rule, "file_path": f"/{stack}.json", "resource": name} for rule, stack, name in failed]
    return {"results": {"failed_checks": checks}, "summary": {"passed": passed, "parsing_errors": unread}}


def test_all_is_well_when_every_check_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([], [PASSES]) == 0
    assert "3 templates" in capsys.readouterr().out


def test_one_failure_fails_the_command_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([], [PASSES, FAILS]) == 1
    told = capsys.readouterr().out
    assert "bad: app: [broken]" in told
    assert "3 templates" in told


def test_what_cannot_be_run_is_told_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([], [CANNOT]) == 0
    assert "not run" in capsys.readouterr().out


def test_a_check_that_breaks_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(_: Subjects) -> Outcome:
        raise subprocess.TimeoutExpired("checkov", 600)

    assert command.main([], [Check("slow", "it ends", breaks), PASSES]) == 1
    assert "TimeoutExpired" in capsys.readouterr().out


def test_only_those_that_are_named_are_run() -> None:
    assert command.main(["--only", "good"], [PASSES, FAILS]) == 0


def test_a_failure_on_the_list_is_skipped() -> None:
    outcome = security.judge(report(("CKV_1", "app", "AWS::Logs::LogGroup.Logs")), [LOGS])
    assert outcome.state is State.PASSED
    assert outcome.line == "500 passed, 0 failed, 1 skipped by 1 rules, 0 parsing errors"


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (report(("CKV_2", "app", "AWS::Logs::LogGroup.Logs")), "CKV_2 app AWS::Logs::LogGroup.Logs"),
        (report(("CKV_1", "data", "AWS::Logs::LogGroup.Logs")), "CKV_1 data AWS::Logs::LogGroup.Logs"),
        (report(), f"CKV_1 {LOGS.resources} is on the list, and nothing breaks it"),
        (report(unread=1), "1 templates could not be read"),
        (report(passed=199), "only 199 checks passed: that is too few for all stacks"),
    ],
)
def test_a_report_is_held_to_the_list(found: dict[str, Any], finding: str) -> None:
    outcome = security.judge(found, [LOGS])
    assert outcome.state is State.FAILED
    assert finding in outcome.findings


def test_a_rule_that_checkov_has_for_terraform_alone_is_looked_for_there() -> None:
    listed = replace(LOGS, framework="terraform")
    assert security.judge(report(), [listed]).state is State.PASSED
    (finding,) = security.judge(report(), [listed], "terraform").findings
    assert finding.endswith("is on the list, and nothing breaks it")
    assert security.judge(report(), [LOGS], "terraform").state is State.PASSED


def test_the_list_stays_short() -> None:
    outcome = security.judge(report(("CKV_1", "app", "AWS::Logs::LogGroup.Logs")), [LOGS] * 11)
    assert outcome.findings == ["11 rules are on the list, which may have 10"]
    assert len(security.skips()) <= security.MOST_SKIPS


@pytest.mark.parametrize("listed", [*security.skips(), *KNOWN], ids=lambda listed: str(listed)[:40])
def test_every_exception_has_a_reason(listed: Skip | Known) -> None:
    assert len(listed.reason) > 40


@pytest.mark.parametrize("skip", security.skips(), ids=lambda skip: skip.id)
def test_no_rule_is_off_for_everything(skip: Skip) -> None:
    assert not skip.covers(f"{skip.id} data AWS::RDS::DBCluster.Database")


def test_policies_are_filled_with_what_iam_reads() -> None:
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": {"Ref": "SecretsKeyArn"}},
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${B}/a"},
            },
        ]
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "P", "PolicyDocument": document}]}}
    filled = policies.filled_policies({"Resources": {"R": role}})
    resources = [statement["Resource"] for statement in filled["R.P"]["Statement"]]
    assert resources[0].startswith("arn:aws:kms:eu-central-1:123456789012:key/")
    assert resources[1] == "arn:aws:s3:::value/a"


def test_an_unknown_action_is_a_finding() -> None:
    known = Known("RESOURCE_STAR", "", "the frozen list")
    found = {"R.P": [("UNKNOWN_ACTION", '"s3:GetObjekt"'), ("RESOURCE_STAR", "[]")]}
    assert policies.judge(found, [known]).findings == ['R.P: UNKNOWN_ACTION "s3:GetObjekt"']
    assert policies.judge({"R.P": []}, [known]).findings == ["RESOURCE_STAR  is known, and found nowhere"]


def test_a_contract_that_is_broken_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], 1, "F\nFAILED tests/contract/test_x.py::test_y - no\n1 failed in 1 s", "")
    monkeypatch.setattr(contracts, "run", lambda _: ended)
    outcome = contracts.contract("tests/contract/test_x.py")(None)  # type: ignore[arg-type]
    assert (outcome.state, outcome.findings) == (State.FAILED, ["FAILED tests/contract/test_x.py::test_y - no"])


@pytest.mark.parametrize(("second", "state"), [("pass", State.PASSED), ("pytest.skip('no')", State.FAILED)])
def test_a_deployment_is_told_test_by_test_and_a_skipped_one_proves_nothing(
    tmp_path: Path, second: str, state: State
) -> None:
    module = tmp_path / "test_deployment.py"
    module.write_text(f"import pytest\n\ndef test_it_begins(): pass\n\ndef test_it_ends(): {second}\n")
    said: list[str] = []
    outcome = contracts.deployment(str(module))(Subjects(tmp_path, said.append))
    assert outcome.state is state
    assert said[0] == "it begins: passed"
    assert said[1].startswith("it ends: ")


def test_workflows_are_not_said_to_be_right_without_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows.shutil, "which", lambda _: None)
    assert workflows.actionlint(None).state is State.NOT_RUN  # type: ignore[arg-type]
