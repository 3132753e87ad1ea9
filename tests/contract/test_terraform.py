"""The root module of Terraform is the same system as the stacks, and whole in itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra import stages
from infra.__main__ import main
from infra.errors import BuildError
from infra.terraform import export, sources
from infra.terraform.module import Module
from infra.terraform.stack import Stack
from infra.terraform.translation import Resource
from infra.terraform.types import translation
from tests.contract.conftest import Built
from tests.contract.terraform_checks import (
    circles,
    read_module,
    shared_stacks,
    stacks,
    unequal,
    unresolved,
    untranslated,
)
from tests.contract.terraform_graphs import Module as Content
from tests.contract.terraform_graphs import blocks, sections

# staging is prod in smaller: `make verify-infra` looks at all of them.
STAGES = ("dev", "prod")
EVERY_MODULE = (*STAGES, export.SHARED)
Modules = Callable[[str], Content]


@pytest.fixture(scope="module")
def module(built: Callable[[str], Built]) -> Modules:
    """A fresh copy of the root module of a stage, or of the account's own; each is written once."""

    @cache
    def folder(stage: str) -> Path:
        made = built(stage)
        export.write(stages.named(stage), made.folder)
        return made.folder

    def fresh(name: str) -> Content:
        return read_module(folder("prod") / export.SHARED if name == export.SHARED else folder(name))

    return fresh


def block(module: Content, kind: str, name: str) -> dict[str, Any]:
    """The body of one resource."""
    return next(body for each, label, body in blocks(module, "resource") if (each, label) == (kind, name))


@pytest.mark.parametrize("name", EVERY_MODULE)
def test_every_reference_resolves(module: Modules, name: str) -> None:
    assert unresolved(module(name)) == []


@pytest.mark.parametrize("name", EVERY_MODULE)
def test_nothing_is_left_of_cloudformations_functions(module: Modules, name: str) -> None:
    assert untranslated(module(name)) == []


@pytest.mark.parametrize("name", EVERY_MODULE)
def test_no_resource_waits_for_itself(module: Modules, name: str) -> None:
    assert circles(module(name)) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_what_the_stacks_are(module: Modules, built: Callable[[str], Built], stage: str) -> None:
    assert unequal(stacks(stage, built(stage).folder), module(stage), stage) == []


def test_the_accounts_own_stacks_are_what_they_are(module: Modules) -> None:
    assert unequal(shared_stacks(), module(export.SHARED)) == []


def test_a_tables_replica_has_the_tables_tags_and_its_protection(module: Modules) -> None:
    for stage, is_protected in (("dev", False), ("prod", True)):
        table = block(module(stage), "aws_dynamodb_table", "services_table")
        assert table["tags"] == {"project": "marketplace", "stage": stage}
        replica = table["dynamic"]["replica"]
        assert replica["for_each"] == "${local.services_has_table_replica ? [1] : []}"
        assert replica["content"] == {
            "region_name": "${var.table_replica_region}",
            "deletion_protection_enabled": is_protected,
            "point_in_time_recovery": is_protected,
            "propagate_tags": True,
        }


