"""How the API's function is kept warm, by parameters of the app's stack: nothing is, unless somebody asks for it.

How many calls of a function there may be at a time is `reserved_concurrency` in `.chalice/config.json`.
"""

from __future__ import annotations

import copy

from infra.chalice_app import Template
from infra.http_api import HANDLER
from infra.stages import Stage

PROVISIONED, SNAP_START = "ApiProvisionedConcurrency", "ApiSnapStart"
SNAPSHOTS, NONE = "PublishedVersions", "None"

_IS_PROVISIONED = "HasApiProvisionedConcurrency"
_FIRST_WITH_SNAP_START = (3, 12)


def warm_api(template: Template, stage: Stage) -> Template:
    """`template` whose API can have environments that are started before they are needed. The laptop: as it was.

    Either so many of them all the time, or each from a snapshot, which Lambda takes of Python 3.12 and later; rules of
    the template refuse the two together, and snapshots of an earlier Python.
    """
    result = copy.deepcopy(template)
    if not stage.alias:
        return result
    function = result["Resources"][HANDLER]["Properties"]
    takes_snapshots = _python(function["Runtime"]) >= _FIRST_WITH_SNAP_START
    result.setdefault("Parameters", {}).update(_parameters(function.get("ReservedConcurrentExecutions")))
    result.setdefault("Conditions", {})[_IS_PROVISIONED] = _is_set(PROVISIONED, "0")
    result["Rules"] = _rules(function["Runtime"], takes_snapshots=takes_snapshots)
    wanted = {"ProvisionedConcurrentExecutions": {"Ref": PROVISIONED}}
    function["ProvisionedConcurrencyConfig"] = {"Fn::If": [_IS_PROVISIONED, wanted, {"Ref": "AWS::NoValue"}]}
    if takes_snapshots:
        function["SnapStart"] = {"ApplyOn": {"Ref": SNAP_START}}
    return result


def _parameters(reserved: int | None) -> Template:
    """No more can be kept than the function may have."""
    most = {} if reserved is None else {"MaxValue": reserved}
    return {
        PROVISIONED: {
            "Type": "Number",
            "Default": 0,
            "MinValue": 0,
            **most,
            "Description": "How many environments of the API are kept ready; they cost by the hour.",
        },
        SNAP_START: {
            "Type": "String",
            "Default": NONE,
            "AllowedValues": [NONE, SNAPSHOTS],
            "Description": "Whether the API starts from a snapshot of each version.",
        },
    }


def _rules(runtime: str, *, takes_snapshots: bool) -> Template:
    without = {"Fn::Equals": [{"Ref": SNAP_START}, NONE]}
    both = "What starts from a snapshot is not kept ready by Lambda: choose one of {} and {}."
    rules = {"ReadyOrSnapshots": _rule(_is_set(PROVISIONED, "0"), without, both.format(PROVISIONED, SNAP_START))}
    if not takes_snapshots:
        why = f"Lambda takes snapshots of python3.12 and later, and this build is for {runtime}."
        rules["SnapshotsOfThisPython"] = _rule(_is_set(SNAP_START, NONE), without, why)
    return rules


def _is_set(parameter: str, default: str) -> Template:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, default]}]}


def _rule(condition: Template, wanted: Template, otherwise: str) -> Template:
    return {"RuleCondition": condition, "Assertions": [{"Assert": wanted, "AssertDescription": otherwise}]}


def _python(runtime: str) -> tuple[int, ...]:
    return tuple(int(part) for part in runtime.removeprefix("python").split("."))
