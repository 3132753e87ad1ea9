"""The schema of Terraform's provider is read from a description of classes: here of a made-up one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.errors import BuildError
from infra.verify import provider_schema
from infra.verify.provider_schema import compact, in_camel_case

DOCS = "Docs: {{@link https://example.com/docs/resources/queue#{0} Queue#{0}}}."
STRING = {"primitive": "string"}


def argument(name: str, kind: dict[str, Any], *, block: bool = False, **more: Any) -> dict[str, Any]:
    docs = {"summary": f"{name} block.", "remarks": DOCS.format(name)} if block else {"summary": DOCS.format(name)}
    return {"name": in_camel_case(name), "type": kind, "docs": docs, **more}


ASSEMBLY = {
    "types": {
        "aws.Queue": {
            "fqn": "aws.Queue",
            "base": "cdktf.TerraformResource",
            "docs": {"summary": "Represents a {@link https://example.com aws_queue}."},
            "properties": [
                {"name": "tfResourceType", "static": True},
                {"name": "arn"},
                {"name": "delaySecondsInput"},
                {"name": "delaySeconds"},
            ],
        },
        "aws.QueueConfig": {
            "properties": [
                argument("name", STRING),
                argument("delay_seconds", {"primitive": "number"}, optional=True),
                argument("tags", {"collection": {"kind": "map", "elementtype": STRING}}, optional=True),
                argument(
                    "rule",
                    {
                        "union": {
                            "types": [
                                {"fqn": "cdktf.IResolvable"},
                                {"collection": {"kind": "array", "elementtype": {"fqn": "aws.QueueRule"}}},
                            ]
                        }
                    },
                    block=True,
                    optional=True,
                ),
            ]
        },
        "aws.QueueRule": {"properties": [argument("is_on", {"primitive": "boolean"})]},
        "aws.Other": {"base": "cdktf.ComplexObject"},
    }
}


def test_a_resource_has_arguments_and_attributes() -> None:
    assert compact(ASSEMBLY) == {
        "aws_queue": {
            "arguments": {
                "name": [True, "string"],
                "delay_seconds": [False, "number"],
                "tags": [False, "{string}"],
                "rule": [False, "[block]", {"is_on": [True, "bool"]}],
            },
            "attributes": ["arn", "delaySeconds"],
        }
    }


def test_without_the_package_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "requirements.txt"
    missing.write_text("no-index-has-this==1 --hash=sha256:00\n")
    monkeypatch.setattr(provider_schema, "REQUIREMENT", missing)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(BuildError, match="was not downloaded"):
        provider_schema.provider_schema(lambda _: None, tmp_path / "schema")
