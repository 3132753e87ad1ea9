"""cfn-lint, and the SAM transform that CloudFormation applies before it reads a template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boto3.session import Session
from cfnlint.api import lint_file
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def lint(path: Path) -> list[str]:
    """Every error and warning of cfn-lint for the template at `path`."""
    return [f"{match.rule.id} {match.path}: {match.message}" for match in lint_file(path)]


def sam_translated(template: dict[str, Any]) -> dict[str, Any]:
    """The plain CloudFormation template that the SAM transform makes of `template`."""
    translator = Translator({}, Parser(), boto_session=Session(region_name="eu-central-1"))
    translated: dict[str, Any] = translator.translate(template, parameter_values={})
    return translated
