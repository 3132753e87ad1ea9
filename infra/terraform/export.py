"""A root module of Terraform in a folder, from a stage that is built there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra import artifacts
from infra.build import PACKAGE, PROJECT, TEMPLATE
from infra.stages import DEFAULT_REGION, Stage
from infra.terraform import sources
from infra.terraform.module import Module
from infra.terraform.rendering import Json

SHARED = "shared"

# Passwords are arguments that are only written, which Terraform knows from 1.11 on.
_REQUIRED = {
    "required_version": ">= 1.11",
    "required_providers": {"aws": {"source": "hashicorp/aws", "version": "~> 6.25"}},
}
_DATA = {
    "aws_caller_identity": {"current": {}},
    "aws_partition": {"current": {}},
    "aws_availability_zones": {
        "available": {"state": "available", "filter": {"name": "opt-in-status", "values": ["opt-in-not-required"]}}
    },
}
_LOCALS = {
    "account_id": "${data.aws_caller_identity.current.account_id}",
    "partition": "${data.aws_partition.current.partition}",
    "region": "${var.region}",
    "url_suffix": "${data.aws_partition.current.dns_suffix}",
}
_REGION = {"type": "string", "description": "Where everything is but the edge.", "default": DEFAULT_REGION}


def write(stage: Stage, folder: Path) -> int:
    """Write the root module of a stage that is built in `folder`, and in `shared` that of the account's own stacks.

    Files of other names, such as `backend.tf`, are left alone. Returns how many resources the stage may have. Raises
    `BuildError` for anything in the stacks that has no translation.
    """
    module = sources.of_stage(stage, folder / TEMPLATE)
    files = {**_files(module, {**_tags(), "stage": stage.name}), "package": _package(folder / PACKAGE)}
    _write(files, folder)
    _write(_files(sources.shared(), _tags()), folder / SHARED)
    return sum(len(blocks) for content in files.values() for blocks in content.get("resource", {}).values())


def _files(module: Module, tags: dict[str, str]) -> dict[str, Json]:
    files = module.files()
    home = {"region": "${var.region}", "default_tags": {"tags": tags}}
    edge = {"alias": "us_east_1", **home, "region": "us-east-1"}
    files["variables"]["variable"]["region"] = _REGION
    files["terraform"] = {"terraform": _REQUIRED, "provider": {"aws": [home, edge]}, "data": _DATA, "locals": _LOCALS}
    return files


def _package(package: Path) -> Json:
    """The package in the bucket for code, once for all functions."""
    kind, name = sources.PACKAGE.split(".")
    key = artifacts.code_key(package)
    return {
        "resource": {
            kind: {name: {"bucket": "${var.code_bucket}", "key": key, "source": f"${{path.module}}/{package.name}"}}
        }
    }


def _tags() -> dict[str, str]:
    """What each resource is found by in the account's costs."""
    tags: dict[str, str] = json.loads((PROJECT / ".chalice" / "config.json").read_text())["tags"]
    return tags


def _write(files: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        held = {section: inner for section, inner in content.items() if inner}
        path = folder / f"{name}.tf.json"
        if held:
            path.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n")
        else:
            path.unlink(missing_ok=True)
