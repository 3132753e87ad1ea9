"""Templates that CloudFormation's own schemas have nothing to say against."""

from __future__ import annotations

from pathlib import Path

from infra.stages import STAGE_NAMES
from infra.verify.lint import lint
from infra.verify.outcome import Outcome, judged
from infra.verify.subjects import Subjects


def cfn_lint(subjects: Subjects) -> Outcome:
    """No error and no warning for any stack, nor for the app's of any stage before and after the SAM transform."""
    templates = {path.name: path for path in subjects.stacks}
    for stage in STAGE_NAMES:
        templates[f"app of {stage}"] = subjects.built(stage)
        templates[f"app of {stage}, translated"] = subjects.translated(stage)
    findings = [found for name, path in templates.items() for found in _findings(subjects, name, path)]
    return judged(findings, f"{len(templates)} templates, {len(findings)} errors and warnings")


def _findings(subjects: Subjects, name: str, path: Path) -> list[str]:
    subjects.say(name)
    return [f"{name}: {finding}" for finding in lint(path)]
