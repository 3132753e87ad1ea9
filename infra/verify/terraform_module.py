"""A root module of Terraform in its JSON form, held to the provider's schema and to itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.verify.provider_schema import Schema, in_camel_case

BUILT_IN = "terraform_data"
SECTIONS = {"resource": "", "data": "data.", "ephemeral": "ephemeral."}
META_ARGUMENTS = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "connection"}
REFERENCE = re.compile(r"(?<![\w.\"])((?:data\.|ephemeral\.)?[a-z0-9]+_\w+)\.([\w-]+)(\[[^\]]*\])?(?:\.(\w+))?")
_VALUE = re.compile(r"(?<![\w.\"])(var|local)\.([\w-]+)")


@dataclass
class Block:
    """A resource or, as `data.…`, a data source, and the file in which it is written."""

    file: str
    kind: str
    name: str
    body: dict[str, Any]

    @property
    def address(self) -> str:
        """What Terraform calls it, after its file."""
        return f"{self.file}: {self.kind}.{self.name}"


@dataclass
class Module:
    """The blocks of a module, the names of its values, and by their place its `other` sections with expressions."""

    blocks: dict[tuple[str, str], Block] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    others: list[tuple[str, Any]] = field(default_factory=list)

    def all_expressions(self) -> Iterator[str]:
        """Every expression in it."""
        for value in [*(block.body for block in self.blocks.values()), *(value for _, value in self.others)]:
            yield from _expressions(value)


def read(folder: Path) -> Module:
    """The module in `folder`, all of its `*.tf.json`."""
    module = Module()
    for path in sorted(folder.glob("*.tf.json")):
        content = json.loads(path.read_text())
        for section, prefix in SECTIONS.items():
            for kind, named in content.get(section, {}).items():
                for name, body in named.items():
                    module.blocks[prefix + kind, name] = Block(path.name, prefix + kind, name, body)
        module.values |= {f"var.{name}" for name in content.get("variable", {})}
        module.values |= {f"local.{name}" for name in content.get("locals", {})}
        for section in ("locals", "output", "provider"):
            module.others.append((f"{path.name}: {section}", content.get(section, {})))
    return module


def findings(module: Module, schema: Schema) -> list[str]:
    """What is wrong with `module`, each by file and address."""
    found = []
    for block in module.blocks.values():
        if block.kind == BUILT_IN:
            found += [f"{block.address}: {problem}" for problem in _misled(block.body, module, schema)]
            continue
        kind = _described(block.kind)
        if kind not in schema:
            found.append(f"{block.address}: the provider has no such type")
            continue
        body = {name: value for name, value in block.body.items() if name not in META_ARGUMENTS}
        arguments = schema[kind]["arguments"]
        found += [f"{block.address}{problem}" for problem in _held(body, arguments, "")]
        found += [f"{block.address}: {problem}" for problem in _misled(block.body, module, schema)]
    for where, value in module.others:
        found += [f"{where}: {problem}" for problem in _misled(value, module, schema)]
    return found


def _held(body: Mapping[str, Any], arguments: Schema, path: str) -> Iterator[str]:
    dynamic = body.get("dynamic", {})
    for name, value in body.items():
        if name == "dynamic":
            continue
        if name not in arguments:
            yield f"{path}.{name}: unknown argument"
        elif value is not None:
            _, shape, *inner = arguments[name]
            yield from _shaped(value, shape, inner[0] if inner else {}, f"{path}.{name}")
    for name, block in dynamic.items():
        if name not in arguments or "block" not in arguments[name][1]:
            yield f"{path}.{name}: unknown block"
            continue
        for each in _listed(block):
            yield from _held(each["content"], arguments[name][2], f"{path}.{name}")
    for name, (required, *_) in arguments.items():
        if required and body.get(name) is None and name not in dynamic:
            yield f"{path}.{name}: required argument is missing"


def _shaped(value: Any, shape: str, inner: Schema, path: str) -> Iterator[str]:
    if shape in ("block", "[block]"):
        yield from _blocks(value, shape, inner, path)
    elif shape == "any" or (isinstance(value, str) and _is_expression(value)):
        return
    elif shape[0] in "[{":
        yield from _collection(value, shape, inner, path)
    elif shape == "object" and isinstance(value, dict):
        yield from _held(value, inner, path)
    elif shape == "object" or not _is_scalar(value, shape):
        yield f"{path}: {shape} is wanted"


def _blocks(value: Any, shape: str, inner: Schema, path: str) -> Iterator[str]:
    blocks = _listed(value)
    if not all(isinstance(each, dict) for each in blocks):
        yield f"{path}: a block is wanted, which no expression can stand for"
    elif shape == "block" and len(blocks) > 1:
        yield f"{path}: one block is wanted, not {len(blocks)}"
    else:
        for each in blocks:
            yield from _held(each, inner, path)


def _collection(value: Any, shape: str, inner: Schema, path: str) -> Iterator[str]:
    wanted, name = (list, "a list") if shape[0] == "[" else (dict, "a map")
    if not isinstance(value, wanted):
        yield f"{path}: {name} is wanted"
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _shaped(each, shape[1:-1], inner, f"{path}[{key}]")


def _is_scalar(value: Any, shape: str) -> bool:
    if shape == "bool":
        return isinstance(value, bool) or value in ("true", "false")
    if shape == "number":
        return not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.\d+)?", str(value)) is not None
    return isinstance(value, str | int | float)


def _misled(value: Any, module: Module, schema: Schema) -> Iterator[str]:
    """References to what is not there, or is there once where many are meant, or the other way round."""
    for expression in _expressions(value):
        for value_of in _VALUE.finditer(expression):
            if value_of[0] not in module.values:
                yield f"{value_of[0]} is not declared"
        for found in REFERENCE.finditer(expression):
            kind, name, index, attribute = found.groups()
            block = module.blocks.get((kind, name))
            if block is None:
                yield f"{kind}.{name} is not declared"
                continue
            is_many = "count" in block.body or "for_each" in block.body
            if attribute and bool(index) != is_many:
                yield f"{found[0]}: {'an index is missing' if is_many else 'there is only one'}"
            known = schema.get(_described(kind))
            if attribute and known and in_camel_case(attribute) not in _readable(known):
                yield f"{found[0]}: unknown attribute"


def _described(kind: str) -> str:
    """The bindings know what is ephemeral as the data source of the same name."""
    return kind.replace("ephemeral.", "data.")


def _readable(kind: Schema) -> set[str]:
    return {*kind["attributes"], *(in_camel_case(name) for name in kind["arguments"]), "id"}


def _expressions(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from expressions(value)
        case dict():
            for name, each in value.items():
                yield from each if name == "depends_on" else _expressions(each)
        case list():
            for each in value:
                yield from _expressions(each)


def expressions(text: str) -> Iterator[str]:
    """What is between `${` and its `}` in a string of a template; `$${` is no expression."""
    start = text.find("${")
    while start >= 0:
        end = _end(text, start + 2)
        if start == 0 or text[start - 1] != "$":
            yield text[start + 2 : end]
        start = text.find("${", end)


def _is_expression(text: str) -> bool:
    return text.startswith("${") and _end(text, 2) == len(text) - 1


def _end(text: str, start: int) -> int:
    depth = 1
    for token in re.finditer(r"[{}]", text[start:]):
        depth += 1 if token[0] == "{" else -1
        if depth == 0:
            return start + token.start()
    return len(text)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
