"""A parameter is given, known or remembered, in this order, and what is wrong with one is said."""

from __future__ import annotations

from typing import Any

import pytest

from infra import parameters, templates
from infra.errors import Refused

TEMPLATE = templates.read(
    """
Parameters:
  Stage: {Type: String}
  MailFrom: {Type: String, Default: orders@marketplace.example}
  TableName: {Type: "AWS::SSM::Parameter::Value<String>", Default: /marketplace/dev/data/table-name}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "a-${Stage}", Tags: [!Ref Stage]}}
  Fn::ForEach::Queues: [Queue, [A, B], {}]
"""
)
STACK = {"Parameters": [{"ParameterKey": name, "ParameterValue": "old"} for name in ("Stage", "MailFrom", "Gone")]}


def requested(given: dict[str, str | None], stack: dict[str, Any] | None = None, **own: str) -> dict[str, str | None]:
    """The values of a request by name; None where the previous one is kept."""
    entries = parameters.request("services", TEMPLATE, given, own or {"Stage": "dev"}, stack)
    assert all(("ParameterValue" in entry) != entry.get("UsePreviousValue", False) for entry in entries)
    return {entry["ParameterKey"]: entry.get("ParameterValue") for entry in entries}


def test_arguments_name_stack_and_parameter() -> None:
    given = parameters.parse(["services.MailFrom=a=b@c.example", "services.Empty=", "app.RealtimeUrl"])
    assert given == {"services": {"MailFrom": "a=b@c.example", "Empty": ""}, "app": {"RealtimeUrl": None}}


@pytest.mark.parametrize("argument", ["MailFrom=x", "services.=x", ".MailFrom=x", "services"])
def test_any_other_form_is_refused(argument: str) -> None:
    with pytest.raises(Refused, match=r"write it as services\.MailFrom="):
        parameters.parse([argument])


def test_a_new_stack_gets_what_is_given_and_known_and_its_defaults() -> None:
    assert requested({}) == {"Stage": "dev"}
    assert requested({"MailFrom": "new"}) == {"Stage": "dev", "MailFrom": "new"}


def test_a_stack_keeps_what_nobody_gives() -> None:
    assert requested({}, STACK) == {"Stage": "dev", "MailFrom": None}
    assert requested({"MailFrom": "new"}, STACK) == {"Stage": "dev", "MailFrom": "new"}


def test_a_parameter_without_a_value_takes_its_default_again() -> None:
    assert requested({"MailFrom": None}, STACK) == {"Stage": "dev"}


def test_an_unknown_parameter_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match="no parameter Mail; it has MailFrom, Stage, TableName"):
        requested({"Mail": "x"})


def test_a_parameter_without_any_value_is_asked_for() -> None:
    with pytest.raises(Refused, match=r"--parameter services\.Stage=…"):
        parameters.request("services", TEMPLATE, {}, {}, None)


def test_nothing_but_the_named_one_changes() -> None:
    assert parameters.unchanged_but(STACK, MailFrom="new", Other="x") == [
        {"ParameterKey": "Stage", "UsePreviousValue": True},
        {"ParameterKey": "MailFrom", "ParameterValue": "new"},
        {"ParameterKey": "Gone", "UsePreviousValue": True},
    ]


class ParameterStore:
    """Knows nothing."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def get_parameters(self, Names: list[str]) -> dict[str, list[str]]:  # noqa: N803 - boto3's name
        self.asked.append(Names)
        return {"InvalidParameters": Names, "Parameters": []}


def test_what_is_named_for_the_first_time_is_looked_for() -> None:
    assert parameters.first_references(TEMPLATE, []) == ["/marketplace/dev/data/table-name"]
    given = [{"ParameterKey": "TableName", "ParameterValue": "/elsewhere"}]
    assert parameters.first_references(TEMPLATE, given) == ["/elsewhere"]
    kept = [{"ParameterKey": "TableName", "UsePreviousValue": True}]
    assert parameters.first_references(TEMPLATE, kept) == []


def test_the_store_is_asked_for_ten_at_once() -> None:
    store = ParameterStore()
    assert len(parameters.unwritten(store, {f"/{number}" for number in range(12)})) == 12
    assert [len(names) for names in store.asked] == [10, 2]


def test_the_value_of_each_parameter_is_known_before_a_request_is_carried_out() -> None:
    class Store:
        def get_parameters(self, Names: list[str]) -> dict[str, Any]:  # noqa: N803 - boto3's name
            return {"Parameters": [{"Name": name, "Value": f"value of {name}"} for name in Names]}

    given = [{"ParameterKey": "MailFrom", "ParameterValue": "new"}, {"ParameterKey": "Stage", "UsePreviousValue": True}]
    assert parameters.resolved(Store(), TEMPLATE, given, STACK) | {"Gone": ""} == {
        "Stage": "old",
        "MailFrom": "new",
        "TableName": "value of /marketplace/dev/data/table-name",
        "Gone": "",
    }


def test_references_in_the_text_are_those_of_the_stage() -> None:
    text = (
        '{"Resources": {"A": {"Type": "{{resolve:ssm:/marketplace/${Stage}/cache/url}} {{resolve:ssm:/x/${Letter}}}"}}}'
    )
    assert templates.read(text).references("dev") == {"/marketplace/dev/cache/url"}


def test_what_depends_on_a_condition_is_perhaps_never_read() -> None:
    key = "{KmsKeyId: !Sub '{{resolve:ssm:/marketplace/${Stage}/keys/secrets-arn}}'}"
    text = f"Resources: {{Secret: {{Type: AWS::SecretsManager::Secret, Properties: {key}}}}}"
    assert templates.read(text).references("dev") == {"/marketplace/dev/keys/secrets-arn"}
    assert templates.read(text.replace("Type:", "Condition: HasEdge, Type:")).references("dev") == set()


def test_a_template_is_read_with_its_short_forms() -> None:
    assert TEMPLATE.resources == {"Topic": "AWS::SNS::Topic", "Fn::ForEach::Queues": "loop"}
    assert templates.read('{"Resources": {"A": {"Type": "T"}}}').resources == {"A": "T"}
