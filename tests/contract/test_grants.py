"""What the build adds to the policies for the stages on AWS, which the laptop's tests cannot use, is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from infra import stages
from tests.contract.conftest import Built
from tests.grants.comparison import compare
from tests.grants.explanations import IN_A_NETWORK
from tests.grants.granted import Grant, grants

Build = Callable[[str], Built]
ON_AWS = ("dev", "prod")


def test_what_only_aws_grants_is_explained_and_each_explanation_is_needed(built: Build) -> None:
    found = compare(only_on_aws(built), set(), IN_A_NETWORK)

    assert (found.unused, found.stale) == (set(), set())


def test_grant_that_only_aws_has_and_nobody_explains_is_noticed(built: Build) -> None:
    more = Grant("migrate", "DeleteDatabase", "rds:DeleteDBCluster", "arn")

    assert compare({*only_on_aws(built), more}, set(), IN_A_NETWORK).unused == {more}


@pytest.mark.parametrize("explanation", IN_A_NETWORK, ids=lambda each: each.sid)
def test_grant_without_its_explanation_is_noticed(built: Build, explanation: object) -> None:
    others = [each for each in IN_A_NETWORK if each != explanation]

    assert compare(only_on_aws(built), set(), others).unused


def only_on_aws(built: Build) -> set[Grant]:
    """The grants of the stages on AWS whose statements the laptop's policies do not have."""
    here = {(grant.function, grant.sid) for grant in granted(built, ["local"])}
    return {grant for grant in granted(built, ON_AWS) if (grant.function, grant.sid) not in here}


def granted(built: Build, names: Iterable[str]) -> set[Grant]:
    """The grants of stages as they are built, with the names of what they refer to."""
    return {
        grant
        for name in names
        for grant in grants(built(name).template, stages.named(name), lambda reference: f"${{{reference}}}")
    }
