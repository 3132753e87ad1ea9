"""`outputs`: what the stacks of a stage give to those who use them."""

from __future__ import annotations

import argparse

from infra import catalogue, cloudformation
from infra.account import Account
from ops.terminal import console, table, write_json


def run(options: argparse.Namespace) -> int:
    """Print the outputs of each stack, as a table or as JSON: stack → output → value."""
    account = Account(options.profile, options.region)
    found: dict[str, dict[str, str]] = {}
    for definition in catalogue.STACKS:
        client = account.client("cloudformation", definition.region)
        if (stack := cloudformation.find(client, definition.stack(options.stage))) is not None:
            found[definition.name] = cloudformation.outputs(stack)
    if options.json:
        write_json(found)
        return 0
    rows = table("stack", "output", "value")
    for name, outputs in found.items():
        for key, value in outputs.items():
            rows.add_row(name, key, value)
    console().print(rows)
    return 0
