"""A stack is created or updated, what happens to it is told, and a failure says why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.artifacts import upload_code, upload_template
from infra.deploy import deploy_stack
from infra.errors import DeploymentFailed
from tests.cloudformation import STACK, CloudFormation, refused


class Bucket:
    """One bucket, and what was put into it."""

    meta = SimpleNamespace(endpoint_url="https://s3.eu-central-1.amazonaws.com")

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts = 0

    def list_objects_v2(self, **request: str) -> dict[str, int]:
        return {"KeyCount": sum(key.startswith(request["Prefix"]) for key in self.objects)}

    def put_object(self, **request: Any) -> None:
        self.puts += 1
        body = request["Body"]
        self.objects[request["Key"]] = body if isinstance(body, bytes) else body.read()


class Session:
    """A session that has one client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def client(self, service_name: str) -> Any:
        return self._client


def deploy(client: CloudFormation, **options: Any) -> tuple[dict[str, str], list[str]]:
    """Deploy with `client`; the outputs and what was told."""
    told: list[str] = []
    return deploy_stack(Session(client), STACK, "{}", {"CodeKey": "k"}, progress=told.append, **options), told


def test_a_new_stack_is_created_and_each_resource_told() -> None:
    client = CloudFormation(
        create=("CREATE_COMPLETE", [("Api", "CREATE_IN_PROGRESS", ""), ("Api", "CREATE_COMPLETE", "")])
    )
    outputs, told = deploy(client)
    assert outputs == {"ApiUrl": "https://api"}
    assert told == ["Api (AWS::Some::Type): CREATE_COMPLETE"]
    assert client.requests[0]["Parameters"] == [{"ParameterKey": "CodeKey", "ParameterValue": "k"}]
    assert "CAPABILITY_AUTO_EXPAND" in client.requests[0]["Capabilities"]


def test_a_stack_that_is_there_is_updated() -> None:
    client = CloudFormation("CREATE_COMPLETE", update=("UPDATE_COMPLETE", [("Api", "UPDATE_COMPLETE", "")]))
    _, told = deploy(client)
    assert client.calls == ["update"]
    assert told == ["Api (AWS::Some::Type): UPDATE_COMPLETE"]


def test_nothing_to_update_is_success() -> None:
    outputs, told = deploy(CloudFormation("UPDATE_COMPLETE"))
    assert outputs == {"ApiUrl": "https://api"}
    assert told == []


def test_what_failed_is_named_with_its_reason() -> None:
    client = CloudFormation(
        create=("ROLLBACK_COMPLETE", [("Table", "CREATE_FAILED", "already exists"), ("Table", "DELETE_COMPLETE", "")])
    )
    with pytest.raises(DeploymentFailed, match=r"(?s)ROLLBACK_COMPLETE.*Table \(AWS::Some::Type\): already exists"):
        deploy(client)


def test_a_stack_whose_creation_failed_is_made_anew() -> None:
    client = CloudFormation("ROLLBACK_COMPLETE", delete=("DELETE_COMPLETE", []), create=("CREATE_COMPLETE", []))
    deploy(client)
    assert client.calls == ["delete", "create"]


def test_an_update_that_rolled_back_failed() -> None:
    client = CloudFormation("CREATE_COMPLETE", update=("UPDATE_ROLLBACK_COMPLETE", [("Api", "UPDATE_FAILED", "no")]))
    with pytest.raises(DeploymentFailed, match=r": no$"):
        deploy(client)


def test_a_refused_template_is_a_failed_deployment() -> None:
    class Strict(CloudFormation):
        def create_stack(self, **_: Any) -> dict[str, str]:
            raise refused("Template format error")

    with pytest.raises(DeploymentFailed, match="Template format error"):
        deploy(Strict())


def test_a_large_template_is_sent_by_its_url() -> None:
    client = CloudFormation(create=("CREATE_COMPLETE", []))
    deploy(client, template_url="https://bucket/template.json")
    assert client.requests[0]["TemplateURL"] == "https://bucket/template.json"
    assert "TemplateBody" not in client.requests[0]


def test_code_is_uploaded_once_under_its_content(tmp_path: Path) -> None:
    package, bucket = tmp_path / "package.zip", Bucket()
    package.write_bytes(b"one")
    keys = [upload_code(Session(bucket), "code", package) for _ in range(2)]
    package.write_bytes(b"two")
    keys.append(upload_code(Session(bucket), "code", package))
    assert keys[0] == keys[1] != keys[2]
    assert bucket.puts == 2
    assert bucket.objects[keys[2]] == b"two"


def test_a_template_is_uploaded_under_its_content_and_has_an_address() -> None:
    bucket = Bucket()
    url = upload_template(Session(bucket), "code", "{}")
    ((key, body),) = bucket.objects.items()
    assert url == f"https://s3.eu-central-1.amazonaws.com/code/{key}"
    assert body == b"{}"
    assert upload_template(Session(bucket), "code", "[]") != url
