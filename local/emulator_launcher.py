"""Starts MiniStack, and mends two things about it. Runs in the emulator's own environment (`.venv-emulator`).

MiniStack writes its state when it is asked to end, and never before: after a hard kill all of it is gone but S3's
objects. The laptop system therefore asks for a snapshot (SIGUSR1) when it is ready and now and then afterwards.

CloudFormation's names of an HTTP API's CORS settings (`AllowOrigins`) do not reach the names that its gateway reads
(`allowOrigins`), so every preflight request would be denied.

The private names used here are those of the exact version in `requirements-emulator.txt`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core.persistence import save_all
from ministack.services import apigateway


def save(*_: object) -> None:
    """Write the state of every service, each file in one step."""
    save_all(app._build_persistence_save_dict())


def mend_cors() -> None:
    """Let the gateway read CORS settings by CloudFormation's names, too."""
    for name in ("_cors_preflight_response", "_cors_response_headers"):
        setattr(apigateway, name, _renaming(getattr(apigateway, name)))


def _renaming(answer: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any], str], Any]:
    def renamed(settings: dict[str, Any], origin: str) -> Any:
        return answer({name[:1].lower() + name[1:]: value for name, value in settings.items()}, origin)

    return renamed


if __name__ == "__main__":
    mend_cors()
    signal.signal(signal.SIGUSR1, save)
    app.main()
