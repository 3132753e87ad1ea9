"""Intrinsics as Terraform computes them."""

from __future__ import annotations

from typing import Any

import pytest

from infra.errors import BuildError
from infra.terraform.expressions import ABSENT, Choice, Document, Expression, Text, Value, argument, hcl
from infra.terraform.intrinsics import evaluate, holds

ARN = Expression("aws_sqs_queue.orders.arn")


class Names:
    """A template with a stage, a parameter, a queue and a condition that nobody knows before an apply."""

    def value(self, name: str) -> Value:
        known = {"Stage": "prod", "AWS::NoValue": ABSENT, "Domain": Expression("var.domain"), "Orders": ARN}
        return known[name]

    def attribute(self, name: str, attribute: str) -> Value:
        return Expression(f"aws_sqs_queue.{name.lower()}.{attribute.lower()}")

    def entry(self, mapping: str, first: str, second: str) -> Value:
        return {"Days": {"prod": {"Logs": 90}}}[mapping][first][second]

    def condition(self, name: str) -> bool | str:
        return {"IsProd": True, "IsDev": False}.get(name, f"local.{name.lower()}")

    def dynamic(self, service: str, reference: Value) -> Value:
        return Expression(f"stored.{service}") if reference == "/marketplace/prod/table" else reference


@pytest.mark.parametrize(
    ("node", "written"),
    [
        ({"Fn::Sub": "marketplace-${Stage}"}, "marketplace-prod"),
        ({"Fn::Sub": "${Orders.Arn}/x"}, "${aws_sqs_queue.orders.arn}/x"),
        ({"Fn::Sub": ["${A}-${Stage}", {"A": {"Ref": "Domain"}}]}, "${var.domain}-prod"),
        ({"Fn::Sub": "${!Name} 100%{x}"}, "$${Name} 100%%{x}"),
        ({"Fn::Sub": "{{resolve:ssm:/marketplace/${Stage}/table}}"}, "${stored.ssm}"),
        ("{{resolve:ssm:/marketplace/prod/table}}", "${stored.ssm}"),
        ({"Fn::GetAtt": ["Orders", "Arn"]}, "${aws_sqs_queue.orders.arn}"),
        ({"Fn::GetAtt": "Orders.Arn"}, "${aws_sqs_queue.orders.arn}"),
        ({"Fn::FindInMap": ["Days", {"Ref": "Stage"}, "Logs"]}, 90),
        ({"Fn::Join": ["/", ["a", {"Ref": "Stage"}, {"Ref": "Orders"}]]}, "a/prod/${aws_sqs_queue.orders.arn}"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", "a-b"]}]}, "b"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Domain"}]}]}, '${split("-", var.domain)[1]}'),
        ({"Fn::Split": [",", {"Fn::Sub": "${Orders},${Domain}"}]}, ["${aws_sqs_queue.orders.arn}", "${var.domain}"]),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "yes"),
        ({"Fn::If": ["HasEdge", "yes", "no"]}, '${(local.hasedge ? "yes" : "no")}'),
        ({"Fn::If": ["HasEdge", "yes", {"Ref": "AWS::NoValue"}]}, '${(local.hasedge ? "yes" : null)}'),
        ({"Fn::Base64": "x"}, '${base64encode("x")}'),
        ({"A": {"Ref": "AWS::NoValue"}, "B": 1}, {"B": 1}),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
        (
            ["a", {"Fn::If": ["HasEdge", "b", {"Ref": "AWS::NoValue"}]}],
            '${[for each in ["a", (local.hasedge ? "b" : null)] : each if each != null]}',
        ),
    ],
)
def test_what_an_intrinsic_is_in_an_argument(node: Any, written: Any) -> None:
    assert argument(evaluate(node, Names())) == written


@pytest.mark.parametrize(
    ("node", "held"),
    [
        ({"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, True),
        ({"Fn::Equals": [{"Ref": "Domain"}, ""]}, 'var.domain == ""'),
        ({"Fn::Not": [{"Condition": "HasEdge"}]}, "!(local.hasedge)"),
        ({"Fn::And": [{"Condition": "IsDev"}, {"Condition": "HasEdge"}]}, False),
        ({"Fn::And": [{"Condition": "IsProd"}, {"Condition": "HasEdge"}]}, "local.hasedge"),
        ({"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "HasEdge"}]}, True),
        ({"Fn::Or": [{"Condition": "A"}, {"Condition": "B"}]}, "(local.a) || (local.b)"),
        ({"Fn::Or": [{"Condition": "IsDev"}]}, False),
    ],
)
def test_conditions_are_decided_as_far_as_they_can_be(node: Any, held: bool | str) -> None:
    assert holds(node, Names()) == held


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a b": [1, True, None]}, '{"a b" = [1, true, null]}'),
        ('say "${x}"\n', '"say \\"$${x}\\"\\n"'),
        (Text(("a/", ARN)), '"a/${aws_sqs_queue.orders.arn}"'),
        (Document({"Resource": ARN}), 'jsonencode({"Resource" = aws_sqs_queue.orders.arn})'),
        (Document({"Effect": "Allow"}), '"{\\"Effect\\":\\"Allow\\"}"'),
        (
            Choice("local.c", {"a": 1}, {"b": 2}),
            'jsondecode(local.c ? jsonencode({"a" = 1}) : jsonencode({"b" = 2}))',
        ),
        (
            {"a": Choice("local.c", 1, ABSENT), "b": 2},
            '{for name, each in {"a" = (local.c ? 1 : null), "b" = 2} : name => each if each != null}',
        ),
    ],
)
def test_values_in_terraforms_own_language(value: Value, written: str) -> None:
    assert hcl(value) == written


@pytest.mark.parametrize("node", [{"Fn::ImportValue": "x"}, {"Fn::Transform": {}, "a": 1}])
def test_an_intrinsic_that_is_not_known_is_named(node: Any) -> None:
    with pytest.raises(BuildError, match=next(iter(node))):
        evaluate(node, Names())


def test_a_condition_that_is_not_known_is_named() -> None:
    with pytest.raises(BuildError, match="Fn::Contains"):
        holds({"Fn::Contains": [["a"], "a"]}, Names())
