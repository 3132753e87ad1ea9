"""`python -m infra.verify`: run all checks, or those of `--only`, and say in a table what they found."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from infra.errors import BuildError
from infra.verify.checks import CHECKS
from infra.verify.outcome import Check, Outcome, State
from infra.verify.subjects import Subjects
from ops.terminal import console, table

_STYLES = {State.PASSED: "green", State.FAILED: "red", State.NOT_RUN: "yellow"}


def main(arguments: Sequence[str] | None = None, checks: Sequence[Check] = CHECKS) -> int:
    """Returns 1 when a check failed."""
    parser = argparse.ArgumentParser(prog="python -m infra.verify", description=__doc__)
    parser.add_argument("--only", action="append", choices=[check.name for check in checks], help="may be repeated")
    chosen = parser.parse_args(arguments).only
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of metrics about itself
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        subjects = Subjects(Path(folder), lambda text: say(f"    {text}"))
        outcomes = {}
        for check in checks:
            if chosen is None or check.name in chosen:
                say(f"{check.name}: {check.proves} ...")
                outcomes[check] = _outcome(check, subjects)
    _tell(outcomes)
    return 1 if any(outcome.state is State.FAILED for outcome in outcomes.values()) else 0


def _outcome(check: Check, subjects: Subjects) -> Outcome:
    try:
        return check.run(subjects)
    except (BuildError, OSError, subprocess.SubprocessError, ValueError) as error:
        return Outcome(State.FAILED, "the check itself failed", [f"{type(error).__name__}: {error}"])


def _tell(outcomes: dict[Check, Outcome]) -> None:
    rows = table("check", "", "result", "what it proves")
    for check, outcome in outcomes.items():
        style = _STYLES[outcome.state]
        rows.add_row(check.name, f"[{style}]{outcome.state}[/]", escape(outcome.line), check.proves)
    terminal = console()
    terminal.print()
    terminal.print(rows)
    for check, outcome in outcomes.items():
        for finding in outcome.findings:
            terminal.print(f"[red]{check.name}[/]: {escape(finding)}", soft_wrap=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
