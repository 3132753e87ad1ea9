"""Every case of a change set is read for what it is, and printed so that nobody overlooks a loss."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from infra import change_report, changes
from infra.changes import STATEFUL, Change, Kind


def change(
    action: str, resource: str = "Thing", kind: str = "AWS::SNS::Topic", details: tuple[Any, ...] = (), **more: Any
) -> dict[str, Any]:
    """One entry of `Changes`, as `DescribeChangeSet` gives it."""
    content = {"Action": action, "LogicalResourceId": resource, "ResourceType": kind, "Details": list(details)}
    return {"Type": "Resource", "ResourceChange": content | more}


def detail(attribute: str = "Properties", name: str = "", recreation: str = "Never", **more: Any) -> dict[str, Any]:
    """One of its `Details`; `more` goes to the target but for what only a detail has."""
    target = {"Attribute": attribute, "RequiresRecreation": recreation}
    cause = {"CausingEntity": more.pop("cause")} if "cause" in more else {}
    return {"Target": target | ({"Name": name} if name else {}) | more, **cause}


def only(entry: dict[str, Any]) -> Change:
    """The one change that is read from `entry`."""
    (found,) = changes.read([entry])
    return found


def printed(*found: Change) -> str:
    """What people see in a terminal, with colours."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", width=200)
    for line in change_report.lines(found):
        console.print(line)
    return out.getvalue()


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (change("Add"), Kind.ADDED),
        (change("Import"), Kind.IMPORTED),
        (change("Remove"), Kind.REMOVED),
        (change("Modify", Replacement="False"), Kind.CHANGED),
        (change("Modify", Replacement="True"), Kind.REPLACED),
        (change("Modify", Replacement="Conditional"), Kind.PERHAPS_REPLACED),
        (change("Dynamic"), Kind.PERHAPS_REPLACED),
    ],
)
def test_each_action_is_told_apart(entry: dict[str, Any], kind: Kind) -> None:
    assert only(entry).kind == kind


def test_a_hook_is_no_change_of_a_resource() -> None:
    assert changes.read([{"Type": "Hook"}]) == []


def test_the_most_drastic_comes_first() -> None:
    entries = [change("Add", "A"), change("Modify", "B", Replacement="True"), change("Remove", "C"), change("Add", "0")]
    assert [found.resource for found in changes.read(entries)] == ["C", "B", "0", "A"]


@pytest.mark.parametrize("kind", ["Modify", "Remove"])
@pytest.mark.parametrize(
    "stateful",
    [
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::RDS::DBCluster",
        "AWS::ElastiCache::ServerlessCache",
        "AWS::KMS::Key",
        "AWS::SecretsManager::Secret",
    ],
)
def test_what_holds_something_is_in_danger_when_it_is_replaced_or_removed(stateful: str, kind: str) -> None:
    found = only(change(kind, "Kept", stateful, Replacement="True"))
    assert found.endangers
    assert found.holds == STATEFUL[stateful]
    assert f"and it holds {STATEFUL[stateful]}" in printed(found)


@pytest.mark.parametrize(
    "entry",
    [
        change("Add", kind="AWS::DynamoDB::Table"),
        change("Modify", kind="AWS::DynamoDB::Table", Replacement="False"),
        change("Import", kind="AWS::DynamoDB::Table"),
        change("Modify", kind="AWS::Lambda::Permission", Replacement="True"),
        change("Remove", kind="AWS::Lambda::Function"),
    ],
)
def test_nothing_else_is_in_danger(entry: dict[str, Any]) -> None:
    assert not only(entry).endangers


def test_perhaps_is_danger_enough() -> None:
    assert only(change("Modify", kind="AWS::SQS::Queue", Replacement="Conditional")).endangers


def test_a_property_is_told_with_its_values_and_what_it_asks_for() -> None:
    entry = change(
        "Modify",
        "Table",
        "AWS::DynamoDB::Table",
        (
            detail(name="TableName", recreation="Always", BeforeValue="a", AfterValue="b"),
            detail(name="BillingMode", Path="/Properties/BillingMode", BeforeValue="x"),
            detail("Tags"),
        ),
        Replacement="True",
        PolicyAction="ReplaceAndRetain",
    )
    text = Console(file=(out := StringIO()), width=200)
    for line in change_report.lines([only(entry)]):
        text.print(line)
    assert out.getvalue().splitlines() == [
        "  ± Table  AWS::DynamoDB::Table  replaced, and it holds items (the old one stays in the account)",
        "      TableName: a → b (needs a new resource)",
        "      BillingMode: x → nothing",
        "      Tags",
    ]


