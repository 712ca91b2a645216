"""The steps of the attack: login attempts, and what the log says of them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.results import Evidence, Stopped


def first_attempt(drill: Drill) -> Iterator[Evidence]:
    """Make one attempt, and stop unless the log names the right address."""
    address = drill.plan.attackers[0]
    answer = drill.log_in(address)
    yield Evidence("answered", True, answer.status in range(200, 500))
    if not drill.arrived(1):
        raise Stopped(f"no failed login arrived in {drill.log.path} within {drill.plan.targets.log:g} s")
    drill.times["log"] = time.monotonic() - answer.moment
    found = drill.failures()[0].address
    yield Evidence("address in the log", address, found)
    if found != address:
        raise Stopped(
            "the log names another address than the drill's; one more attempt would count against that address"
        )


def attack(drill: Drill) -> Iterator[Evidence]:
    """Guess from two addresses up to the limit of the strictest jail."""
    four, six = drill.plan.attackers
    for address, number in ((four, drill.limit - 1), (six, drill.limit)):
        for _ in range(number):
            drill.log_in(address)
            before = drill.last_answer
            drill.arrived(len(drill.failures()) or 1)
            drill.times["log"] = max(drill.times["log"], time.monotonic() - before)
    for address in drill.plan.attackers:
        drill.arrived(drill.limit, address)
        yield Evidence(f"failures of {address} in the log", drill.limit, len(drill.failures(address)))


def logged(drill: Drill) -> Iterator[Evidence]:
    """Check the events that were logged: their name and the mark of the drill."""
    found = drill.failures()
    yield Evidence("events", ["login_failed"], sorted({event.type.name for event in found}))
    yield Evidence(
        "marked with the drill's id", len(found), sum(drill.plan.id in str(e.fields["agent"]) for e in found)
    )
    yield Evidence(
        f"time to log within {drill.plan.targets.log:g} s", True, drill.times["log"] <= drill.plan.targets.log
    )


def spoof(drill: Drill) -> Iterator[Evidence]:
    """Forge headers that name a victim, and check that the log names the true address."""
    plan = drill.plan
    drill.log_in(plan.spoofer, forged=plan.victim)
    drill.arrived(1, plan.spoofer)
    yield Evidence("failures of the true address", 1, len(drill.failures(plan.spoofer)))
    yield Evidence("failures of the victim", 0, len(drill.failures(plan.victim)))


def injection(drill: Drill) -> Iterator[Evidence]:
    """Log in with a user name that contains a log line, and check that it stays one line of the true address."""
    plan = drill.plan
    drill.log_in(plan.injector, user=plan.hostile_user)
    drill.arrived(1, plan.injector)
    time.sleep(0.1)  # a second line would follow at once
    yield Evidence("lines", 1, len(drill.failures(plan.injector)))
    named = [event for event in drill.log.read() if event.address == plan.victim]
    yield Evidence("events of the victim", 0, len(named))


def secrets(drill: Drill) -> Iterator[Evidence]:
    """Search everything that was written to the sinks for the password."""
    places = {str(watch.path): bytes(watch.written) for watch in (drill.log, *drill.others) if watch.read() is not None}
    for name, data in {**places, **drill.secret_places()}.items():
        yield Evidence(f"the secret in {name} ({len(data)} bytes)", False, drill.plan.secret.encode() in data)
