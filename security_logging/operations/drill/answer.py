"""The steps in which the site's defences answer: shipped, counted, banned, refused, alerted, and lifted again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial

from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.plan import names_of
from security_logging.operations.drill.results import Evidence, NotRequested, Skipped
from security_logging.operations.drill.scene import Scene
from security_logging.operations.drill.watch import wait_for

NOTHING: list[str] = []
_RELOAD_SECONDS = 5  # for which a proxy may still answer as before


def shipped(scene: Scene) -> Iterator[Evidence]:
    """Find the newest event at the remote sink."""
    if scene.shipped is None:
        raise NotRequested("the project does not use CloudWatch")
    found = wait_for(partial(scene.shipped, scene.failures()[-1].id), scene.plan.targets.alert)
    yield Evidence("the event's id at the remote sink", True, found)


def detected(scene: Scene) -> Iterator[Evidence]:
    """See the failures counted."""
    detector, targets = _detector(scene), scene.plan.targets
    started = scene.last_answer
    wait_for(lambda: detector.counted() >= scene.limit, targets.detect)
    scene.times["detect"] = time.monotonic() - started
    yield Evidence(f"{scene.limit} or more counted by {detector.strictest}", True, detector.counted() >= scene.limit)
    yield Evidence(f"time to detect within {targets.detect:g} s", True, scene.times["detect"] <= targets.detect)


def banned(scene: Scene) -> Iterator[Evidence]:
    """See both attackers banned, in the jail's list and where the action put them, and nobody else."""
    detector, plan = _detector(scene), scene.plan
    wanted = set(plan.attackers)
    started = scene.last_answer
    wait_for(lambda: wanted == set(among(plan.attackers, detector.banned())), plan.targets.ban)
    scene.times["ban"] = time.monotonic() - started
    yield Evidence("the drill's addresses that are banned", sorted(wanted), among(plan.addresses, detector.banned()))
    yield Evidence(f"time to ban within {plan.targets.ban:g} s", True, scene.times["ban"] <= plan.targets.ban)
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: wanted == set(among(plan.attackers, store())), plan.targets.ban)
        yield Evidence("where the action put them", sorted(wanted), among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: wanted <= _reported(scene, "banned"), plan.targets.ban)
        yield Evidence("events banned in the log", sorted(wanted), sorted(_reported(scene, "banned")))


def refused(scene: Scene) -> Iterator[Evidence]:
    """Knock again from a banned address."""
    _detector(scene)
    if not scene.is_enforced:
        raise NotRequested("requests do not pass what enforces the ban; add --url and --enforced")
    yield Evidence("the banned address is refused", True, _answers(scene, (0, 403, 429)))


def alerted(scene: Scene) -> Iterator[Evidence]:
    """See the alert with the drill's id."""
    if scene.alerted is None:
        raise NotRequested("no alert was checked; add --alert-command")
    started = time.monotonic()
    found = wait_for(partial(scene.alerted, scene.plan.id), scene.plan.targets.alert)
    scene.times["alert"] = time.monotonic() - started
    yield Evidence("an alert with the drill's id", True, found)


def below_the_limit(scene: Scene) -> Iterator[Evidence]:
    """Fail once less than is allowed: no ban."""
    detector, slow = _detector(scene), scene.plan.slow
    before = detector.counted()
    for _ in range(scene.limit - 1):
        scene.log_in(slow)
    wait_for(lambda: detector.counted() >= before + scene.limit - 1, scene.plan.targets.detect)
    yield Evidence(f"failures of {slow} in the log", scene.limit - 1, len(scene.failures(slow)))
    yield Evidence("counted", True, detector.counted() >= before + scene.limit - 1)
    others = (slow, scene.plan.spoofer, scene.plan.injector, scene.plan.victim)
    yield Evidence("banned although below the limit", NOTHING, among(others, detector.banned()))


def lifted(scene: Scene) -> Iterator[Evidence]:
    """Lift the bans, and see that they are gone."""
    detector, plan = _detector(scene), scene.plan
    detector.unban(plan.attackers)
    yield Evidence("still banned", NOTHING, among(plan.addresses, detector.banned()))
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: not among(plan.addresses, store()), plan.targets.ban)
        yield Evidence("where the action put them", NOTHING, among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: set(plan.attackers) <= _reported(scene, "unbanned"), plan.targets.ban)
        yield Evidence("events unbanned in the log", sorted(plan.attackers), sorted(_reported(scene, "unbanned")))
    yield Evidence("the site answers again", True, _answers(scene, range(200, 400)))


def among(addresses: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the addresses that are among the others, themselves or by their network."""
    known = set(others)
    return sorted(address for address in addresses if known & set(names_of(address)))


def _reported(scene: Scene, name: str) -> set[str]:
    """Return the attackers with an event `banned` or `unbanned` in the log."""
    reported = {str(event.fields["net"]) for event in scene.log.read() if event.type.name == name}
    return set(among(scene.plan.attackers, reported))


def _detector(scene: Scene) -> Detector:
    if isinstance(scene.detector, str):
        raise Skipped(scene.detector)
    return scene.detector


def _answers(scene: Scene, wanted: Iterable[int]) -> bool:
    """Tell whether the site answers an attacker so within a few seconds: nginx for one takes a moment to reload."""
    address = scene.plan.attackers[0]
    return wait_for(lambda: scene.look(address) in wanted, min(_RELOAD_SECONDS, scene.plan.targets.ban), every=0.5)
