"""Rules for how many calls there may be at a time. Each returns what breaks it, so that a test can feed it breakage.

`app` is the app's stack as built, `data` the data stack as it is deployed.
"""

from __future__ import annotations

import math
from typing import Any

from tests.contract.event_checks import events
from tests.contract.template_checks import functions, of_type

Template = dict[str, Any]

MOST_RESERVED = 900
"""Of the 1,000 that a region has; Lambda keeps 100 for what has no reservation."""

_API = "APIHandler"
_DATABASE = {"DATABASE_HOST", "DATABASE_SECRET_ARN"}
# What Aurora allows by default: about 210 for each ACU of the most it may have, 5,000 altogether, and 2,000 when the
# least it may have is less than one.
_CONNECTIONS_OF_ACU, _CONNECTIONS, _CONNECTIONS_FROM_LITTLE = 210, 5000, 2000


def reserved(app: Template) -> dict[str, int]:
    """The calls at a time that are kept for each function."""
    return {name: each.get("ReservedConcurrentExecutions", 0) for name, each in functions(app).items()}


def unlimited(app: Template) -> list[str]:
    """No function can take what others need: each has a limit of its own."""
    return [f"{name} has no limit" for name, limit in reserved(app).items() if not limit]


def starving(app: Template) -> list[str]:
    """People's requests come first: nothing else may take as much as the API."""
    limits = reserved(app)
    return [f"{name} may take more than the API" for name, limit in limits.items() if limit > limits[_API]]


def throttled_queues(app: Template) -> list[str]:
    """A queue hands out no more batches at a time than its function may work on: others would count as failed."""
    limits = reserved(app)
    return [
        f"{name} is handed more than it may take"
        for name, _, event in events(app, "SQS")
        if limits[name] and event["Properties"]["ScalingConfig"]["MaximumConcurrency"] > limits[name]
    ]


def beyond_the_account(*apps: Template) -> list[str]:
    """Stages that share an account leave it what it has to have."""
    total = sum(sum(reserved(app).values()) for app in apps)
    return [f"{total} of {MOST_RESERVED} are reserved"] if total > MOST_RESERVED else []


def beyond_the_database(app: Template, data: Template) -> list[str]:
    """All connections of all functions at once fit into what the proxy may open."""
    limits = reserved(app)
    wanted = sum(
        limits[name] * int(each["Environment"]["Variables"].get("DATABASE_POOL_SIZE", 1))
        for name, each in functions(app).items()
        if _DATABASE & each["Environment"]["Variables"].keys()
    )
    there = connections(data)
    return [f"{wanted} connections are wanted, and there are {there}"] if wanted > there else []


def connections(data: Template) -> int:
    """How many the proxy may open."""
    (database,) = of_type(data, "AWS::RDS::DBCluster").values()
    (targets,) = of_type(data, "AWS::RDS::DBProxyTargetGroup").values()
    size = database["ServerlessV2ScalingConfiguration"]
    allowed = min(_CONNECTIONS_OF_ACU * float(size["MaxCapacity"]), _CONNECTIONS)
    if float(size["MinCapacity"]) < 1:
        allowed = min(allowed, _CONNECTIONS_FROM_LITTLE)
    percent = float(targets["ConnectionPoolConfigurationInfo"]["MaxConnectionsPercent"])
    return math.floor(allowed * percent / 100)
