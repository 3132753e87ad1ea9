"""What a home keeps, and who may read it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from local.home import Home
from local.progress import Problem


def test_settings_survive_and_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    settings = home.settings()
    settings.ports.valkey = 6390
    home.remember(settings)

    assert Home(tmp_path / "home").settings() == settings
    assert stat.S_IMODE((tmp_path / "home" / "settings.json").stat().st_mode) == 0o600


def test_secrets_of_two_homes_differ(tmp_path: Path) -> None:
    one, other = Home(tmp_path / "one").settings(), Home(tmp_path / "other").settings()

    assert one.app_password != other.app_password
    assert one.demo_password != other.demo_password


def test_home_has_one_holder_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.holder() is None

    with home.locked():
        assert home.holder() is not None
        with pytest.raises(Problem, match="already runs"), Home(tmp_path).locked():
            pass

    assert home.holder() is None
