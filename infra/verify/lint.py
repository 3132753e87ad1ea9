"""cfn-lint, with all of its rules."""

from __future__ import annotations

from pathlib import Path

from cfnlint.api import lint_file


def lint(path: Path) -> list[str]:
    """Every error and warning of cfn-lint for the template at `path`."""
    return [f"{match.rule.id} {match.path}: {match.message}" for match in lint_file(path)]
