"""Used ⊆ granted, and every grant is used or explained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.grants.explanations import Explanation
from tests.grants.granted import Call, Grant


@dataclass(frozen=True)
class Comparison:
    """What was found: grants by what became of them, calls that none covers, and explanations nobody needs."""

    used: set[Grant]
    explained: dict[Grant, Explanation]
    unused: set[Grant]
    not_granted: set[Call]
    stale: set[str]

    @property
    def grants(self) -> set[Grant]:
        return self.used | self.unused | set(self.explained)


def compare(grants: Collection[Grant], calls: Collection[Call], explanations: Collection[Explanation]) -> Comparison:
    """What became of each grant, and of each call.

    A grant is used when a call that it covers was allowed. A call that was refused is held against the same grants: a
    test may have taken one away while it was made.
    """
    used = {grant for grant in grants if any(call.is_allowed and grant.covers(call) for call in calls)}
    reasons = {grant: found for grant in grants if (found := _explanation(grant, explanations)) is not None}
    return Comparison(
        used=used,
        explained={grant: reason for grant, reason in reasons.items() if grant not in used},
        unused=set(grants) - used - set(reasons),
        not_granted={call for call in calls if not any(grant.covers(call) for grant in grants)},
        stale={f"{grant} is used, and explained: {reasons[grant].reason}" for grant in used & set(reasons)}
        | {f"there is no grant for: {each}" for each in explanations if each not in reasons.values()},
    )


def _explanation(grant: Grant, explanations: Collection[Explanation]) -> Explanation | None:
    return next((each for each in explanations if each.fits(grant)), None)
