"""The app's stack as it is built: what every function, route and permission has to be, and that each rule can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import app
from infra import stages
from infra.build import PROJECT, refresh
from infra.errors import BuildError
from infra.verify.lint import lint
from tests.contract import alarm_checks
from tests.contract import template_checks as checks
from tests.contract.conftest import Built

AWS_STAGES = ("dev", "staging", "prod")


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_every_stage_keeps_the_rules_of_functions_and_routes(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    assert checks.handlers_outside_app(template) == []
    assert checks.shared_roles(template) == []
    assert checks.without_own_log_group(template) == []
    assert checks.untraced(template) == []
    assert checks.untagged(template) == []
    assert checks.wrongly_authorized(template, app.endpoints) == []
    assert checks.open_routes(template) == []
    assert alarm_checks.unwatched_functions(template) == []


def test_a_handler_outside_of_app_is_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["Migrate"]["Properties"]["Handler"] = "chalicelib.users.migrate"
    assert checks.handlers_outside_app(template) == ["Migrate starts at chalicelib.users.migrate"]


def test_a_shared_role_is_noticed(prod: Built) -> None:
    template = prod.template
    resources = template["Resources"]
    resources["AdminAuth"]["Properties"]["Role"] = resources["APIHandler"]["Properties"]["Role"]
    assert len(checks.shared_roles(template)) == 1


def test_a_log_group_without_an_end_is_noticed(prod: Built) -> None:
    template = prod.template
    del template["Resources"]["APIHandlerLogs"]["Properties"]["RetentionInDays"]
    assert len(checks.without_own_log_group(template)) == 1


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_functions_run_on_arm64_on_aws(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    assert checks.other_architecture(template, "arm64") == []
    template["Resources"]["AdminAuth"]["Properties"]["Architectures"] = ["x86_64"]
    assert len(checks.other_architecture(template, "arm64")) == 1


def test_functions_run_on_this_machine_on_a_laptop(built: Callable[[str], Built]) -> None:
    assert checks.other_architecture(built("local").template, stages.host_architecture()) == []


def test_a_function_that_is_not_traced_is_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["AdminAuth"]["Properties"]["Tracing"] = "PassThrough"
    assert checks.untraced(template) == ["AdminAuth"]


def test_a_route_without_its_authorizer_is_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["GetMeRoute"]["Properties"]["AuthorizationType"] = "NONE"
    assert checks.wrongly_authorized(template, app.endpoints) == ["GET /me is authorized by NONE, not JWT"]


def test_an_admin_route_behind_the_wrong_authorizer_is_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["GetAdminUsersRoute"]["Properties"]["AuthorizerId"] = {"Ref": "SignedInAuthorizer"}
    assert checks.wrongly_authorized(template, app.endpoints) == [
        "GET /admin/users names no authorizer of type REQUEST"
    ]


def test_a_route_that_is_opened_to_everybody_is_noticed(prod: Built) -> None:
    template = prod.template
    del template["Resources"]["GetOrdersRoute"]["Properties"]["AuthorizationType"]
    template["Resources"]["GetProductsRoute"]["Properties"]["AuthorizationType"] = "JWT"
    assert checks.open_routes(template) == ["GET /orders is open", "GET /products is not"]


def test_a_function_that_no_report_names_is_noticed(prod: Built) -> None:
    template = prod.template
    del template["Resources"]["AdminAuth"]["Properties"]["Tags"]["cost-centre"]
    del template["Resources"]["MigrateLogs"]["Properties"]["Tags"]
    assert checks.untagged(template) == ["AdminAuth", "MigrateLogs"]


def test_a_missing_and_an_undeclared_route_are_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["GetMeRoute"]["Properties"]["RouteKey"] = "GET /you"
    assert checks.wrongly_authorized(template, app.endpoints) == ["GET /me is missing", "GET /you is not in app.py"]


def test_tokens_are_verified_without_the_app(prod: Built) -> None:
    template = prod.template
    assert checks.needs_the_app(template) == []
    issuer = {"Fn::GetAtt": ["APIHandler", "Arn"]}
    template["Resources"]["SignedInAuthorizer"]["Properties"]["JwtConfiguration"]["Issuer"] = issuer
    assert len(checks.needs_the_app(template)) == 1


def test_an_admin_keeps_a_lost_role_for_a_minute_at_most(prod: Built) -> None:
    template = prod.template
    assert checks.long_lived_authorizations(template) == []
    template["Resources"]["AdminAuthAuthorizer"]["Properties"]["AuthorizerResultTtlInSeconds"] = 300
    assert len(checks.long_lived_authorizations(template)) == 1


def test_only_migrations_get_the_owner_of_the_database(prod: Built) -> None:
    template = prod.template
    assert checks.owner_secret_readers(template) == ["Migrate"]
    variables = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    variables["DATABASE_SECRET_ARN"] = {"Ref": "DatabaseOwnerSecretArn"}
    assert set(checks.owner_secret_readers(template)) == {"Migrate", "APIHandler"}


def test_the_gateway_is_throttled_and_logged(prod: Built) -> None:
    template = prod.template
    assert checks.unthrottled(template) == []
    del template["Resources"]["HttpApiStage"]["Properties"]["DefaultRouteSettings"]
    del template["Resources"]["WebsocketAPIStage"]["Properties"]["AccessLogSettings"]
    assert set(checks.unthrottled(template)) == {
        "HttpApiStage has no DefaultRouteSettings",
        "WebsocketAPIStage has no AccessLogSettings",
    }


def test_the_gateway_waits_longer_than_the_function_runs(prod: Built) -> None:
    resources = prod.template["Resources"]
    timeout = resources["APIHandler"]["Properties"]["Timeout"]
    assert timeout <= 28
    assert resources["HttpApiIntegration"]["Properties"]["TimeoutInMillis"] == (timeout + 1) * 1000


def test_other_origins_are_allowed_only_where_the_stage_lists_them(built: Callable[[str], Built]) -> None:
    def origins(stage: str) -> list[str] | None:
        properties = built(stage).template["Resources"]["HttpApi"]["Properties"]
        return properties.get("CorsConfiguration", {}).get("AllowOrigins")

    assert origins("prod") is None
    assert origins("local") == ["http://localhost:3000"]


def test_parameters_are_those_of_the_stage(prod: Built) -> None:
    parameters = prod.template["Parameters"]
    shared = {name: each for name, each in parameters.items() if each["Type"] not in {"String", "Number"}}
    plain = {"CodeBucket", "CodeKey", "MigrateCodeKey", "RealtimeEndpoint", "RealtimeUrl", "TrafficShift"}
    plain |= {"ApiProvisionedConcurrency", "ApiSnapStart"}
    assert parameters.keys() - shared.keys() == plain
    assert all(parameter["Default"].startswith("/marketplace/prod/") for parameter in shared.values())


def test_the_api_is_pinned_on_the_laptop_alone(built: Callable[[str], Built]) -> None:
    def tags(stage: str) -> dict[str, str]:
        return built(stage).template["Resources"]["HttpApi"]["Properties"]["Tags"]

    assert tags("local")["ms-custom-id"] == "marketplace-local-api"
    assert "ms-custom-id" not in tags("prod")


def test_migrate_can_get_its_package_before_the_others(prod: Built) -> None:
    keys = {name: function["CodeUri"]["Key"]["Ref"] for name, function in checks.functions(prod.template).items()}
    assert keys.pop("Migrate") == "MigrateCodeKey"
    assert set(keys.values()) == {"CodeKey"}


def test_functions_are_told_their_release(prod: Built) -> None:
    release = prod.manifest["release"]
    versions = {
        properties["Environment"]["Variables"]["VERSION"] for properties in checks.functions(prod.template).values()
    }
    assert versions == {release}


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_the_template_is_clean_to_cfn_lint(built: Callable[[str], Built], stage: str) -> None:
    assert lint(built(stage).folder / "template.json") == []


@pytest.mark.parametrize("stage", stages.STAGE_NAMES)
def test_the_template_is_clean_after_the_sam_transform(
    translated: Callable[[str], dict[str, Any]], stage: str, tmp_path: Path
) -> None:
    path = tmp_path / "translated.json"
    path.write_text(json.dumps(translated(stage)))
    assert lint(path) == []


def test_the_templates_are_as_small_as_cloudformation_wants_them(
    prod: Built, translated: Callable[[str], dict[str, Any]]
) -> None:
    """One in a bucket may have 1 MB and 500 resources; one in a request, as people deploy `services`, 51,200 bytes."""
    assert (prod.folder / "template.json").stat().st_size < 1_000_000 / 2
    assert len(translated("prod")["Resources"]) < 500 * 4 / 5
    for name in ("services.yaml", "account.yaml"):
        assert (PROJECT / "infra" / "stacks" / name).stat().st_size < 51_200


def test_cfn_lint_finds_a_broken_reference(prod: Built, tmp_path: Path) -> None:
    template = prod.template
    del template["Resources"]["HttpApiIntegration"]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(template))
    assert any("HttpApiIntegration" in finding for finding in lint(broken))


def test_the_manifest_lists_what_the_template_holds(prod: Built) -> None:
    manifest, template = prod.manifest, prod.template
    routes = len(checks.of_type(template, "AWS::ApiGatewayV2::Route"))
    assert len(manifest["routes"]) + len(manifest["sockets"]) == routes
    names = {properties["FunctionName"] for properties in checks.functions(template).values()}
    assert {function["name"] for function in manifest["functions"]} == names
    assert "marketplace-prod-api_handler" in names


def test_a_refresh_leaves_the_template_alone(built: Callable[[str], Built]) -> None:
    before = built("local")
    template = before.template
    made = refresh("local", before.folder, progress=lambda _: None)
    assert before.template == template
    assert made.release == template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]["VERSION"]


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(BuildError, match="choose one of local, dev, staging, prod"):
        stages.named("production")