def test_what_differs_is_named(module: Modules, prod: Built) -> None:
    broken = module("prod")
    made = broken["app"]["resource"]
    del made["aws_lambda_function"]["app_send_emails"]
    made["aws_lambda_function"]["app_api_handler"]["timeout"] = 31
    trigger = "app_fulfil_orders_fulfil_orders_sqs_event_source"
    made["aws_lambda_event_source_mapping"][trigger]["function_name"] = (
        "${aws_lambda_alias.app_send_pushes_aliaslive.arn}"
    )
    policy = next(name for name in made["aws_iam_role_policy"] if name.startswith("app_fulfil_orders_role"))
    pushes = made["aws_lambda_function"]["app_send_pushes"]["environment"]["variables"]
    pushes["ORDER_EVENTS_TOPIC_ARN"] = "${aws_sns_topic.services_order_events.name}"
    statement = made["aws_iam_role_policy"][policy]
    statement["policy"] = statement["policy"].replace("sqs:DeleteMessage", "sqs:*")
    found = unequal(stacks("prod", prod.folder), broken, "prod")
    assert {
        "app_send_emails is not in the module",
        "app_api_handler: '31' is not CloudFormation's",
        f"{trigger}: '<arn of app_send_pushes_aliaslive>' is not CloudFormation's",
        "app_fulfil_orders_role: 'sqs:*' is not CloudFormation's",
        "app_send_pushes: 'ORDER_EVENTS_TOPIC_ARN=<services_order_events>' is not CloudFormation's",
    } <= set(found)
    assert {each.partition(":")[0].partition(" ")[0] for each in found} == {
        "app_send_emails",
        "app_api_handler",
        trigger,
        "app_fulfil_orders_role",
        "app_send_pushes",
    }
    assert "aws_lambda_function.app_send_emails" in unresolved(broken)


def test_a_broken_reference_is_named(module: Modules) -> None:
    broken = module("prod")
    block(broken, "aws_lambda_function", "app_api_handler")["role"] = "${aws_iam_role.app_no_such_role.arn}"
    broken["app"]["resource"]["aws_ssm_parameter"]["app_http_api_id_parameter"]["insecure_value"] = "${var.nothing}"
    assert unresolved(broken) == ["aws_iam_role.app_no_such_role", "var.nothing"]


def test_one_of_several_has_its_place(module: Modules) -> None:
    broken = module("prod")
    block(broken, "aws_ssm_parameter", "services_user_pool_id_parameter")["insecure_value"] = (
        "${aws_cognito_user_pool_domain.services_user_pool_domain.domain}"
    )
    assert unresolved(broken) == ["aws_cognito_user_pool_domain.services_user_pool_domain"]


@pytest.mark.parametrize("left", ["${AWS::Region}", "{{resolve:ssm:/a/b}}", "${Orders.Arn}", {"Ref": "Orders"}])
def test_a_function_that_is_left_is_named(module: Modules, left: Any) -> None:
    broken = module("prod")
    block(broken, "aws_lambda_function", "app_api_handler")["description"] = left
    assert [each.partition(":")[0] for each in untranslated(broken)] == ["aws_lambda_function.app_api_handler"]


def test_a_circle_is_named(module: Modules) -> None:
    broken = module("prod")
    block(broken, "aws_dynamodb_table", "services_table")["depends_on"] = ["aws_lambda_function.app_api_handler"]
    assert "aws_dynamodb_table.services_table" in circles(broken)


def test_a_type_without_a_table_is_refused() -> None:
    with pytest.raises(BuildError, match="services: Film: no translation to Terraform for the type AWS::Films::Film"):
        translation("AWS::Films::Film", "services: Film")


def test_a_property_that_no_table_has_is_refused() -> None:
    queue = Resource("services", "Orders", "AWS::SQS::Queue", {"QueueName": "orders", "Colour": "red"})
    with pytest.raises(BuildError, match=r"Orders \(AWS::SQS::Queue\): no translation .* the property Colour"):
        translation(queue.type, queue.place).blocks(queue)


def test_a_property_inside_of_another_is_refused() -> None:
    function = Resource("app", "Api", "AWS::Lambda::Function", {"TracingConfig": {"Mode": "Active", "Depth": 2}})
    with pytest.raises(BuildError, match=r"TracingConfig.*Depth"):
        translation(function.type, function.place).blocks(function)


@pytest.mark.parametrize("beside", [{"CreationPolicy": {}}, {"UpdatePolicy": {"AutoScalingRollingUpdate": {}}}])
def test_what_stands_beside_the_properties_is_refused(beside: dict[str, Any]) -> None:
    orders = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders"}, **beside}
    stack = Stack("services", "marketplace-prod-services", {"Resources": {"Orders": orders}})
    with pytest.raises(BuildError, match=r"services: Orders: no translation to Terraform for (Creation|AutoScaling)"):
        Module([stack]).files()


