"""What the running system recorded of its functions, and what their policies grant there."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from infra import stages
from infra.bindings import PARAMETERS
from infra.build import TEMPLATE
from infra.websocket_api import API
from local import aws
from local.stacks import PREFIX, WEBSOCKET_API
from tests.grants.granted import Call, Grant, grants

if TYPE_CHECKING:
    from tests.stack import Stack

EMBEDDING_MODEL = "amazon.titan-embed-text-v2:0"
"""What a test tells a function that it has, where the system has none."""


def calls(stack: Stack) -> set[Call]:
    """Every call that a function made since the system was started for the first time."""
    lines = [json.loads(line) for line in stack.home.calls.read_text().splitlines()]
    return {Call(**line | {"function": line["function"].removeprefix(PREFIX)}) for line in lines}


def granted(stack: Stack) -> set[Grant]:
    """The grants of the built template, with what they refer to as it is in the running system, or as tests say."""
    known = {"AWS::Partition": "aws", "AWS::Region": aws.REGION, "AWS::AccountId": aws.ACCOUNT, API: WEBSOCKET_API}

    @cache
    def resolve(name: str) -> str:
        value = known.get(name) or stack.stacks.parameter(PARAMETERS[name])
        return EMBEDDING_MODEL if (name, value) == ("AssistantEmbeddingModelId", "none") else value

    template = json.loads((stack.home.build / TEMPLATE).read_text())
    return grants(template, stages.named(stages.LAPTOP), resolve)
