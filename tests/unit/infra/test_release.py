"""A release is named after the history of its sources, and after its content when that is not all of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from infra.release import identify

DIGEST = "0123456789abcdef" * 4


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder` as somebody."""
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    run = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_clean_checkout_is_named_by_its_commit_or_tag(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert identify(tmp_path, DIGEST) == git(tmp_path, "rev-parse", "--short", "HEAD")
    git(tmp_path, "tag", "v1.0.0")
    assert identify(tmp_path, DIGEST) == "v1.0.0"


def test_changes_show_in_the_name(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    (tmp_path / "app.py").write_text("")
    assert identify(tmp_path, DIGEST).endswith("+0123456789ab")


def test_a_changed_setting_is_no_new_release(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text("{}")
    assert identify(tmp_path, DIGEST) == git(tmp_path, "rev-parse", "--short", "HEAD")


def test_without_history_the_content_is_the_name(tmp_path: Path) -> None:
    assert identify(tmp_path, DIGEST) == "sha-0123456789ab"
