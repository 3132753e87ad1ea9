"""What a build made, for people and for the steps that follow it."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.bindings import functions
from infra.chalice_app import Template
from infra.stages import Stage


@dataclass(frozen=True)
class Size:
    """Bytes in the zip and unpacked."""

    zipped: int
    unzipped: int


@dataclass(frozen=True)
class Function:
    """One Lambda function; `environment` holds names only. Memory in MB, timeout in seconds."""

    name: str
    handler: str
    role: str
    memory: int
    timeout: int
    environment: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API; `authorizer` is empty on a public one."""

    key: str
    authorizer: str


@dataclass(frozen=True)
class Manifest:
    """One build of one stage. `sha256` is the package's, `template_sha256` says whether the stack has to change."""

    stage: str
    release: str
    python: str
    architecture: str
    sha256: str
    template_sha256: str
    size: Size
    packages: dict[str, Size]
    functions: tuple[Function, ...]
    routes: tuple[Route, ...]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def read(path: Path) -> dict[str, Any]:
    """What `Manifest.write` wrote."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def sizes(package: Path) -> dict[str, Size]:
    """The size of each top-level module or folder of a zip, largest first."""
    zipped: dict[str, int] = defaultdict(int)
    unzipped: dict[str, int] = defaultdict(int)
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            top = entry.filename.partition("/")[0]
            zipped[top] += entry.compress_size
            unzipped[top] += entry.file_size
    return {name: Size(zipped[name], unzipped[name]) for name in sorted(zipped, key=lambda name: -zipped[name])}


def list_functions(template: Template, stage: Stage) -> Iterator[Function]:
    """The functions of a built template."""
    for properties in functions(template, stage).values():
        yield Function(
            name=properties["FunctionName"],
            handler=properties["Handler"],
            role=properties["Role"]["Fn::GetAtt"][0],
            memory=properties["MemorySize"],
            timeout=properties["Timeout"],
            environment=tuple(sorted(properties["Environment"]["Variables"])),
        )


def list_routes(template: Template) -> Iterator[Route]:
    """The routes of a built template, each with the name of its authorizer."""
    resources = template["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            properties = resource["Properties"]
            authorizer = properties.get("AuthorizerId", {}).get("Ref")
            yield Route(properties["RouteKey"], resources[authorizer]["Properties"]["Name"] if authorizer else "")