def test_a_property_is_told_once_with_what_it_depends_on() -> None:
    entry = change(
        "Modify",
        details=(detail(name="Endpoint"), detail(name="Endpoint", recreation="Conditionally", cause="Function.Arn")),
        Replacement="Conditional",
    )
    (found,) = only(entry).details
    assert (found.name, found.replaces, found.cause) == ("Endpoint", True, "Function.Arn")
    assert "because of Function.Arn" in printed(only(entry))


def follower(cause: str, resource: str = "Rule", kind: str = "AWS::Events::Rule", **more: Any) -> dict[str, Any]:
    """A resource that would have to be replaced if `cause` had another name."""
    doubt = detail(name="Targets", recreation="Always", cause=cause)
    return change("Modify", resource, kind, (doubt, *more.pop("details", ())), Replacement="Conditional")


def kinds(*entries: dict[str, Any]) -> dict[str, Kind]:
    """What becomes of each resource."""
    return {found.resource: found.kind for found in changes.read(entries)}


def test_what_refers_to_a_changed_resource_follows_it() -> None:
    function = change("Modify", "Function", "AWS::Lambda::Function", Replacement="False")
    found = kinds(function, follower("Function.Arn"), follower("Rule.Arn", "Permission", "AWS::Lambda::Permission"))
    assert found == {"Function": Kind.CHANGED, "Rule": Kind.FOLLOWING, "Permission": Kind.FOLLOWING}


@pytest.mark.parametrize(
    ("cause", "entry"),
    [
        ("another name", change("Modify", "Function", Replacement="True")),
        ("perhaps another name", change("Modify", "Function", Replacement="Conditional", details=(detail(name="X"),))),
        ("gone", change("Remove", "Function")),
    ],
)
def test_what_refers_to_something_that_may_get_another_name_stays_in_doubt(cause: str, entry: dict[str, Any]) -> None:
    assert kinds(entry, follower("Function.Arn"))["Rule"] == Kind.PERHAPS_REPLACED, cause


def test_what_changes_in_the_template_too_or_by_a_parameter_stays_in_doubt() -> None:
    function = change("Modify", "Function", Replacement="False")
    direct = detail(name="Targets", recreation="Always")
    assert kinds(function, follower("Function.Arn", details=(direct,)))["Rule"] == Kind.PERHAPS_REPLACED
    assert kinds(function, follower("Stage"))["Rule"] == Kind.PERHAPS_REPLACED


def test_what_holds_something_never_only_follows() -> None:
    function = change("Modify", "Function", Replacement="False")
    (queue,) = [
        each for each in changes.read([function, follower("Function.Arn", "Q", "AWS::SQS::Queue")]) if each.holds
    ]
    assert queue.endangers


def test_colours_say_how_bad_it_is() -> None:
    green, yellow, red = "\x1b[32m", "\x1b[33m", "\x1b[1;31m"
    assert printed(Change("A", "T", Kind.ADDED)).startswith(f"  {green}+ A")
    assert printed(Change("A", "T", Kind.CHANGED)).startswith(f"  {yellow}~ A")
    assert printed(Change("A", "T", Kind.REPLACED)).startswith(f"  {red}± A")
    assert printed(Change("A", "T", Kind.REMOVED)).startswith(f"  {red}- A")


def test_values_stay_on_one_line_and_steer_no_terminal() -> None:
    long = only(change("Modify", details=(detail(name="Policy", BeforeValue="\x1b[2J\n" + "x" * 500, AfterValue="y"),)))
    (_, line) = change_report.lines([long])
    assert len(line.plain) < 120
    assert line.plain.isprintable()
    assert line.plain.endswith("… → y")


def test_a_summary_counts() -> None:
    found = changes.read([change("Add", "A"), change("Add", "B"), change("Remove", "C")])
    assert change_report.summary("stack", found).plain == "stack: 2 added, 1 removed"
    assert change_report.summary("stack", [], "why").plain == "stack: no changes (why)"
