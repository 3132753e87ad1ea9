"""The stacks of a stage come in the order in which each finds what it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra import catalogue
from infra.bindings import PARAMETERS
from infra.errors import Refused


@pytest.fixture
def _whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that has a template for each stack."""
    for name in catalogue.NAMES:
        (tmp_path / f"{name}.yaml").touch()
    monkeypatch.setattr(catalogue, "TEMPLATES", tmp_path)


def names(*wanted: str, stage: str = "dev", emulated: bool = False) -> list[str]:
    """What CloudFormation calls the chosen stacks."""
    return [definition.stack(stage) for definition in catalogue.chosen(stage, wanted, emulated=emulated)]


@pytest.mark.usefixtures("_whole")
def test_a_stage_has_its_own_stacks_in_order() -> None:
    own = [name.removeprefix("marketplace-dev-") for name in names()]
    assert [name for name in own if name in IN_ORDER] == IN_ORDER
    assert own == [definition.name for definition in catalogue.STACKS if not definition.is_shared]


@pytest.mark.usefixtures("_whole")
def test_shared_stacks_are_deployed_when_they_are_named() -> None:
    assert names("delivery", "account") == ["marketplace-account", "marketplace-delivery"]


def test_an_emulator_and_a_laptop_have_two() -> None:
    assert names(emulated=True) == ["marketplace-dev-services", "marketplace-dev-app"]
    assert names(stage="local") == ["marketplace-local-services", "marketplace-local-app"]


def test_the_order_is_the_catalogues_whatever_is_asked_for() -> None:
    assert names("app", "services") == ["marketplace-dev-services", "marketplace-dev-app"]


def test_a_stack_without_a_template_is_missed_only_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services.yaml").touch()
    monkeypatch.setattr(catalogue, "TEMPLATES", tmp_path)
    assert names() == ["marketplace-dev-services", "marketplace-dev-app"]
    with pytest.raises(Refused, match="The stack edge has no template"):
        names("edge")


@pytest.mark.usefixtures("_whole")
def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(Refused, match="choose of account, delivery, network"):
        names("cache")
    with pytest.raises(Refused, match="An emulator does not take the stack data, only services, app"):
        names("data", emulated=True)


def test_no_stack_reads_what_a_later_one_writes() -> None:
    written: set[str] = set()
    for definition in catalogue.STACKS:
        if not definition.is_there:
            continue
        text = "" if definition.is_built else definition.template.read_text()
        needed = set(PARAMETERS.values()) if definition.is_built else set(_READ.findall(text))
        later = {
            path
            for other in catalogue.STACKS[catalogue.STACKS.index(definition) + 1 :]
            if other.is_there and not other.is_built
            for path in _WRITTEN.findall(other.template.read_text())
        }
        assert not needed & (later - written), definition.name
        written |= set(_WRITTEN.findall(text))


IN_ORDER = ["network", "data", "services", "app", "edge"]
_WRITTEN = re.compile(r'Name: !Sub "?/marketplace/\$\{Stage\}/([a-z/-]+)')
_READ = re.compile(r"(?:Default: /marketplace/[a-z]+|resolve:ssm:/marketplace/\$\{Stage\})/([a-z/-]+)")
