"""When a virtual environment is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import environments
from local.environments import Environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("boto3==1.0\n")
    return Environment("test", tmp_path / "venv", (requirements,))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def make(environment: Environment) -> None:
        names.append(environment.name)
        environment.folder.mkdir(exist_ok=True)
        environment.stamp.write_text(environment.wanted())

    monkeypatch.setattr(environments, "_make", make)
    return names


def test_environment_is_made_once(environment: Environment, made: list[str]) -> None:
    environments.ensure(environment)
    environments.ensure(environment)

    assert made == ["test"]


def test_environment_is_made_again_when_a_requirement_changes(environment: Environment, made: list[str]) -> None:
    environments.ensure(environment)
    environment.requirements[0].write_text("boto3==2.0\n")
    environments.ensure(environment)

    assert made == ["test", "test"]


def test_interrupted_installation_is_made_again(environment: Environment, made: list[str]) -> None:
    environments.ensure(environment)
    environment.stamp.unlink()
    environments.ensure(environment)

    assert made == ["test", "test"]