def test_an_ssm_parameter_that_nobody_writes_is_refused() -> None:
    parameters = {"Pool": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/marketplace/prod/users/pool"}}
    orders = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Pool"}}}
    stack = Stack("app", "marketplace-prod-app", {"Parameters": parameters, "Resources": {"Orders": orders}})
    with pytest.raises(BuildError, match="no stack writes the SSM parameter /marketplace/prod/users/pool"):
        Module([stack]).files()


def test_one_name_for_two_parameters_is_two_variables() -> None:
    first = Stack("services", "s", {"Parameters": {"Edge": {"Type": "String", "Default": "no"}}, "Resources": {}})
    second = Stack("app", "a", {"Parameters": {"Edge": {"Type": "String", "Default": ""}}, "Resources": {}})
    assert list(Module([first, second]).files()["variables"]["variable"]) == ["app_edge", "edge"]


def test_a_setting_that_ssm_carries_is_a_reference(module: Modules) -> None:
    variables = block(module("prod"), "aws_lambda_function", "app_api_handler")["environment"]["variables"]
    assert variables["USER_POOL_ID"] == "${aws_cognito_user_pool.services_user_pool.id}"


def test_what_holds_data_is_not_destroyed_in_prod(module: Modules) -> None:
    table = ("aws_dynamodb_table", "services_table")
    assert block(module("prod"), *table)["lifecycle"] == {"prevent_destroy": True}
    assert "lifecycle" not in block(module("dev"), *table)


def test_codedeploy_alone_shifts_an_alias_where_releases_are_tried(module: Modules) -> None:
    alias = ("aws_lambda_alias", "app_api_handler_aliaslive")
    assert block(module("prod"), *alias)["lifecycle"] == {"ignore_changes": ["function_version", "routing_config"]}
    assert "lifecycle" not in block(module("dev"), *alias)
    assert block(module("dev"), *alias)["function_version"] == "${aws_lambda_function.app_api_handler.version}"


def test_what_is_shifted_is_asked_of_codedeploy(module: Modules) -> None:
    asked = dict(sections(module("prod"), "output"))["app_deployments"]["value"]
    behind = "${[for each in [{"
    assert asked.startswith(behind)
    assert asked.endswith("] : each.request if each.current != each.target]}")
    assert asked.count('"target" = ') == len(module("prod")["app"]["resource"]["aws_lambda_alias"])
    assert "app_deployments" not in dict(sections(module("dev"), "output"))


def test_a_function_waits_for_what_its_role_may_do(module: Modules) -> None:
    waits = block(module("prod"), "aws_lambda_function", "app_send_emails")["depends_on"]
    assert any(each.startswith("aws_iam_role_policy.app_send_emails_role") for each in waits)


def test_a_trigger_waits_for_the_queue_that_it_names(module: Modules) -> None:
    name = "app_fulfil_orders_fulfil_orders_sqs_event_source"
    assert (
        "aws_sqs_queue.services_orders" in block(module("prod"), "aws_lambda_event_source_mapping", name)["depends_on"]
    )


def test_the_same_stacks_make_the_same_files(prod: Built, module: Modules) -> None:
    first = module("prod")
    again = sources.of_stage(stages.named("prod"), prod.folder / "template.json").files()
    assert json.dumps(first["app"], ensure_ascii=False) == json.dumps(again["app"], ensure_ascii=False)


def test_files_of_the_user_stay(module: Modules, prod: Built, tmp_path: Path) -> None:
    module("prod")
    copied = shutil.copytree(prod.folder, tmp_path / "prod")
    (copied / "backend.tf").write_text('terraform {\n  backend "s3" {}\n}\n')
    export.write(stages.named("prod"), copied)
    assert (copied / "backend.tf").exists()


def test_an_emulator_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["build", "--stage", "local", "--format", "terraform", "--out", str(tmp_path)]) == 1
    assert "Terraform is for AWS" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
