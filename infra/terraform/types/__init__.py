"""The tables, one module for each kind of resource; the last word on which types there are."""

from __future__ import annotations

from collections.abc import Mapping

from infra.errors import BuildError
from infra.terraform.translation import Translation
from infra.terraform.types import (
    api,
    buckets,
    costs,
    dashboards,
    database,
    delivery,
    edge,
    functions,
    identity,
    jobs,
    messaging,
    network,
    observability,
    roles,
    secrets,
    storage,
)

_MODULES: tuple[Mapping[str, Translation], ...] = (
    api.TYPES,
    buckets.TYPES,
    costs.TYPES,
    dashboards.TYPES,
    database.TYPES,
    delivery.TYPES,
    edge.TYPES,
    functions.TYPES,
    identity.TYPES,
    jobs.TYPES,
    messaging.TYPES,
    network.TYPES,
    observability.TYPES,
    roles.TYPES,
    secrets.TYPES,
    storage.TYPES,
)


def translations() -> dict[str, Translation]:
    """All of them, by CloudFormation type."""
    return {kind: table for types in _MODULES for kind, table in types.items()}


def translation(kind: str, place: str) -> Translation:
    """What the CloudFormation type `kind` is in Terraform. Raises `BuildError` with the `place` for others."""
    for types in _MODULES:
        if kind in types:
            return types[kind]
    raise BuildError(f"{place}: no translation to Terraform for the type {kind}")
