"""The stacks: what each is made of, what it holds, and the order in which one finds what the others wrote.

Values pass between them as SSM parameters only, so the order is all that they need of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.errors import Refused
from infra.stages import APP, LAPTOP

TEMPLATES = Path(__file__).parent / "stacks"
APPLICATION, DATA, EDGE = "app", "data", "edge"


@dataclass(frozen=True)
class Definition:
    """One stack. An account holds a shared one once for all stages; an emulator takes those that are `is_emulated`.

    A stage can do without one that `is_optional`. `region` is the only one where it can be, if there is such a one.
    """

    name: str
    holds: str
    is_shared: bool = False
    is_emulated: bool = False
    is_optional: bool = False
    region: str = ""

    @property
    def is_built(self) -> bool:
        """Whether its template comes from a build, not from a file of the project."""
        return self.name == APPLICATION

    @property
    def template(self) -> Path:
        """The file that describes it, unless it is built."""
        return TEMPLATES / f"{self.name}.yaml"

    @property
    def is_there(self) -> bool:
        """Whether the project has a template for it."""
        return self.is_built or self.template.exists()

    def stack(self, stage: str) -> str:
        """What CloudFormation calls it."""
        return f"{APP}-{self.name}" if self.is_shared else f"{APP}-{stage}-{self.name}"


STACKS = (
    Definition("account", "what an account needs once in each region", is_shared=True),
    Definition(
        "delivery", "what releases are delivered with: the bucket for code, roles of the pipeline", is_shared=True
    ),
    Definition("network", "VPC, subnets, endpoints, security groups"),
    Definition(DATA, "database, cache, keys"),
    Definition("services", "user pool, queues, topics, mail, event bus, table, media bucket", is_emulated=True),
    Definition(APPLICATION, "functions, HTTP API, WebSocket API", is_emulated=True),
    Definition("jobs", "tasks in containers, their schedules, their image's repository"),
    Definition("observability", "dashboards, saved queries, alarms of database and cache, budget"),
    Definition(EDGE, "distribution, firewall, certificate, names", is_optional=True, region="us-east-1"),
)
NAMES = tuple(definition.name for definition in STACKS)


def chosen(stage: str, names: Sequence[str] = (), *, emulated: bool = False) -> list[Definition]:
    """The stacks of `stage` in the order in which they are deployed: the named ones, or all that are the stage's own.

    Raises `Refused` for a name that there is not, that has no template, or that an emulator does not take.
    """
    for name in names:
        _check(name, stage, emulated)
    if names:
        return [definition for definition in STACKS if definition.name in names]
    return [each for each in STACKS if not each.is_shared and belongs(each, stage, emulated=emulated)]


def belongs(definition: Definition, stage: str, *, emulated: bool = False) -> bool:
    """Whether `stage` has such a stack, on AWS or on an emulator."""
    return definition.is_there and _fits(definition, stage, emulated)


def named(name: str) -> Definition:
    """The stack of that name. Raises `Refused` with all names when there is none."""
    found = next((definition for definition in STACKS if definition.name == name), None)
    if found is None:
        raise Refused(f"There is no stack {name!r}: choose of {', '.join(NAMES)}.")
    return found


def _check(name: str, stage: str, emulated: bool) -> None:
    definition = named(name)
    if not definition.is_there:
        raise Refused(f"The stack {name} has no template: {definition.template} is missing.")
    if not _fits(definition, stage, emulated):
        possible = ", ".join(each.name for each in STACKS if each.is_emulated)
        raise Refused(f"An emulator does not take the stack {name}, only {possible}.")


def _fits(definition: Definition, stage: str, emulated: bool) -> bool:
    return definition.is_emulated or not (emulated or stage == LAPTOP)
