"""The steps in which the drill attacks, and looks at what was logged of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from security_logging.operations.drill.results import Evidence, Stopped
from security_logging.operations.drill.scene import Scene


def first_attempt(scene: Scene) -> Iterator[Evidence]:
    """Make one attempt, and go on only if the log ascribes it to the right address."""
    address = scene.plan.attackers[0]
    answer = scene.log_in(address)
    yield Evidence("answered", True, answer.status in range(200, 500))
    if not scene.arrived(1):
        raise Stopped(f"no failed login arrived in {scene.log.path} within {scene.plan.targets.log:g} s")
    scene.times["log"] = time.monotonic() - answer.moment
    found = scene.failures()[0].address
    yield Evidence("address in the log", address, found)
    if found != address:
        raise Stopped("the site does not believe us about the address; one more attempt would count against another's")


def attack(scene: Scene) -> Iterator[Evidence]:
    """Guess from two addresses as often as the strictest jail allows."""
    four, six = scene.plan.attackers
    for address, number in ((four, scene.limit - 1), (six, scene.limit)):
        for _ in range(number):
            scene.log_in(address)
            before = scene.last_answer
            scene.arrived(len(scene.failures()) or 1)
            scene.times["log"] = max(scene.times["log"], time.monotonic() - before)
    for address in scene.plan.attackers:
        scene.arrived(scene.limit, address)
        yield Evidence(f"failures of {address} in the log", scene.limit, len(scene.failures(address)))


def logged(scene: Scene) -> Iterator[Evidence]:
    """Look at what was written: the event, its name, and whose it is."""
    found = scene.failures()
    yield Evidence("events", ["login_failed"], sorted({event.type.name for event in found}))
    yield Evidence(
        "marked with the drill's id", len(found), sum(scene.plan.id in str(e.fields["agent"]) for e in found)
    )
    yield Evidence(
        f"time to log within {scene.plan.targets.log:g} s", True, scene.times["log"] <= scene.plan.targets.log
    )


def spoof(scene: Scene) -> Iterator[Evidence]:
    """Forge headers that name a victim: the address stays the true one."""
    plan = scene.plan
    scene.log_in(plan.spoofer, forged=plan.victim)
    scene.arrived(1, plan.spoofer)
    yield Evidence("failures of the true address", 1, len(scene.failures(plan.spoofer)))
    yield Evidence("failures of the victim", 0, len(scene.failures(plan.victim)))


def injection(scene: Scene) -> Iterator[Evidence]:
    """Log in with a user name that is a log line of its own: it stays one line, and nobody else's."""
    plan = scene.plan
    scene.log_in(plan.injector, user=plan.hostile_user)
    scene.arrived(1, plan.injector)
    time.sleep(0.1)  # a second line would come right behind the first
    yield Evidence("lines", 1, len(scene.failures(plan.injector)))
    named = [event for event in scene.log.read() if event.address == plan.victim]
    yield Evidence("events of the victim", 0, len(named))


def secrets(scene: Scene) -> Iterator[Evidence]:
    """Search every byte that the sinks got for the password that was typed."""
    places = {str(watch.path): bytes(watch.written) for watch in (scene.log, *scene.others) if watch.read() is not None}
    for name, data in {**places, **scene.secret_places()}.items():
        yield Evidence(f"the secret in {name} ({len(data)} bytes)", False, scene.plan.secret.encode() in data)
