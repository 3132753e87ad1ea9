"""How a stage is seen: dashboards and saved queries name what there is, and money has its limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.build import PROJECT
from infra.deployed import Template, deployed, of_type
from tests.contract import dashboard_checks as checks
from tests.contract.conftest import Built
from tests.contract.template_checks import functions
from tests.contract.test_alarms import uncounted

STACKS = PROJECT / "infra" / "stacks"
PATH = STACKS / "observability.yaml"
REGION = {"AWS::Region": "eu-central-1", "HttpApi": "http", "WebsocketApi": "socket"}

each_stage = pytest.mark.parametrize("stage", ["dev", "prod"])


@pytest.fixture
def template() -> Template:
    return deployed(PATH, Stage="prod")


def dashboards(stage: str) -> dict[str, Any]:
    """The dashboards of `stage`, as CloudWatch gets them."""
    return checks.bodies(deployed(PATH, Stage=stage), Stage=stage, **REGION)


def names(stack: str, kind: str, setting: str, stage: str) -> set[str]:
    """What the resources of a type in a stack are called."""
    resources = of_type(deployed(STACKS / f"{stack}.yaml", Stage=stage), kind).values()
    return {properties[setting]["Fn::Sub"].replace("${Stage}", stage) for properties in resources}


def things(stage: str, app: Template) -> dict[str, set[str]]:
    """The names that dimensions may have in `stage`."""
    return {
        "FunctionName": {
            function["FunctionName"].replace("-prod-", f"-{stage}-") for function in functions(app).values()
        },
        "QueueName": names("services", "AWS::SQS::Queue", "QueueName", stage),
        "TopicName": names("services", "AWS::SNS::Topic", "TopicName", stage),
        "TableName": names("services", "AWS::DynamoDB::GlobalTable", "TableName", stage),
        "DBClusterIdentifier": names("data", "AWS::RDS::DBCluster", "DBClusterIdentifier", stage),
        "DBInstanceIdentifier": names("data", "AWS::RDS::DBInstance", "DBInstanceIdentifier", stage),
        "ProxyName": names("data", "AWS::RDS::DBProxy", "DBProxyName", stage),
        "clusterId": names("data", "AWS::ElastiCache::ServerlessCache", "ServerlessCacheName", stage),
        "stage": {stage},
        "service": {"marketplace"},
    }


def own_metrics(bodies: dict[str, Any]) -> set[str]:
    """The application's metrics that dashboards show and that it counts."""
    shown = {metric.name for body in bodies.values() for metric in checks.metrics(body) if metric.schema == checks.OWN}
    return shown - set(uncounted(shown))


@each_stage
def test_dashboards_show_metrics_that_somebody_counts(stage: str) -> None:
    bodies = dashboards(stage)
    assert set(bodies) == {"ApiDashboard", "OrdersDashboard", "DataDashboard", "CostDashboard"}
    for body in bodies.values():
        assert checks.strange_metrics(body, own_metrics(bodies)) == []


@each_stage
def test_dashboards_name_what_the_stage_has(stage: str, prod: Built) -> None:
    for body in dashboards(stage).values():
        assert checks.strange_things(body, things(stage, prod.template)) == []


def test_a_strange_metric_and_a_strange_queue_are_noticed(prod: Built) -> None:
    body = dashboards("prod")["OrdersDashboard"]
    rows = body["widgets"][0]["properties"]["metrics"]
    rows += [
        ["AWS/SQS", "Age", "QueueName", "marketplace-prod-emails"],
        ["Marketplace", "EventsLost", "service", "marketplace", "stage", "prod"],
        ["Marketplace", "EventsParked", "stage", "prod"],
        ["AWS/SQS", "NumberOfMessagesSent", "QueueName", "marketplace-prod-letters"],
        ["AWS/Lambda", "Duration", "FunctionName", "marketplace-prod-send_letters"],
        [{"expression": "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Faults\"', 'Sum', 300)"}],
    ]
    assert checks.strange_metrics(body, own_metrics({"": body})) == [
        "AWS/SQS Age by QueueName",
        "Marketplace EventsLost by service, stage",
        "Marketplace EventsParked by stage",
        "AWS/Lambda Faults by FunctionName",
    ]
    assert checks.strange_things(body, things("prod", prod.template)) == [
        "QueueName marketplace-prod-letters",
        "FunctionName marketplace-prod-send_letters",
    ]


def test_the_edge_is_shown_where_there_is_one() -> None:
    assert '"AWS/CloudFront"' not in json.dumps(dashboards("prod"))
    template = deployed(PATH, Stage="prod", DistributionId="E123")
    bodies = checks.bodies(template, Stage="prod", DistributionId="E123", **REGION)
    shown = [metric for metric in checks.metrics(bodies["ApiDashboard"]) if metric.namespace == "AWS/CloudFront"]
    assert {metric.name for metric in shown} == {"Requests", "BytesDownloaded", "4xxErrorRate", "5xxErrorRate"}
    assert {metric.dimensions["DistributionId"] for metric in shown} == {"E123"}
    assert checks.strange_metrics(bodies["ApiDashboard"], own_metrics(bodies)) == []


