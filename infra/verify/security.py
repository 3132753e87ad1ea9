"""checkov on every stack as prod deploys it, with a short list of what is meant to be otherwise."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.verify.outcome import Outcome, State, judged
from infra.verify.subjects import Subjects
from infra.verify.tools import CHECKOV, installed, run

SKIPS = Path(__file__).parent / "skips.toml"
MOST_SKIPS = 10
FEWEST_PASSED = 200


@dataclass(frozen=True)
class Skip:
    """A rule that some resources break on purpose. `resources` is a regular expression over `stack Type.LogicalId`.

    `framework` is the language in which checkov has the rule for them: `cloudformation` or `terraform`.
    """

    id: str
    resources: str
    reason: str
    framework: str = "cloudformation"

    def covers(self, failure: str) -> bool:
        """Whether `failure` (`id stack Type.LogicalId`) is meant."""
        rule, _, resource = failure.partition(" ")
        return rule == self.id and re.fullmatch(self.resources, resource) is not None


def checkov(subjects: Subjects) -> Outcome:
    """Nothing fails outside of the list, everything is read, and enough is looked at for that to mean something."""
    folder = subjects.folder / "checkov"
    folder.mkdir(exist_ok=True)
    templates = subjects.in_prod()
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(template))
    program = installed(CHECKOV, "checkov")
    subjects.say(f"{len(templates)} templates, about half a minute")
    options = ["--skip-download", "--framework", "cloudformation", "--quiet", "--compact", "--output", "json"]
    ended = run([program, *options, "--directory", "."], folder=folder)
    if not ended.stdout.strip():
        return Outcome(State.FAILED, f"checkov ended with {ended.returncode}", ended.stderr.splitlines()[-5:])
    return judge(json.loads(ended.stdout), skips())


def skips() -> list[Skip]:
    """The list, from its file."""
    return [Skip(**entry) for entry in tomllib.loads(SKIPS.read_text())["skip"]]


def judge(report: dict[str, Any], meant: Sequence[Skip], framework: str = "cloudformation") -> Outcome:
    """What a report of checkov says about the stacks in one language, and about the list of what is `meant`.

    A rule that the list has for this language and that nothing breaks is a finding, too.
    """
    failures = [_failure(check) for check in report["results"]["failed_checks"]]
    unmeant = [failure for failure in failures if not any(skip.covers(failure) for skip in meant)]
    own = [skip for skip in meant if skip.framework == framework]
    unused = [skip for skip in own if not any(skip.covers(failure) for failure in failures)]
    summary = report["summary"]
    findings = [*unmeant, *(f"{skip.id} {skip.resources} is on the list, and nothing breaks it" for skip in unused)]
    if summary["parsing_errors"]:
        findings.append(f"{summary['parsing_errors']} templates could not be read")
    if summary["passed"] < FEWEST_PASSED:
        findings.append(f"only {summary['passed']} checks passed: that is too few for all stacks")
    if len(meant) > MOST_SKIPS:
        findings.append(f"{len(meant)} rules are on the list, which may have {MOST_SKIPS}")
    line = f"{summary['passed']} passed, {len(unmeant)} failed, {len(failures) - len(unmeant)} skipped by {len(meant)}"
    return judged(findings, f"{line} rules, {summary['parsing_errors']} parsing errors")


def _failure(check: dict[str, Any]) -> str:
    return f"{check['check_id']} {Path(check['file_path']).stem} {check['resource']}"
