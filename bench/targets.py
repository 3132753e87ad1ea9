"""What is measured: the package of this checkout, unpacked, in an interpreter that has what Lambda's runtime has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.runtime_api import ExecutionEnvironment
from infra.build import PACKAGE, PROJECT, build
from infra.stages import APP, DEFAULT_REGION, LAPTOP

_RUNTIME = ("awslambdaric", "boto3")


@dataclass(frozen=True)
class Target:
    """One handler with one event to send to it. `settings` are the function's environment variables."""

    name: str
    task_root: Path
    handler: str
    event: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)

    def start(self, python: Path) -> ExecutionEnvironment:
        """A new execution environment for it."""
        # -m puts the current folder first on the search path, which is where Lambda's own bootstrap puts the task root.
        command = [str(python), "-s", "-m", "awslambdaric", self.handler]
        return ExecutionEnvironment(
            command, self.task_root, {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **self.settings}
        )


def runtime_python(folder: Path, progress: Callable[[str], object]) -> Path:
    """The interpreter of an environment with the runtime client and boto3, made in `folder` unless it is there."""
    wanted = " ".join(f"{name}=={version(name)}" for name in _RUNTIME)
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        progress(f"making an environment with {wanted}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted.split()], check=True
        )
        stamp.write_text(wanted)
    return python


def unpacked_package(folder: Path, progress: Callable[[str], object]) -> Path:
    """The folder of the package as it would be deployed on this machine, built in `folder`."""
    made = build(LAPTOP, folder / "build", progress=progress)
    root = folder / f"task-{made.sha256[:12]}"
    if not root.exists():
        for earlier in folder.glob("task-*"):
            shutil.rmtree(earlier)
        with zipfile.ZipFile(folder / "build" / PACKAGE) as archive:
            archive.extractall(root)
    return root


def raw() -> Target:
    """A handler without framework or dependencies."""
    return Target("raw handler", PROJECT, "bench.raw_handler.handler", request("/health", "/health"))


def function(name: str, handler: str, root: Path, event: Mapping[str, Any], **settings: str) -> Target:
    """A target of the package; `name` is printed. Settings are those of a function on a laptop."""
    standing = {
        "AWS_LAMBDA_FUNCTION_NAME": f"{APP}-{LAPTOP}-api_handler",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_REGION": DEFAULT_REGION,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "STAGE": LAPTOP,
        "VERSION": "bench",
        "DATABASE_TLS": "disable",
        "POWERTOOLS_SERVICE_NAME": APP,
        "RATE_LIMITS": "read=1000000000/60,write=1000000000/60",
    }
    return Target(name, root, handler, event, standing | settings)


def request(path: str, route: str, **parameters: str) -> dict[str, Any]:
    """A GET request as the HTTP API sends it (payload format 2.0)."""
    http = {
        "method": "GET",
        "path": f"/api{path}",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.1",
        "userAgent": "bench",
    }
    return {
        "version": "2.0",
        "routeKey": f"GET {route}",
        "rawPath": f"/api{path}",
        "rawQueryString": "",
        "headers": {"accept": "application/json", "host": "localhost"},
        "pathParameters": parameters,
        "requestContext": {
            "apiId": "bench",
            "stage": "api",
            "routeKey": f"GET {route}",
            "requestId": "bench",
            "http": http,
        },
        "isBase64Encoded": False,
    }
