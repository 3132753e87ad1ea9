"""A module's twin, of which Terraform itself can make a plan without any provider.

Each resource becomes a `terraform_data`, which is built into Terraform and holds whatever it is given. So Terraform
reads the expressions: their functions, names, indices and types, and what they come to.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from infra.verify.terraform_module import BUILT_IN, REFERENCE, SECTIONS, Module, expressions, read

# Of any type, and known when it is made only.
_MADE = "${jsondecode(terraform_data.made_by_aws.output)}"
_MAKER = {"resource": {"terraform_data": {"made_by_aws": {"input": "${timestamp()}"}}}}
_KEPT = ("count", "for_each")
_NOT_HELD = {*_KEPT, "depends_on", "lifecycle", "provider"}


def write_twin(module: Path, folder: Path) -> None:
    """Write the twin of the module in `module` to `folder`."""
    folder.mkdir(exist_ok=True)
    declared = read(module)
    asked = _asked(declared)
    contents = {path.name: json.loads(path.read_text()) for path in sorted(module.glob("*.tf.json"))}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(_twin(content, declared, asked), indent=1))
    (folder / "made_by_aws.tf.json").write_text(json.dumps(_MAKER))


def _asked(declared: Module) -> dict[tuple[str, str], set[str]]:
    """Which attributes the module reads of each block."""
    asked: dict[tuple[str, str], set[str]] = {}
    for expression in declared.all_expressions():
        for kind, name, _, attribute in REFERENCE.findall(expression):
            if attribute:
                asked.setdefault((kind, name), set()).add(attribute)
    return asked


def _twin(content: dict[str, Any], declared: Module, asked: dict[tuple[str, str], set[str]]) -> dict[str, Any]:
    twin: dict[str, Any] = {
        name: _renamed(content[name], declared) for name in ("variable", "locals", "output") if name in content
    }
    resources = {
        _name(prefix + kind, name): _resource(body, declared, asked.get((prefix + kind, name), set()))
        for section, prefix in SECTIONS.items()
        for kind, named in content.get(section, {}).items()
        for name, body in named.items()
        if kind != BUILT_IN
    }
    resources |= _renamed(content.get("resource", {}).get(BUILT_IN, {}), declared)
    return {**twin, "resource": {"terraform_data": resources}} if resources else twin


def _resource(body: dict[str, Any], declared: Module, asked: set[str]) -> dict[str, Any]:
    twin = {name: _renamed(body[name], declared) for name in _KEPT if name in body}
    if "depends_on" in body:
        twin["depends_on"] = [_in_expression(each, declared) for each in body["depends_on"]]
    held = {name: value for name, value in body.items() if name not in _NOT_HELD}
    made = dict.fromkeys(sorted(asked - set(held)), _MADE)
    return {**twin, "input": {**made, **_renamed(held, declared)}}


def _renamed(value: Any, declared: Module) -> Any:
    match value:
        case str():
            for expression in set(expressions(value)):
                value = value.replace(f"${{{expression}}}", f"${{{_in_expression(expression, declared)}}}")
        case dict():
            return {name: _renamed(each, declared) for name, each in value.items()}
        case list():
            return [_renamed(each, declared) for each in value]
    return value


def _in_expression(expression: str, declared: Module) -> str:
    def renamed(found: re.Match[str]) -> str:
        kind, name, index, attribute = found.groups()
        if (kind, name) not in declared.blocks:
            return found[0]
        return f"terraform_data.{_name(kind, name)}{index or ''}" + (f".output.{attribute}" if attribute else "")

    return REFERENCE.sub(renamed, expression)


def _name(kind: str, name: str) -> str:
    return f"{kind.replace('.', '_')}__{name}"
