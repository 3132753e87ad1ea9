"""A template with its loops written out, as cfn-lint has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml
from cfnlint.template import Template
from cfnlint.template.transforms._language_extensions import language_extension


def expanded(path: Path) -> dict[str, Any]:
    """The template at `path` with its loops (`Fn::ForEach`) written out, as plain dictionaries for a test to break."""
    faults, template = language_extension(Template(str(path), cfn_yaml.load(str(path)), ["eu-central-1"]))
    assert faults == []
    plain: dict[str, Any] = json.loads(json.dumps(template))
    return plain
