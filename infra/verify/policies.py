"""The policies of all functions in prod, against IAM's own tables of actions, resources and conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.chalice_app import Template
from infra.stages import ALIAS
from infra.verify.outcome import Outcome, State, judged
from infra.verify.subjects import Subjects
from infra.verify.tools import CHECKOV, installed, run

_SCRIPT = Path(__file__).parent / "policy_findings.py"
_ACCOUNT = "arn:aws:{}:eu-central-1:123456789012:{}"
# What a reference stands for, as far as its form matters.
_STANDS_FOR = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::AccountId": "123456789012",
    "UserPoolArn": _ACCOUNT.format("cognito-idp", "userpool/eu-central-1_Abc123"),
    "SecretsKeyArn": _ACCOUNT.format("kms", "key/01234567-89ab-cdef-0123-456789abcdef"),
    "TableStreamArn": _ACCOUNT.format("dynamodb", "table/marketplace-prod/stream/label"),
    "OrderEventsTopicArn": _ACCOUNT.format("sns", "marketplace-prod-order-events"),
    "DatabaseSecretArn": _ACCOUNT.format("secretsmanager", "secret:app-AbCdEf"),
    "DatabaseOwnerSecretArn": _ACCOUNT.format("secretsmanager", "secret:owner-AbCdEf"),
    "OriginSecretArn": _ACCOUNT.format("secretsmanager", "secret:origin-AbCdEf"),
}


@dataclass(frozen=True)
class Known:
    """Findings that are wrong of the tool, or answered elsewhere. `detail` is a regular expression."""

    issue: str
    detail: str
    reason: str

    def covers(self, issue: str, detail: str) -> bool:
        """Whether this is such a finding."""
        return issue == self.issue and re.search(self.detail, detail) is not None


KNOWN = (
    Known("RESOURCE_STAR", "", "tests/contract/wildcards.py has the list of all that may be, and fails for any other"),
    Known(
        "UNKNOWN_CONDITION_FOR_ACTION",
        r"^\"Unknown condition lambda:SourceFunctionArn for action ec2:\w+\"$",
        "Lambda adds the key to every call that a function makes, whichever service it is made to",
    ),
    Known(
        "RESOURCE_MISMATCH",
        r'^\[(\{"action": "bedrock:InvokeModel(WithResponseStream)?", "required_format": "[^"]+"\}(, )?)+\]$',
        "the action takes any one of several kinds of resource, and the tool wants all of them in a statement",
    ),
    Known(
        "RESOURCE_MISMATCH",
        r'^\[\{"action": "dynamodb:ListStreams", "required_format": "\*"\}\]$',
        "DynamoDB takes a table's streams, as SAM's own DynamoDBStreamReadPolicy has it",
    ),
    Known(
        "RESOURCE_MISMATCH",
        r'^\[(\{"action": "sns:(CreatePlatform|SetEndpointA|DeleteE)\w+", "required_format": "\*"\}(, )?)+\]$',
        "SNS takes the ARNs of applications and endpoints, which the tables lack: docs/unverified.md says how to see",
    ),
    Known(
        "MISMATCHED_TYPE_BUT_USABLE",
        "StringEquals requires a value of type String but given Arn",
        "the ARN of the inference profile has no pattern in it, and is compared as it is",
    ),
)


def parliament(subjects: Subjects) -> Outcome:
    """Every action, resource and condition of every function's role is one that IAM knows, and they fit together."""
    template = json.loads(subjects.translated("prod").read_text())
    policies = filled_policies(template)
    ended = run([installed(CHECKOV, "python"), "-P", "-W", "ignore", _SCRIPT], text=json.dumps(policies))
    if ended.returncode:
        return Outcome(State.FAILED, "parliament did not run", ended.stderr.splitlines()[-5:])
    return judge(json.loads(ended.stdout), KNOWN)


def filled_policies(template: Template) -> dict[str, Any]:
    """The policies of all roles of `template` in IAM's own language, by role and policy."""
    return {
        f"{name}.{policy['PolicyName']}": _filled(policy["PolicyDocument"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"].get("Policies", [])
    }


def judge(found: dict[str, list[tuple[str, str]]], known: Sequence[Known]) -> Outcome:
    """What is found in policies by name, without what is `known`, each of which has to be found somewhere."""
    told = [(name, issue, detail) for name, findings in found.items() for issue, detail in findings]
    left = [
        f"{name}: {issue} {detail}"
        for name, issue, detail in told
        if not any(each.covers(issue, detail) for each in known)
    ]
    unused = [each for each in known if not any(each.covers(issue, detail) for _, issue, detail in told)]
    line = f"{len(found)} policies, {len(left)} findings, {len(told) - len(left)} answered by {len(known)} known ones"
    return judged([*left, *(f"{each.issue} {each.detail} is known, and found nowhere" for each in unused)], line)


def _filled(value: Any) -> Any:
    match value:
        case {"Ref": str(name)}:
            return _stands_for(name)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: _stands_for(found[1]), text)
        case dict():
            return {name: _filled(each) for name, each in value.items()}
        case list():
            return [_filled(each) for each in value]
    return value


def _stands_for(name: str) -> str:
    is_alias = name.endswith(f"Alias{ALIAS}")
    return _ACCOUNT.format("lambda", f"function:x:{ALIAS}") if is_alias else _STANDS_FOR.get(name, "value")
