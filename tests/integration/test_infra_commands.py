"""`python -m infra` takes the stage dev into an account and out of it again: on an emulator of this module's own.

Functions run on this machine, so the build is for its processor and speaks to a PostgreSQL without TLS; all else is as
for AWS. The last test destroys the stage.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import catalogue
from infra.__main__ import main
from infra.build import MANIFEST, PACKAGE, TEMPLATE, build
from infra.stages import ALIAS, DEFAULT_REGION
from local import aws
from tests.integration.emulated_account import Account, empty_account
from tests.services import Services

SERVICES, APPLICATION = "marketplace-dev-services", "marketplace-dev-app"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[Account]:
    """An account in which there is a database and a cache, and no stack; and a build of dev for it."""
    with empty_account(tmp_path_factory.mktemp("account"), services) as empty:
        build("dev", empty.build, emulated=True, progress=lambda _: None)
        yield empty


@pytest.fixture(scope="module")
def deployed(account: Account) -> Account:
    """The account once the stage is deployed for the first time."""
    keys = f"services.JwksBaseUrl={aws.endpoint(account.settings)}"
    run = account.infra("deploy", "--build", account.build, "--parameter", keys)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines.index(f"{SERVICES}: done") < lines.index(f"{APPLICATION}: done")
    assert any(line.startswith("the schema is at revision 0") and "was at none" in line for line in lines)
    assert "Table (AWS::DynamoDB::GlobalTable): CREATE_COMPLETE" in lines
    return account


def test_an_empty_account_gets_everything_and_a_look_at_it_leaves_nothing(account: Account) -> None:
    stacks = account.stacks()
    run = account.infra("diff", "--stacks", "services", "--exit-code", stage="staging")
    assert run.returncode == 2, run.stderr
    assert "marketplace-staging-services: " in run.stdout
    assert "  + UserPool " in run.stdout
    assert "  + OrdersAgeAlarm " in run.stdout, "loops of the template are written out"
    assert account.stacks() == stacks


def test_the_api_answers(deployed: Account) -> None:
    address = f"{aws.endpoint(deployed.settings)}/_aws/execute-api/marketplace-dev-api/api"
    with httpx.Client(base_url=address, timeout=60) as api:
        assert api.get("/health").json()["version"]
        assert api.get("/products").json()["items"] == []
        me = api.get("/me", headers={"Authorization": f"Bearer {deployed.token()}"})
    assert me.status_code == 200, me.text


def test_nothing_changes_when_nothing_changed(deployed: Account) -> None:
    before = deployed.functions()
    diff = deployed.infra("diff", "--build", deployed.build, "--exit-code")
    assert (diff.returncode, diff.stdout) == (0, f"{SERVICES}: no changes\n{APPLICATION}: no changes\n"), diff.stderr
    run = deployed.infra("deploy", "--build", deployed.build)
    assert run.returncode == 0, run.stderr
    assert "COMPLETE" not in run.stdout
    assert deployed.functions() == before


def test_one_changed_function_is_all_that_changes(deployed: Account, tmp_path: Path) -> None:
    changed = _edited(deployed, tmp_path, "ExpireOrders", MemorySize=640)
    before = deployed.functions()
    diff = deployed.infra("diff", "--build", changed.build, "--exit-code")
    assert diff.returncode == 2, diff.stderr
    assert f"{APPLICATION}: 1 added, 1 changed, 1 removed\n" in diff.stdout
    changes = [line.split()[:2] for line in diff.stdout.splitlines() if line.startswith(("  ~", "  +", "  -"))]
    assert {sign + name[: len("ExpireOrdersVersion")] for sign, name in changes} == {
        *("~ExpireOrders", "+ExpireOrdersVersion", "-ExpireOrdersVersion"),
    }

    run = changed.infra("deploy", "--build", changed.build)

    assert run.returncode == 0, run.stderr
    told = [line for line in run.stdout.splitlines() if "(AWS::Lambda::Function)" in line]
    assert told == ["ExpireOrders (AWS::Lambda::Function): UPDATE_COMPLETE"]
    after = deployed.functions()
    assert [name for name in before if before[name] != after[name]] == ["marketplace-dev-expire_orders"]
    assert after["marketplace-dev-expire_orders"]["MemorySize"] == 640
    functions = deployed.client("lambda")
    live = functions.get_function_configuration(FunctionName="marketplace-dev-expire_orders", Qualifier=ALIAS)
    assert live["MemorySize"] == 640
    versions = functions.list_versions_by_function(FunctionName="marketplace-dev-expire_orders")["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", live["Version"]], "the one before is gone"
    assert deployed.parameter(SERVICES, "JwksBaseUrl") == aws.endpoint(deployed.settings), "parameters are remembered"


def test_the_schema_changes_by_the_new_package_while_all_else_runs_the_old_one(
    deployed: Account, tmp_path: Path
) -> None:
    changed = _edited(deployed, tmp_path)
    with zipfile.ZipFile(changed.build / PACKAGE, "a") as package:
        package.writestr("a_new_file.txt", "x")
    before = deployed.functions()

    run = changed.infra("deploy", "--build", changed.build)

    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    migrated = next(number for number, line in enumerate(lines) if line.startswith("the schema is at"))
    functions = [number for number, line in enumerate(lines) if "(AWS::Lambda::Function)" in line]
    assert [lines[number].split()[0] for number in functions if number < migrated] == ["Migrate"]
    assert len(functions) == len(before)
    after = deployed.functions()
    assert all(before[name]["CodeSha256"] != after[name]["CodeSha256"] for name in before)


def test_a_table_is_not_replaced_without_leave(
    deployed: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    template = (catalogue.TEMPLATES / "services.yaml").read_text()
    name = "TableName: !Sub marketplace-${Stage}\n"
    assert name in template
    (tmp_path / "services.yaml").write_text(template.replace(name, name.replace("\n", "-other\n")))
    monkeypatch.setattr(catalogue, "TEMPLATES", tmp_path)
    for variable, value in aws.credentials(deployed.settings).items():
        monkeypatch.setenv(variable, value)

    assert main(["deploy", "--stage", "dev", "--stacks", "services"]) == 1

    printed = capsys.readouterr()
    assert "± Table" in printed.out
    assert "Table (AWS::DynamoDB::GlobalTable) is replaced, and it holds items" in printed.err
    assert deployed.client("dynamodb").list_tables()["TableNames"] == ["marketplace-dev"]


def test_the_table_has_the_tags_of_its_replica(deployed: Account) -> None:
    tables = deployed.client("dynamodb")
    arn = tables.describe_table(TableName="marketplace-dev")["Table"]["TableArn"]
    tags = {tag["Key"]: tag["Value"] for tag in tables.list_tags_of_resource(ResourceArn=arn)["Tags"]}
    assert (tags["project"], tags["stage"]) == ("marketplace", "dev")


def test_stacks_and_outputs_are_told(deployed: Account) -> None:
    status = deployed.infra("status")
    assert f"{SERVICES}   UPDATE_COMPLETE" in status.stdout or f"{SERVICES}   CREATE_COMPLETE" in status.stdout
    assert "marketplace-dev-network" not in status.stdout, "the emulator has no such stack"
    assert json.loads((deployed.build / MANIFEST).read_text())["release"] in status.stdout
    outputs = deployed.infra("outputs")
    assert "marketplace-dev-media-" in outputs.stdout


@pytest.mark.parametrize(
    ("command", "arguments", "stage", "reason"),
    [
        ("destroy", ("--confirm", "prod"), "prod", "prod is protected"),
        ("destroy", ("--confirm", "staging"), "staging", "staging is protected"),
        ("destroy", (), "dev", "has to be typed"),
        ("deploy", ("--stacks", "services"), "prod", "no bucket for the code of prod"),
        ("deploy", ("--stacks", "network"), "dev", "An emulator does not take the stack network"),
        ("deploy", ("--stacks", "services", "--parameter", "services.No=1"), "dev", "has no parameter No"),
        ("deploy", ("--stacks", "services", "--bucket", "nobody-s"), "dev", "There is no bucket nobody-s"),
        ("deploy", ("--parameter", f"services.TableReplicaRegion={DEFAULT_REGION}"), "dev", "Give its replica another"),
        ("deploy", ("--build", "docs"), "dev", "There is no build in docs"),
        ("diff", ("--profile", "nobody-s"), "dev", "could not be found"),
    ],
)
def test_what_is_not_done_is_said_in_a_sentence(
    account: Account, command: str, arguments: tuple[str, ...], stage: str, reason: str
) -> None:
    stacks = account.stacks()
    run = account.infra(command, *arguments, stage=stage)
    assert run.returncode == 1
    assert run.stderr.startswith("failed: ")
    assert reason in run.stderr
    assert "Traceback" not in run.stderr
    assert account.stacks() == stacks


def test_calls_go_to_what_the_aliases_stand_for(deployed: Account) -> None:
    """The functions themselves are broken here, which nobody who calls them notices."""
    functions = deployed.client("lambda")
    for name in deployed.functions().keys() - {"marketplace-dev-migrate"}:
        functions.update_function_configuration(FunctionName=name, Handler="app.of_nothing")
    address = f"{aws.endpoint(deployed.settings)}/_aws/execute-api/marketplace-dev-api/api"
    me = httpx.get(f"{address}/me", headers={"Authorization": f"Bearer {deployed.token()}"}, timeout=30)
    assert me.status_code == 200, me.text
    assert _targets(deployed) == {ALIAS}


def test_a_destroyed_stage_leaves_nothing_but_what_others_wrote(deployed: Account) -> None:
    s3 = deployed.client("s3")
    for content in (b"one", b"two"):
        s3.put_object(Bucket="marketplace-dev-media-000000000000", Key="media/x", Body=content)

    run = deployed.infra("destroy", "--confirm", "dev")

    assert run.returncode == 0, run.stdout + run.stderr
    assert "marketplace-dev-media-000000000000: 2 versions of objects removed" in run.stdout
    assert "left in the account: the SSM parameter /marketplace/dev/cache/url" in run.stdout
    assert deployed.stacks() == set()
    assert deployed.functions() == {}
    assert s3.list_buckets()["Buckets"] == []
    assert deployed.client("dynamodb").list_tables()["TableNames"] == []


def _targets(account: Account) -> set[str]:
    """What queues, the stream, rules, schedules, topics and APIs call of functions: the ends of their ARNs."""
    rules, topics, apis = (account.client(service) for service in ("events", "sns", "apigatewayv2"))
    mappings = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    arns = [mapping["FunctionArn"] for mapping in mappings]
    for bus in ("default", "marketplace-dev"):
        for rule in rules.list_rules(EventBusName=bus)["Rules"]:
            targets = rules.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
            arns += [target["Arn"] for target in targets if ":lambda:" in target["Arn"]]
    arns += [each["Endpoint"] for each in topics.list_subscriptions()["Subscriptions"] if each["Protocol"] == "lambda"]
    for api in apis.get_apis()["Items"]:
        uris = [each["IntegrationUri"] for each in apis.get_integrations(ApiId=api["ApiId"])["Items"]]
        arns += [uri.removesuffix("/invocations") for uri in uris]
    assert len(arns) > 15
    return {arn.rpartition(":")[2] for arn in arns}


def _edited(account: Account, folder: Path, function: str = "", **properties: Any) -> Account:
    """The account with a copy of its build, in which a function has other properties."""
    copy = replace(account, build=folder / "build")
    shutil.copytree(account.build, copy.build)
    template = json.loads((copy.build / TEMPLATE).read_text())
    if function:
        template["Resources"][function]["Properties"] |= properties
    (copy.build / TEMPLATE).write_text(json.dumps(template))
    return copy
