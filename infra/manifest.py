"""What a build made, for people and for the steps that follow it."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra import websocket_api
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
    """One build of one stage. `sha256` is the package's, `template_sha256` says whether the stack has to change.

    `sockets` are the routes of the WebSocket API. What `is_emulated` is for an emulator on this machine, not for AWS.
    """

    stage: str
    is_emulated: bool
    release: str
    python: str
    architecture: str
    sha256: str
    template_sha256: str
    size: Size
    packages: dict[str, Size]
    functions: tuple[Function, ...]
    routes: tuple[Route, ...]
    sockets: tuple[str, ...]

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
    """The routes of a built template's HTTP API, each with the name of its authorizer."""
    resources = template["Resources"]
    for properties in _routes_of(template, "HttpApi"):
        authorizer = properties.get("AuthorizerId", {}).get("Ref")
        yield Route(properties["RouteKey"], resources[authorizer]["Properties"]["Name"] if authorizer else "")


def list_sockets(template: Template) -> Iterator[str]:
    """The route keys of a built template's WebSocket API."""
    return (properties["RouteKey"] for properties in _routes_of(template, websocket_api.API))


def _routes_of(template: Template, api: str) -> Iterator[Template]:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route" and resource["Properties"]["ApiId"] == {"Ref": api}:
            yield resource["Properties"]
