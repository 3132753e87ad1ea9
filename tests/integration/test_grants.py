"""The recorder: what the functions asked of AWS while the tests ran is what their policies grant, and all of that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.home import CHECKOUT
from tests.grants import recorded, report
from tests.grants.comparison import compare
from tests.grants.explanations import EXPLANATIONS
from tests.grants.granted import Call, Grant
from tests.grants.modules import is_whole
from tests.integration.functions import deployed, invoke
from tests.stack import Stack

QUERY = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "nobody"}}}
MODULE = f"""
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    boto3.client("dynamodb").query(TableName="marketplace-local", **{QUERY})
    try:
        boto3.client("s3").list_buckets()
    except ClientError as error:
        return error.response["Error"]["Code"]
"""


@pytest.mark.after_everything(last=True)
def test_functions_use_what_they_are_granted_and_nothing_else(
    stack: Stack, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    granted = recorded.granted(stack)
    functions = {grant.function for grant in granted}
    calls = {call for call in recorded.calls(stack) if call.function in functions}

    found, whole = compare(granted, calls, EXPLANATIONS), is_whole(request.session)
    report.write(found, is_whole=whole)
    record_property("grants", f"{report.summary(found)}; all of it is in {report.FILE.relative_to(CHECKOUT)}")

    wrong = report.faults(found, is_whole=whole)
    assert not wrong, "\n".join(wrong)
    if not whole:
        pytest.skip("only a part of the tests ran: whether every grant is used is known after all of them")


def test_call_without_a_grant_is_recorded_and_told(stack: Stack) -> None:
    with deployed(stack, "recorded", MODULE, role="push_activity"):
        outcome, has_failed = invoke(stack, "recorded", {})
    assert not has_failed, outcome

    granted = {
        Grant("recorded", grant.sid, grant.action, grant.resource)
        for grant in recorded.granted(stack)
        if grant.function == "push_activity"
    }
    calls = {call for call in recorded.calls(stack) if call.function == "recorded"}
    found = compare(granted, calls, EXPLANATIONS)

    assert outcome == "AccessDenied"
    assert found.not_granted == {Call("recorded", "s3:ListAllMyBuckets", "*", is_allowed=False)}
    assert {(grant.sid, grant.action) for grant in found.used} == {("FindConnections", "dynamodb:Query")}
    assert ("FindConnections", "dynamodb:DeleteItem") in {(grant.sid, grant.action) for grant in found.unused}
