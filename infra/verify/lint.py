"""cfn-lint, and the transform that CloudFormation applies to the app's template before it reads it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from boto3.session import Session
from cfnlint.api import lint_file
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from infra.stages import DEFAULT_REGION

# It says for each function that it does not know what it has not fetched.
logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)


def lint(path: Path) -> list[str]:
    """Every error and warning of cfn-lint for the template at `path`."""
    return [f"{match.rule.id} {match.path}: {match.message}" for match in lint_file(path)]


def sam_translated(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """The plain CloudFormation template that the SAM transform makes of `template`, given values of `parameters`."""
    translator = Translator({}, Parser(), boto_session=Session(region_name=DEFAULT_REGION))
    translated: dict[str, Any] = translator.translate(template, parameter_values=parameters)
    return translated
