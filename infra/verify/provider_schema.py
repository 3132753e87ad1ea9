"""What Terraform's AWS provider takes and gives, read from its bindings for Python, which are a package like any other.

`terraform validate` asks the provider itself, which comes from a registry; the same schema is in these bindings.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from infra.build import PROJECT
from infra.errors import BuildError

REQUIREMENT = PROJECT / "infra" / "verify" / "requirements-provider.txt"
FOLDER = PROJECT / ".venv-provider"
# A block or the whole of a resource: its arguments as `[required, shape]`, or `[required, shape, inner block]`.
# Shapes are string, number, bool and any; [shape] and {shape} for lists and maps; block and [block] for what is written
# as a block, object and [object] for a value of the same form.
Schema = dict[str, Any]
_LARGEST_DEPTH = 12
_LONGEST_DOWNLOAD = 900


def provider_schema(say: Callable[[str], object], folder: Path = FOLDER) -> Schema:
    """The schema of every resource and, as `data.…`, data source: `{"arguments": …, "attributes": [names]}`.

    The package is downloaded at the first use and read once. Raises BuildError when there is no way to it.
    """
    wanted = REQUIREMENT.read_text()
    schema, stamp = folder / "schema.json", folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(exist_ok=True)
        say("downloading the schema of Terraform's AWS provider (59 MB, once)")
        package = _downloaded(folder)
        say("reading it")
        schema.write_text(json.dumps(compact(_assembly(package))))
        package.unlink()
        stamp.write_text(wanted)
    loaded: Schema = json.loads(schema.read_text())
    return loaded


def compact(assembly: dict[str, Any]) -> Schema:
    """The schema in `assembly`, a description of classes for JSII."""
    types = assembly["types"]
    kinds = {"cdktf.TerraformResource": "", "cdktf.TerraformDataSource": "data."}
    schema = {}
    for kind in types.values():
        if kind.get("base") in kinds and (named := re.search(r" (aws_\w+)\}", kind["docs"]["summary"])):
            arguments = _arguments(types, types.get(f"{kind['fqn']}Config", {}), _LARGEST_DEPTH)
            schema[kinds[kind["base"]] + named[1]] = {"arguments": arguments, "attributes": list(_attributes(kind))}
    return schema


def in_camel_case(name: str) -> str:
    """The name by which the bindings call an argument: the one form that both are sure to have."""
    return re.sub(r"_+([a-z0-9])", lambda found: found[1].upper(), name)


def _downloaded(folder: Path) -> Path:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    places: list[str | Path] = ["--dest", folder, "--requirement", REQUIREMENT]
    command = [sys.executable, "-m", "pip", "download", *options, *places]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_DOWNLOAD, check=False)
    if ended.returncode:
        raise BuildError(f"the provider's schema was not downloaded: {ended.stderr.strip()[-500:]}")
    return next(folder.glob("*.whl"))


def _assembly(package: Path) -> dict[str, Any]:
    with zipfile.ZipFile(package) as wheel:
        archive = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with wheel.open(archive) as compressed, tarfile.open(fileobj=compressed, mode="r|gz") as files:
            for file in files:
                if file.name == "package/.jsii" and (content := files.extractfile(file)):
                    assembly: dict[str, Any] = json.load(content)
                    return assembly
    raise BuildError(f"{package.name} describes no classes")


def _attributes(kind: dict[str, Any]) -> Iterator[str]:
    for each in kind.get("properties", []):
        if not each.get("static") and not each["name"].endswith("Input"):
            yield each["name"]


def _arguments(types: dict[str, Any], kind: dict[str, Any], depth: int) -> Schema:
    # Each argument's documentation is linked by its name in Terraform: `…/sqs_queue#delay_seconds SqsQueue#…`.
    arguments = {}
    for each in kind.get("properties", []):
        docs = each["docs"].get("summary", "") + each["docs"].get("remarks", "")
        if named := re.search(r"/resources/\w+#(\w+) |/data-sources/\w+#(\w+) ", docs):
            is_block = bool(re.match(r"\w+ block\.", each["docs"]["summary"]))
            shape = _shape(types, each["type"], is_block, depth)
            arguments[named[1] or named[2]] = [not each.get("optional", False), *shape]
    return arguments


def _shape(types: dict[str, Any], described: dict[str, Any], is_block: bool, depth: int) -> list[Any]:
    of = partial(_shape, types, is_block=is_block, depth=depth)
    match described:
        case {"union": {"types": list(either)}}:
            kinds = [each for each in either if each.get("fqn") != "cdktf.IResolvable"]
            return of(kinds[0]) if len(kinds) == 1 else ["any"]
        case {"collection": {"kind": kind, "elementtype": inner}}:
            shape, *block = of(inner)
            return [f"[{shape}]" if kind == "array" else f"{{{shape}}}", *block]
        case {"primitive": str(name)}:
            return [{"boolean": "bool"}.get(name, name)]
        case {"fqn": str(name)} if name in types and depth:
            return ["block" if is_block else "object", _arguments(types, types[name], depth - 1)]
    return ["any"]
