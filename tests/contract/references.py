"""What the intrinsics of a template refer to."""

from __future__ import annotations

from typing import Any

from infra.stages import ALIAS


def name_of(reference: Any) -> str:
    """What an intrinsic or an ARN refers to: a logical id, or the name at the end."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} | str(name):
            return name
        case {"Fn::Sub": str(text)}:
            return text.rpartition(":")[2]
        case _:
            return ""


def function_of(reference: Any) -> str:
    """The function behind a reference to it or to its alias: its logical id, or its name."""
    name = name_of(reference)
    if name == ALIAS:
        name = str(reference["Fn::Sub"]).split(":")[-2]
    return name.removesuffix(f"Alias{ALIAS}")


def tail_of(reference: Any) -> str:
    """A name without the app and the stage before it."""
    return name_of(reference).split("-", 2)[2]
