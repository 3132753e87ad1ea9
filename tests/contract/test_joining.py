"""Functions that need PostgreSQL or Valkey are in the private network, and reach there what they call."""

from __future__ import annotations

import ssl
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import deployed, of_type
from infra.network import CA_FILE, PARAMETERS
from infra.stages import DEFAULT_REGION, STAGE_NAMES
from tests.contract import joining_checks as checks
from tests.contract import network_checks
from tests.contract.conftest import Built

STACKS = PROJECT / "infra" / "stacks"
OUTSIDE = {
    *("admin_auth", "pre_sign_up", "record_activity", "record_profiles", "push_activity"),
    *("websocket_connect", "websocket_message", "websocket_disconnect", "sweep_connections"),
}
AWS_STAGES = ("dev", "staging", "prod")

Break = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_whoever_needs_database_or_cache_is_in_the_network_and_nobody_else(
    built: Callable[[str], Built], stage: str
) -> None:
    template = built(stage).template
    assert checks.outside(template) == OUTSIDE
    assert checks.astray(template) == []


def test_a_function_elsewhere_is_noticed(prod: Built) -> None:
    template = prod.template
    template["Resources"]["Migrate"]["Properties"]["VpcConfig"]["SecurityGroupIds"] = [{"Ref": "InternetGroupId"}]
    assert checks.astray(template) == ["migrate"]
    del template["Resources"]["Migrate"]["Properties"]["VpcConfig"]
    assert checks.outside(template) == OUTSIDE | {"migrate"}


def test_a_laptop_has_no_network(built: Callable[[str], Built]) -> None:
    template = built("local").template
    assert "VpcConfig" not in str(template)
    assert not template["Parameters"].keys() & PARAMETERS.keys()


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_lambda_manages_interfaces_and_the_functions_own_code_does_not(
    built: Callable[[str], Built], stage: str
) -> None:
    assert checks.unguarded(built(stage).template) == []


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda allow, deny: allow["Action"].pop(), "migrate cannot join"),
        (lambda allow, deny: deny["Action"].pop(), "migrate may do so itself"),
        (lambda allow, deny: deny.pop("Condition"), "migrate may do so itself"),
        (lambda allow, deny: deny.update(Effect="Allow"), "migrate may do so itself"),
    ],
)
def test_a_missing_guard_is_noticed(prod: Built, broken: Break, fault: str) -> None:
    template = prod.template
    role = template["Resources"]["Migrate"]["Properties"]["Role"]["Fn::GetAtt"][0]
    (policy,) = template["Resources"][role]["Properties"]["Policies"]
    named = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    broken(named["LetLambdaJoinNetwork"], named["ButNotTheFunction"])
    assert checks.unguarded(template) == [fault]


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_every_service_that_a_function_calls_has_an_endpoint(built: Callable[[str], Built], stage: str) -> None:
    endpoints = network_checks.endpoints(deployed(STACKS / "network.yaml", Stage=stage))
    template = built(stage).template
    assert checks.cut_off(template, endpoints) == []
    assert checks.on_the_internet(template) == {"answer_question"}


def test_a_missing_endpoint_is_noticed(prod: Built) -> None:
    endpoints = network_checks.endpoints(deployed(STACKS / "network.yaml", Stage="prod"))
    del endpoints["email"]
    assert checks.cut_off(prod.template, endpoints) == ["send_emails calls ses"]


def test_who_speaks_to_sockets_and_may_not_leave_is_noticed(prod: Built) -> None:
    endpoints = network_checks.endpoints(deployed(STACKS / "network.yaml", Stage="prod"))
    template = prod.template
    template["Resources"]["AnswerQuestion"]["Properties"]["VpcConfig"]["SecurityGroupIds"].pop()
    assert checks.cut_off(template, endpoints) == ["answer_question calls execute-api"]


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_behind_a_proxy_migrate_alone_reads_a_password(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    everybody = {each["FunctionName"].split("-", 2)[2] for each in checks.functions(template).values()}
    assert checks.passwords_read(template) == {"migrate"}
    assert checks.let_in_as_their_role(template) == everybody - OUTSIDE - {"migrate", "rank_bestsellers"}


def test_a_password_that_is_read_behind_a_proxy_is_noticed(prod: Built) -> None:
    template = prod.template
    resources = template["Resources"]
    resources["RelayOutbox"]["Properties"]["Role"] = resources["Migrate"]["Properties"]["Role"]
    assert checks.passwords_read(template) == {"migrate", "relay_outbox"}
    assert "relay_outbox" not in checks.let_in_as_their_role(template)


def test_without_a_proxy_functions_read_their_secret(built: Callable[[str], Built]) -> None:
    template = built("dev").template
    assert checks.let_in_as_their_role(template) == set()
    assert checks.passwords_read(template) >= {"api_handler", "migrate", "relay_outbox"}
    assert "rds-db:connect" not in str(template)


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_whoever_goes_to_the_database_itself_trusts_its_authority(built: Callable[[str], Built], stage: str) -> None:
    template = built(stage).template
    readers = checks.passwords_read(template)
    for each in checks.functions(template).values():
        trusted = each["Environment"]["Variables"].get("DATABASE_CA_FILE")
        assert trusted == (CA_FILE if each["FunctionName"].split("-", 2)[2] in readers else None)


def test_the_authorities_are_in_the_package_and_those_of_the_database(prod: Built) -> None:
    file = PROJECT / CA_FILE.removeprefix("/var/task/")
    context = ssl.create_default_context(cafile=file)
    names = [dict(part[0] for part in each["subject"])["commonName"] for each in context.get_ca_certs()]
    assert f"Amazon RDS {DEFAULT_REGION} Root CA RSA2048 G1" in names
    assert all(name.startswith("Amazon RDS ") and name.endswith(" Root CA RSA2048 G1") for name in names)
    instances = of_type(deployed(STACKS / "data.yaml", Stage="prod"), "AWS::RDS::DBInstance").values()
    assert {each["CACertificateIdentifier"] for each in instances} == {file.stem}
    assert CA_FILE.removeprefix("/var/task/") in _names(prod)


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_what_functions_are_told_is_written_by_the_stacks_before(built: Callable[[str], Built], stage: str) -> None:
    written = {
        _resolved(each["Name"]["Fn::Sub"], stage)
        for stack in ("network", "data")
        for each in of_type(deployed(STACKS / f"{stack}.yaml", Stage=stage), "AWS::SSM::Parameter").values()
    }
    declared = built(stage).template["Parameters"]
    read = {declared[name]["Default"] for name in PARAMETERS if name in declared}
    read |= {declared[name]["Default"] for name in ("CacheUrl", "DatabaseOwnerSecretArn")}
    assert read <= written
    assert ("ProxyEndpoint" in declared) is (stage != "dev")


def test_the_stages_are_those_of_the_stacks() -> None:
    assert {"local", *AWS_STAGES} == set(STAGE_NAMES)


def _resolved(name: Any, stage: str) -> str:
    text = name[0] if isinstance(name, list) else name
    return str(text).replace("${Stage}", stage)


def _names(built: Built) -> set[str]:
    with zipfile.ZipFile(built.package) as archive:
        return set(archive.namelist())
