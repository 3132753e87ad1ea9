"""Templates as far as a deployment looks into them: their parameters and their resources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_REFERENCE = re.compile(r"\{\{resolve:ssm:(/(?:[\w/.-]|\$\{Stage\})+)\}\}")


@dataclass(frozen=True)
class Template:
    """A template's text, its parameters by name, the type of each resource as it is written, and what is `certain`.

    What transforms make is not among the resources, and what depends on a condition is not certain.
    """

    text: str
    parameters: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, str]
    certain: str

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.text.encode())

    def references(self, stage: str) -> set[str]:
        """The SSM parameters that it surely reads where they are used, not through parameters of its own."""
        names = (name.replace("${Stage}", stage) for name in _REFERENCE.findall(self.certain))
        return {name for name in names if "$" not in name}


def read(text: str) -> Template:
    """A template in YAML or JSON."""
    # Valid JSON is valid YAML, which takes fifty times as long to read.
    content = json.loads(text) if text.startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    resources = {
        name: str(resource.get("Type", "")) if isinstance(resource, dict) else "loop"
        for name, resource in content["Resources"].items()
    }
    certain = [each for each in content["Resources"].values() if "Condition" not in each]
    return Template(text, content.get("Parameters", {}), resources, json.dumps(certain))


class _Loader(yaml.SafeLoader):
    """YAML in which a short form such as `!Sub` is what stands behind it."""


def _short_form(loader: _Loader, _: str, node: yaml.Node) -> Any:
    match node:
        case yaml.ScalarNode():
            return loader.construct_scalar(node)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _short_form)
