"""The parts of a run, each in a world of its own. Each writes its figures and returns what went wrong, in sentences."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults import connections, crash_points, variants
from tests.faults.chaos import Chaos
from tests.faults.checker import Finding, Reckoning
from tests.faults.figures import figure, progress
from tests.faults.network import Fault
from tests.faults.pipeline import warm_up
from tests.faults.rehearsal import NotReached, Rehearsal
from tests.faults.shop import Shop
from tests.faults.world import World, world

ORDERS, KILLS, HITS = 10_000, 200, 20
KINDS = {"missing": "missing", "lost": "lost", "undelivered": "lost", "doubled": "doubled", "phantom": "phantoms"}
"""The figure in which each kind of finding is counted; others are told as `other`."""

Part = Callable[[float], list[str]]


def chaos(share: float) -> list[str]:
    """Orders under kills, duplicates and reordering: nothing is lost, doubled, or made up."""
    with _opened(visibility=3, lease=2) as (at, shop):
        run = Chaos(at, shop, Random(2), orders=round(ORDERS * share), kills=round(KILLS * share))
        started = time.monotonic()
        run.run()
        reckoning = Reckoning(at, run.expected)
        findings = reckoning.findings()
        _tell_chaos(run, reckoning, time.monotonic() - started)
        _count("chaos", findings)
    wrong = _sentences("chaos", findings)
    if not run.tally.is_settled:
        wrong.append("chaos: it never came to rest")
    wrong += [f"chaos: {kind} ended by itself {times} times" for kind, times in run.tally.failures.items()]
    if not (run.tally.repeated and run.tally.duplicates):
        wrong.append("chaos: no message came twice")
    return wrong


def crashes(share: float) -> list[str]:
    """A worker dies at every named point, again and again, and nothing is lost or doubled."""
    times, wrong = round(HITS * share), []
    with _opened(visibility=2, lease=0) as (at, shop):
        for number, point in enumerate(crash_points.POINTS, 1):
            rehearsal = Rehearsal(at, shop, point.arm, times)
            findings = _played(rehearsal, point.scene, at)
            name = f"{point.scene}: {point.name}"
            figure("crash point", rehearsal.hits, point=name, violations=len(findings))
            progress(f"crash point {number} of {len(crash_points.POINTS)}, {name}: {rehearsal.hits} deaths")
            wrong += _sentences(name, findings)
            if rehearsal.hits < times:
                wrong.append(f"{name}: hit {rehearsal.hits} times instead of {times}")
    figure("crash points", len(crash_points.POINTS), hits_each=times, violations=len(wrong))
    return wrong


def broken_connections(share: float) -> list[str]:
    """Connections to PostgreSQL and to the queues break at every step of an order."""
    with _opened(visibility=2, lease=0) as (at, shop):
        with connections.site(at, shop, connections.impatient_with_database) as site:
            faults = connections.database_faults(connections.steps(site)) * max(1, round(3 * share))
            missed = connections.break_database(site, faults)
            progress(f"{len(faults)} faults between the API and PostgreSQL")
            findings = Reckoning(at, site.expected).findings()
        with connections.site(at, shop, connections.impatient_with_queues) as other:
            missed += connections.break_queues(other, max(1, round(20 * share)))
            progress(f"{len(connections.QUEUE_FAULTS)} faults between the API and the queues")
            findings += Reckoning(at, other.expected).findings()
    figure("connection faults", len(faults) + len(connections.QUEUE_FAULTS) - len(missed), asked_again=site.asked_again)
    _count("connections", findings)
    return _sentences("connections", findings) + [f"connections: {fault} never struck" for fault in missed]


def controls(_: float) -> list[str]:
    """Each check fails where the precaution is taken out that it watches."""
    wrong = []
    with _opened(visibility=2, lease=0) as (at, shop):
        sound = Rehearsal(at, shop, lambda: None, 3)
        wrong += _sentences("a crowd of buyers", _played(sound, "crowd", at))
        for control in variants.CONTROLS:
            findings = _played(Rehearsal(at, shop, control.arm, 3, control.variant), control.scene, at)
            wrong += _told_control(control.name, findings, {control.finding})
        with connections.site(at, shop, variants.no_idempotency_record) as site:
            lost_answers = [Fault(nth, "answer", "cut") for nth in range(1, connections.steps(site) + 1)]
            connections.break_database(site, lost_answers)
            findings = Reckoning(at, site.expected).findings()
            wrong += _told_control("no idempotency record, connections cut", findings, {"phantom"})
    figure("controls", len(variants.CONTROLS) + 1, violations=len(wrong))
    return wrong


def chaos_without_precautions(share: float) -> list[str]:
    """The chaos run, smaller, without outbox and inbox: it has to show losses and doubles."""
    orders, kills = round(1000 * share), round(KILLS * share)
    with _opened(visibility=3, lease=2) as (at, shop):
        run = Chaos(
            at, shop, Random(3), orders=orders, kills=kills, prepare=variants.no_outbox_and_no_inbox, patience=10
        )
        run.run()
        findings = Reckoning(at, run.expected).findings()
    return _told_control("chaos without outbox and inbox", findings, {"lost", "doubled"})


PARTS: dict[str, Part] = {
    "chaos": chaos,
    "crash-points": crashes,
    "connections": broken_connections,
    "controls": controls,
    "chaos-control": chaos_without_precautions,
}


@contextmanager
def _opened(*, visibility: int, lease: int) -> Iterator[tuple[World, Shop]]:
    with TemporaryDirectory(prefix="faults-") as folder, world(Path(folder), visibility=visibility, lease=lease) as at:
        shop = Shop(at, Random(1))
        warm_up(at, shop)
        yield at, shop


def _played(rehearsal: Rehearsal, scene: str, at: World) -> list[Finding]:
    try:
        rehearsal.play(scene)
    except NotReached as error:
        return [Finding("refused", scene, str(error))]
    return Reckoning(at, rehearsal.expected).findings()


def _told_control(name: str, findings: list[Finding], wanted: set[str]) -> list[str]:
    found = Counter(finding.kind for finding in findings)
    noticed = {kind: found[kind] for kind in sorted(wanted)}
    figure("control", sum(noticed.values()), control=name, **noticed)
    progress(f"control, {name}: {noticed}")
    return [f"control, {name}: nothing {kind} was noticed" for kind in sorted(wanted - found.keys())]


def _tell_chaos(run: Chaos, reckoning: Reckoning, seconds: float) -> None:
    tally = run.tally
    figure("chaos orders", len(run.expected.orders), seconds=round(seconds), e_mails=reckoning.mails)
    figure("chaos kills", sum(tally.kills.values()), **tally.kills)
    figure("chaos duplicates", tally.duplicates, messages=tally.messages, swallowed=tally.repeated)
    figure("chaos repeated requests", tally.replays)
    figure("chaos redrives", tally.redrives)
    figure("chaos uncertain notifications", reckoning.uncertain)


def _count(part: str, findings: list[Finding]) -> None:
    counted = Counter(KINDS.get(finding.kind, "other") for finding in findings)
    for name in ("lost", "doubled", "phantoms", "missing", "other"):
        figure(f"{part} {name}", counted[name])


def _sentences(part: str, findings: list[Finding]) -> list[str]:
    return [f"{part}: {finding.kind}: {finding.subject} {finding.detail}" for finding in findings[:20]]
