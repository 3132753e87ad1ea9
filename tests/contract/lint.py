"""cfn-lint, and the transforms that CloudFormation applies before it reads a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from boto3.session import Session
from cfnlint.api import lint_file
from cfnlint.decode import cfn_yaml
from cfnlint.template import Template
from cfnlint.template.transforms._language_extensions import language_extension
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


def expanded(path: Path) -> dict[str, Any]:
    """The template at `path` with its loops (`Fn::ForEach`) written out, as plain dictionaries for a test to break."""
    faults, template = language_extension(Template(str(path), cfn_yaml.load(str(path)), ["eu-central-1"]))
    assert faults == []
    plain: dict[str, Any] = json.loads(json.dumps(template))
    return plain
