"""`status`: each stack of a stage, and how it is."""

from __future__ import annotations

import argparse

from infra import catalogue, cloudformation
from infra.account import Account
from infra.cloudformation import SUCCEEDED, Stack
from ops.terminal import console, table


def run(options: argparse.Namespace) -> int:
    """Print state, release, last change and drift of each stack."""
    account = Account(options.profile, options.region)
    rows = table("stack", "state", "release", "last change", "drift")
    for definition in catalogue.STACKS:
        name = definition.stack(options.stage)
        stack = cloudformation.find(account.client("cloudformation", definition.region), name)
        if stack is not None or catalogue.belongs(definition, options.stage, emulated=account.is_emulated):
            rows.add_row(name, *_columns(stack))
    console().print(rows)
    return 0


def _columns(stack: Stack | None) -> tuple[str, str, str, str]:
    if stack is None:
        return "[dim]not deployed[/]", "", "", ""
    state = stack["StackStatus"]
    style = "green" if state in SUCCEEDED else "yellow" if state.endswith("_IN_PROGRESS") else "red"
    changed = stack.get("LastUpdatedTime", stack["CreationTime"])
    drift = stack.get("DriftInformation", {}).get("StackDriftStatus", "NOT_CHECKED")
    return (
        f"[{style}]{state}[/]",
        cloudformation.outputs(stack).get("Release", ""),
        f"{changed:%Y-%m-%d %H:%M:%S} UTC",
        "unknown" if drift == "NOT_CHECKED" else drift.lower().replace("_", " "),
    )
