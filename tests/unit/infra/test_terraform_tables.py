"""Tables that call something otherwise than the provider does are told, whether a stack needs the entry or not."""

from __future__ import annotations

import pytest

from infra.terraform.conditional import elements, under
from infra.terraform.expressions import ABSENT, Choice, Expression
from infra.terraform.native import CUSTOM, without_functions
from infra.terraform.translation import Block, Companion, Table, Translation, block, document, ignored, inline
from infra.verify.terraform_tables import misnamed

SCHEMA = {
    "aws_lake": {
        "arguments": {"name": [True, "string"], "shore": [False, "[block]", {"length": [True, "number"]}]},
        "attributes": ["arn"],
    }
}
SOUND: Table = {
    "Name": "name",
    "Shores": block("shore", {"Length": "length"}),
    "Inner": inline({"Name": document("name")}),
    "Fish": ignored("none"),
}


def test_a_sound_table_has_no_findings() -> None:
    table = Translation("aws_lake", SOUND, ref="name", attributes={"Arn": "arn", "Ends": "self.shore[0].length"})
    assert list(misnamed("Lake", table, SCHEMA)) == []


@pytest.mark.parametrize(
    ("table", "finding"),
    [
        (Translation("aws_sea", {}), "Lake: the provider has no aws_sea"),
        (Translation("aws_lake", {}, ref="url"), "Lake: aws_lake has no attribute url"),
        (Translation("aws_lake", {}, ref="arn", attributes={"A": "deep"}), "Lake: aws_lake has no attribute deep"),
        (Translation("aws_lake", {"A": "deep"}, ref="arn"), "Lake: aws_lake: A is called deep"),
        (Translation("aws_lake", {"A": document("deep")}, ref="arn"), "Lake: aws_lake: A is called deep"),
        (Translation("aws_lake", {"A": inline({"B": "deep"})}, ref="arn"), "Lake: aws_lake: B is called deep"),
        (Translation("aws_lake", {"A": block("deep", {})}, ref="arn"), "Lake: aws_lake: A is called deep"),
        (Translation("aws_lake", {"A": block("shore", {"B": "deep"})}, ref="arn"), "aws_lake.shore: B is called deep"),
        (Translation("aws_lake", {}, ref="arn", companions=(Companion("aws_sea", {}, {}),)), "provider has no aws_sea"),
    ],
)
def test_what_the_provider_does_not_know_is_told(table: Translation, finding: str) -> None:
    assert finding in " ".join(misnamed("Lake", table, SCHEMA))


def test_elements_are_told_with_their_conditions() -> None:
    values = Choice("a", ["one", Choice("b", "two", ABSENT)], ABSENT)
    assert list(elements(values)) == [(("a",), "one"), (("a", "b"), "two")]
    assert under((), Block("k", {})).arguments == {}
    assert under(("a", "b"), Block("k", {})).arguments == {"count": Expression("(a) && (b) ? 1 : 0")}


def test_a_function_behind_a_custom_resource_is_left_out() -> None:
    template = {
        "Resources": {
            "Custom": {
                "Type": CUSTOM,
                "DependsOn": "Logs",
                "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "GroupId": "g"},
            },
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}},
            "Role": {"Type": "AWS::IAM::Role"},
            "Logs": {"Type": "AWS::Logs::LogGroup"},
            "Other": {"Type": "AWS::IAM::Role"},
        }
    }
    assert without_functions(template)["Resources"] == {
        "Custom": {"Type": CUSTOM, "Properties": {"GroupId": "g"}},
        "Other": {"Type": "AWS::IAM::Role"},
    }
