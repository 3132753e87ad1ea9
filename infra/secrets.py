"""The secrets that functions read, and the key that those are under."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from infra.bindings import declare_shared, functions, statements
from infra.chalice_app import Template
from infra.stages import Stage

PARAMETERS = {"SecretsKeyArn": "keys/secrets-arn"}

_READ = "secretsmanager:GetSecretValue"


def decrypt_secrets(template: Template, stage: Stage) -> Template:
    """`template` where whoever may read a secret may decrypt that one, through Secrets Manager alone.

    An emulator keeps secrets under no key of the stage's own.
    """
    result = copy.deepcopy(template)
    if stage.is_emulated:
        return result
    for function in functions(result, stage).values():
        allowed = statements(result, function)
        if secrets := list(_read(allowed)):
            allowed.append(_decrypt(secrets))
    return declare_shared(result, PARAMETERS, stage)


def _read(allowed: list[Template]) -> Iterator[Any]:
    for statement in allowed:
        if _READ in statement["Action"]:
            named = statement["Resource"]
            yield from named if isinstance(named, list) else [named]


def _decrypt(secrets: list[Any]) -> Template:
    return {
        "Sid": "DecryptOwnSecrets",
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": {"Ref": "SecretsKeyArn"},
        "Condition": {
            "StringEquals": {
                "kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.amazonaws.com"},
                "kms:EncryptionContext:SecretARN": secrets,
            }
        },
    }
