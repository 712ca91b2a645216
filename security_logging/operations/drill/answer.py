"""The steps of the answer: the attack is shipped, counted, banned, refused, alerted, and the bans are lifted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial

from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.plan import names_of
from security_logging.operations.drill.results import Evidence, NotRequested, Skipped
from security_logging.operations.drill.watch import wait_for

NOTHING: list[str] = []
_RELOAD_SECONDS = 5  # for which a proxy may still answer as before


def shipped(drill: Drill) -> Iterator[Evidence]:
    """Find the newest event at the remote sink."""
    if drill.shipped is None:
        raise NotRequested("the project does not use CloudWatch")
    found = wait_for(partial(drill.shipped, drill.failures()[-1].id), drill.plan.targets.alert)
    yield Evidence("the event's id at the remote sink", True, found)


def detected(drill: Drill) -> Iterator[Evidence]:
    """Check that Fail2ban counts the failures."""
    detector, targets = _detector(drill), drill.plan.targets
    started = drill.last_answer
    wait_for(lambda: detector.counted() >= drill.limit, targets.detect)
    drill.times["detect"] = time.monotonic() - started
    yield Evidence(f"{drill.limit} or more counted by {detector.strictest}", True, detector.counted() >= drill.limit)
    yield Evidence(f"time to detect within {targets.detect:g} s", True, drill.times["detect"] <= targets.detect)


def banned(drill: Drill) -> Iterator[Evidence]:
    """Find both attackers, and only them, in the jail's list and where the action stores them."""
    detector, plan = _detector(drill), drill.plan
    wanted = set(plan.attackers)
    started = drill.last_answer
    wait_for(lambda: wanted == set(among(plan.attackers, detector.banned())), plan.targets.ban)
    drill.times["ban"] = time.monotonic() - started
    yield Evidence("the drill's addresses that are banned", sorted(wanted), among(plan.addresses, detector.banned()))
    yield Evidence(f"time to ban within {plan.targets.ban:g} s", True, drill.times["ban"] <= plan.targets.ban)
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: wanted == set(among(plan.attackers, store())), plan.targets.ban)
        yield Evidence("stored by the action", sorted(wanted), among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: wanted <= _reported(drill, "banned"), plan.targets.ban)
        yield Evidence("events banned in the log", sorted(wanted), sorted(_reported(drill, "banned")))


def refused(drill: Drill) -> Iterator[Evidence]:
    """Ask for the login page again from a banned address."""
    _detector(drill)
    if not drill.is_enforced:
        raise NotRequested("requests do not pass what enforces the ban; add --url and --enforced")
    yield Evidence("the banned address is refused", True, _answers(drill, (0, 403, 429)))


def alerted(drill: Drill) -> Iterator[Evidence]:
    """Find the alert with the drill's id."""
    if drill.alerted is None:
        raise NotRequested("no alert was checked; add --alert-command")
    started = time.monotonic()
    found = wait_for(partial(drill.alerted, drill.plan.id), drill.plan.targets.alert)
    drill.times["alert"] = time.monotonic() - started
    yield Evidence("an alert with the drill's id", True, found)


def below_the_limit(drill: Drill) -> Iterator[Evidence]:
    """Fail once less than the limit, and check that nothing is banned."""
    detector, slow = _detector(drill), drill.plan.slow
    before = detector.counted()
    for _ in range(drill.limit - 1):
        drill.log_in(slow)
    wait_for(lambda: detector.counted() >= before + drill.limit - 1, drill.plan.targets.detect)
    yield Evidence(f"failures of {slow} in the log", drill.limit - 1, len(drill.failures(slow)))
    yield Evidence("counted", True, detector.counted() >= before + drill.limit - 1)
    others = (slow, drill.plan.spoofer, drill.plan.injector, drill.plan.victim)
    yield Evidence("banned although below the limit", NOTHING, among(others, detector.banned()))


def lifted(drill: Drill) -> Iterator[Evidence]:
    """Lift the bans, and check that they are gone."""
    detector, plan = _detector(drill), drill.plan
    detector.unban(plan.attackers)
    yield Evidence("still banned", NOTHING, among(plan.addresses, detector.banned()))
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: not among(plan.addresses, store()), plan.targets.ban)
        yield Evidence("stored by the action", NOTHING, among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: set(plan.attackers) <= _reported(drill, "unbanned"), plan.targets.ban)
        yield Evidence("events unbanned in the log", sorted(plan.attackers), sorted(_reported(drill, "unbanned")))
    yield Evidence("the site answers again", True, _answers(drill, range(200, 400)))


def among(addresses: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the addresses that are among the others, themselves or by their network."""
    known = set(others)
    return sorted(address for address in addresses if known & set(names_of(address)))


def _reported(drill: Drill, name: str) -> set[str]:
    """Return the attackers with an event `banned` or `unbanned` in the log."""
    reported = {str(event.fields["net"]) for event in drill.log.read() if event.type.name == name}
    return set(among(drill.plan.attackers, reported))


def _detector(drill: Drill) -> Detector:
    if isinstance(drill.detector, str):
        raise Skipped(drill.detector)
    return drill.detector


def _answers(drill: Drill, wanted: Iterable[int]) -> bool:
    """Return whether the site answers an attacker so within a few seconds, because nginx takes time to reload."""
    address = drill.plan.attackers[0]
    return wait_for(lambda: drill.look(address) in wanted, min(_RELOAD_SECONDS, drill.plan.targets.ban), every=0.5)
