"""The README's tour, run as a reader runs it: line by line, in one shell, against the running system."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from local.home import CHECKOUT
from tests.stack import Stack

END_OF_LINE = "--- end of the output ---"
PATIENCE = 400  # seconds


@dataclass
class Step:
    """A line to copy, and the lines that the README shows as its answer; `…` in them stands for any text."""

    command: str
    shown: list[str] = field(default_factory=list)

    def missing(self, output: str) -> list[str]:
        """The shown lines that are not in `output`."""
        lines = [line.rstrip("\r") for line in output.splitlines()]
        patterns = {shown: ".*".join(re.escape(part) for part in shown.split("…")) for shown in self.shown}
        return [shown for shown, pattern in patterns.items() if not any(re.fullmatch(pattern, line) for line in lines)]


@pytest.mark.timeout(PATIENCE + 60)
def test_every_line_of_the_tour_answers_as_the_readme_shows(stack: Stack) -> None:
    steps = tour((CHECKOUT / "README.md").read_text())
    outputs = run([as_for_the_test(step.command, stack) for step in steps])

    wrong = [
        f"$ {step.command}\n{output.strip()}\n... is without:\n" + "\n".join(missing)
        for step, output in zip(steps, outputs, strict=True)
        if (missing := step.missing(output))
    ]
    assert not wrong, "\n\n".join(wrong)


def test_the_tour_shows_every_answer_of_the_api() -> None:
    steps = tour((CHECKOUT / "README.md").read_text())

    requests = [step for step in steps if re.match(r"(curl -i|cognito [A-Z]|ANSWER=)", step.command)]
    assert len(requests) > 10
    assert [step.command for step in requests if not step.shown[:1] or not step.shown[0].startswith("HTTP/1.1 ")] == []


def tour(readme: str) -> list[Step]:
    """The commands of the tour's shell blocks, each with the comments that follow it."""
    section = readme.partition("\n## A five-minute tour\n")[2].partition("\n## ")[0]
    steps: list[Step] = []
    for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("# "):
                steps[-1].shown.append(line.removeprefix("# "))
            else:
                steps.append(Step(line))
    return steps


def as_for_the_test(command: str, stack: Stack) -> str:
    """`command` with the addresses and the home of this test's system, and patience for a busy machine."""
    python = f"'{sys.executable}'"
    mine = {
        "http://localhost:8000": stack.url,
        "http://127.0.0.1:4566": stack.emulator,
        ".venv/bin/python": python,
        f"{python} -m local": f"{python} -m local --home '{stack.home.folder}'",
        f"{python} -m ops": f"{python} -m ops --home '{stack.home.folder}'",
        "--wait 10": "--wait 90",
        "sleep 5)": "sleep 15)",
    }
    for theirs, ours in mine.items():
        command = command.replace(theirs, ours)
    return command


def run(commands: list[str]) -> list[str]:
    """What each command prints in one fresh shell."""
    script = "".join(f"{command}\nprintf '\\n%s\\n' '{END_OF_LINE}'\n" for command in commands)
    shell = subprocess.run(
        ["bash", "--norc", "--noprofile"],
        input=script,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return shell.stdout.split(END_OF_LINE)[:-1]
