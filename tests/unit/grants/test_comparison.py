"""The comparison of what functions use with what they are granted notices each way in which the two can differ."""

from __future__ import annotations

from tests.grants.comparison import Comparison, compare
from tests.grants.explanations import Explanation
from tests.grants.granted import Call, Grant
from tests.grants.report import faults, markdown, summary

READ = Grant("api", "ReadItems", "dynamodb:GetItem", "arn:table/items")
WRITE = Grant("api", "WriteFiles", "s3:PutObject", "arn:files/in/*")
TRACE = Grant("api", "SendTraces", "xray:PutTraceSegments", "*")
GRANTS = {READ, WRITE, TRACE}
CALLS = {Call("api", "dynamodb:GetItem", "arn:table/items"), Call("api", "s3:PutObject", "arn:files/in/a/b")}
NO_XRAY = Explanation("SendTraces", ("xray:PutTraceSegments",), "There is no X-Ray.")


def test_grants_that_are_used_or_explained_are_in_order() -> None:
    found = compare(GRANTS, CALLS, [NO_XRAY])

    assert found == Comparison({READ, WRITE}, {TRACE: NO_XRAY}, set(), set(), set())
    assert faults(found) == []
    assert summary(found).startswith(
        "3 grants: 2 used, 1 explained, 0 unexplained granted-not-used; 0 used-not-granted"
    )


def test_grant_that_nobody_uses_is_named() -> None:
    extra = Grant("api", "ReadItems", "dynamodb:Scan", "arn:table/items")

    assert faults(compare(GRANTS | {extra}, CALLS, [NO_XRAY])) == [
        "granted, not used: api: ReadItems, dynamodb:Scan on arn:table/items"
    ]


def test_unused_resource_of_a_used_action_is_named() -> None:
    elsewhere = Grant("api", "WriteFiles", "s3:PutObject", "arn:files/out/*")

    assert compare(GRANTS | {elsewhere}, CALLS, [NO_XRAY]).unused == {elsewhere}


def test_grant_of_one_function_is_not_used_by_another() -> None:
    of_another = Grant("worker", "ReadItems", "dynamodb:GetItem", "arn:table/items")

    assert compare(GRANTS | {of_another}, CALLS, [NO_XRAY]).unused == {of_another}


def test_unused_grants_are_not_told_when_a_part_of_the_tests_ran() -> None:
    found = compare(GRANTS, set(), [NO_XRAY])

    assert found.unused == {READ, WRITE}
    assert faults(found, is_whole=False) == []
    assert "Only a part of the tests ran" in markdown(found, is_whole=False)


def test_call_without_a_grant_is_named_also_after_a_part_of_the_tests() -> None:
    found = compare(GRANTS - {WRITE}, CALLS, [NO_XRAY])

    assert faults(found, is_whole=False) == ["used, not granted: api: s3:PutObject on arn:files/in/a/b"]
    assert "| `api` | 2 | 1 | 1 | 0 | 1 |" in markdown(found, is_whole=True)


def test_call_on_another_resource_is_not_covered() -> None:
    assert compare(GRANTS, {Call("api", "s3:PutObject", "arn:files/out/a")}, [NO_XRAY]).not_granted


def test_call_that_was_refused_while_its_grant_was_taken_away_has_a_grant_and_does_not_use_it() -> None:
    refused = Call("api", "dynamodb:GetItem", "arn:table/items", is_allowed=False)

    found = compare({READ}, {refused}, [])

    assert (found.not_granted, found.unused) == (set(), {READ})


def test_explanation_of_a_grant_that_is_used_is_out_of_date() -> None:
    found = compare(GRANTS, CALLS | {Call("api", "xray:PutTraceSegments", "*")}, [NO_XRAY])

    assert faults(found, is_whole=False) == [
        f"explanation out of date: {TRACE} is used, and explained: There is no X-Ray."
    ]


def test_explanation_of_nothing_is_out_of_date() -> None:
    assert faults(compare(GRANTS - {TRACE}, CALLS, [NO_XRAY])) == [
        "explanation out of date: there is no grant for: SendTraces, xray:PutTraceSegments"
    ]


def test_explanation_may_be_about_one_function_and_some_resources() -> None:
    there, here = (Grant("api", "Ask", "bedrock:InvokeModel", f"arn:{region}:model") for region in ("there", "here"))
    of_another = Grant("worker", "Ask", "bedrock:InvokeModel", "arn:there:model")
    one_region = Explanation("Ask", ("bedrock:InvokeModel",), "One region.", resource="there:model", function="api")

    found = compare({there, here, of_another}, set(), [one_region])

    assert (set(found.explained), found.unused) == ({there}, {here, of_another})