def test_dev_shows_no_proxy() -> None:
    assert '"ProxyName"' not in json.dumps(dashboards("dev"))
    assert '"ProxyName"' in json.dumps(dashboards("prod"))


@each_stage
def test_alarms_watch_what_the_stage_has(stage: str, prod: Built) -> None:
    known = things(stage, prod.template)
    for alarm in of_type(deployed(PATH, Stage=stage), "AWS::CloudWatch::Alarm").values():
        (dimension,) = alarm["Dimensions"]
        schema = (alarm["Namespace"], dimension["Name"])
        assert alarm["MetricName"] in checks.COUNTED_BY_AWS[schema]
        assert dimension["Value"]["Fn::Sub"].replace("${Stage}", stage) in known[dimension["Name"]]


def test_the_composite_names_alarms_that_exist(template: Template, prod: Built) -> None:
    (composite,) = of_type(template, "AWS::CloudWatch::CompositeAlarm").values()
    alarms = of_type(template, "AWS::CloudWatch::Alarm") | of_type(prod.template, "AWS::CloudWatch::Alarm")
    known = {str(alarm["AlarmName"]) for alarm in alarms.values()}
    rule = composite["AlarmRule"]["Fn::Sub"]
    for name in rule.split('"')[1::2]:
        assert {name.replace("${Stage}", "prod"), str({"Fn::Sub": name})} & known


def test_only_an_alarm_that_another_one_tells_of_is_silent(template: Template) -> None:
    alarms = of_type(template, "AWS::CloudWatch::Alarm") | of_type(template, "AWS::CloudWatch::CompositeAlarm")
    assert [name for name, alarm in alarms.items() if "AlarmActions" not in alarm] == ["DatabaseCapacityAlarm"]


def test_queries_name_what_is_logged(template: Template) -> None:
    logged = checks.logged_fields(PROJECT / "chalicelib")
    source = "\n".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    queries = of_type(template, "AWS::Logs::QueryDefinition")
    assert len(queries) == 5
    for query in queries.values():
        assert checks.strange_fields(query["QueryString"], logged) == set()
        assert checks.strange_messages(query["QueryString"], source) == set()
    assert checks.strange_fields("filter colour = 1 | stats max(milliseconds) as slowest by route", logged) == {
        "colour"
    }
    assert checks.strange_messages('filter message = "request lost"', source) == {"request lost"}


def test_queries_of_all_functions_look_into_all_functions(template: Template, prod: Built) -> None:
    groups = {f"/aws/lambda/{function['FunctionName']}" for function in functions(prod.template).values()}
    for name in ("CorrelationIdQuery", "ErrorsByFunctionQuery", "DeadLettersQuery"):
        searched = template["Resources"][name]["Properties"]["LogGroupNames"]
        assert {group["Fn::Sub"].replace("${Stage}", "prod") for group in searched} == groups


@pytest.mark.parametrize(("given", "amount"), [("0", 5000), ("750", "750")])
def test_the_budget_is_the_stages_unless_one_is_given(given: str, amount: Any) -> None:
    (budget,) = of_type(deployed(PATH, Stage="prod", BudgetAmount=given), "AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": amount, "Unit": "USD"}
    tags = [each["Tags"] for each in budget["Budget"]["FilterExpression"]["And"]]
    assert [(tag["Key"], tag["Values"]) for tag in tags] == [("project", ["marketplace"]), ("stage", ["prod"])]
    assert {each["Notification"]["NotificationType"] for each in budget["NotificationsWithSubscribers"]} == {
        "ACTUAL",
        "FORECASTED",
    }


def test_unusual_cost_of_the_stage_is_told_at_once(template: Template) -> None:
    resources = template["Resources"]
    monitor, subscription = (resources[name]["Properties"] for name in ("CostMonitor", "CostSubscription"))
    assert json.loads(monitor["MonitorSpecification"]["Fn::Sub"])["Tags"]["Key"] == "stage"
    threshold = json.loads(subscription["ThresholdExpression"]["Fn::Sub"])["Dimensions"]
    assert threshold["Values"] == ["${AnomalyAmount}"]
    assert subscription["Frequency"] == "IMMEDIATE"  # which topics alone get


def test_billing_may_tell_the_topic_of_alarms() -> None:
    services = deployed(STACKS / "services.yaml", Stage="prod")["Resources"]
    published = services["AlarmsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    used = services["TopicKey"]["Properties"]["KeyPolicy"]["Statement"]
    billing = {"budgets.amazonaws.com", "costalerts.amazonaws.com"}
    for statements in (published, used):
        assert any(
            billing <= set(each["Principal"].get("Service", ())) for each in statements if each["Principal"] != "*"
        )


def test_the_app_writes_the_ids_of_its_apis(prod: Built) -> None:
    parameters = of_type(prod.template, "AWS::SSM::Parameter").values()
    written = {properties["Name"]: properties["Value"]["Ref"] for properties in parameters}
    assert written == {
        "/marketplace/prod/api/http-id": "HttpApi",
        "/marketplace/prod/api/websocket-id": "WebsocketAPI",
    }
