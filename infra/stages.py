"""The stages, and what differs between them that `.chalice/config.json` has no key for."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace

from infra.errors import BuildError

APP = "marketplace"
DEFAULT_REGION = "eu-central-1"
LAPTOP = "local"
MIGRATE = "migrate"  # the function that brings the schema to its release
ALIAS = "live"

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Stage:
    """One deployment of everything. Retention in days; the gateway's throttle in requests a second and burst size.

    One that `is_emulated` runs on this machine in the place of AWS.
    """

    name: str
    log_retention: int
    throttle_rate: int
    throttle_burst: int
    is_emulated: bool = False

    @property
    def architecture(self) -> str:
        """Graviton on AWS, this machine's own on an emulator."""
        return host_architecture() if self.is_emulated else "arm64"

    @property
    def alias(self) -> str:
        """What stands for the version of each function that is called; empty on the laptop, which has no versions."""
        return "" if self.name == LAPTOP else ALIAS

    def callable(self, function: str) -> str:
        """The name by which to call a function that is called `function` in `app.py`."""
        name = f"{APP}-{self.name}-{function}"
        return f"{name}:{self.alias}" if self.alias and function != MIGRATE else name

    def parameter(self, path: str) -> str:
        """The SSM parameter's name that the stacks of this stage share, for a path such as `users/pool-id`."""
        return f"/{APP}/{self.name}/{path}"


_STAGES = {
    stage.name: stage
    for stage in (
        Stage(LAPTOP, log_retention=1, throttle_rate=2000, throttle_burst=4000, is_emulated=True),
        Stage("dev", log_retention=7, throttle_rate=100, throttle_burst=200),
        Stage("staging", log_retention=30, throttle_rate=500, throttle_burst=1000),
        Stage("prod", log_retention=90, throttle_rate=2000, throttle_burst=4000),
    )
}
STAGE_NAMES = tuple(_STAGES)


def named(name: str, *, emulated: bool = False) -> Stage:
    """The stage called `name`, or as it is on an emulator.

    Raises `BuildError` naming those that exist (Chalice would package a made-up one).
    """
    if name not in _STAGES:
        raise BuildError(f"there is no stage {name!r}: choose one of {', '.join(STAGE_NAMES)}")
    return replace(_STAGES[name], is_emulated=True) if emulated else _STAGES[name]


def host_architecture() -> str:
    """Lambda's name for this machine's processor. Raises `BuildError` when Lambda has none like it."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise BuildError(f"Lambda runs x86_64 and arm64, not this machine's {machine}")
    return _ARCHITECTURES[machine]
