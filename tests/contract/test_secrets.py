"""Secrets are under the stage's key, and whoever may read one may decrypt that one alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import deployed
from tests.contract.conftest import Built
from tests.contract.template_checks import functions, statements

READ, DECRYPT = "secretsmanager:GetSecretValue", "kms:Decrypt"


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_who_reads_a_secret_may_decrypt_that_one_and_nothing_else(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    assert read(template)
    assert mismatches(template) == []


def test_more_or_less_than_that_is_noticed(prod: Built) -> None:
    template = prod.template
    decrypting = next(each for each in _statements(template) if DECRYPT in each["Action"])
    decrypting["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"] = ["*"]
    assert len(mismatches(template)) == 1
    decrypting["Condition"] = {}
    assert len(mismatches(template)) == 1
    decrypting["Action"] = []
    assert len(mismatches(template)) == 1


def test_the_laptop_has_no_key(built: Callable[[str], Built]) -> None:
    assert "SecretsKeyArn" not in str(built("local").template)


def test_the_secret_of_the_edge_is_under_the_key_that_those_may_use(prod: Built) -> None:
    services = deployed(PROJECT / "infra" / "stacks" / "services.yaml", Stage="prod", Edge="true")
    key = services["Resources"]["OriginSecret"]["Properties"]["KmsKeyId"]
    parameter = prod.template["Parameters"]["SecretsKeyArn"]["Default"]
    assert str(key).replace("${Stage}", "prod").count(f"{{{{resolve:ssm:{parameter}}}}}") == 1


def read(template: dict[str, Any]) -> list[Any]:
    """The secrets that functions may read."""
    return [each["Resource"] for each in _statements(template) if READ in each["Action"]]


def mismatches(template: dict[str, Any]) -> list[str]:
    """Functions that may not decrypt exactly what they may read, through Secrets Manager."""
    found = []
    for function in functions(template).values():
        allowed = statements(template, function)
        may_read = [each["Resource"] for each in allowed if READ in each["Action"]]
        decrypting = [each.get("Condition", {}) for each in allowed if DECRYPT in each["Action"]]
        expected = {
            "StringEquals": {
                "kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.amazonaws.com"},
                "kms:EncryptionContext:SecretARN": may_read,
            }
        }
        if decrypting != ([expected] if may_read else []):
            found.append(str(function["FunctionName"]))
    return found


def _statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for function in functions(template).values() for each in statements(template, function)]
