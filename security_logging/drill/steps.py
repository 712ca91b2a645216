"""The steps of a drill, in their order: each acts on the scene and yields what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from django.contrib.auth import get_user_model

from security_logging.addresses import is_bannable, network_set, parse_address
from security_logging.conf import conf
from security_logging.doctor.probe import would_be_roots
from security_logging.drill.detector import Detector
from security_logging.drill.plan import MOST_FAILURES, is_of_the_documentation, names_of
from security_logging.drill.results import Evidence, Skipped, Stopped
from security_logging.drill.scene import Scene
from security_logging.drill.watch import wait_for
from security_logging.proxies import trusted_proxies

Play = Callable[[Scene], Iterator[Evidence]]
NOTHING: list[str] = []
_RELOAD_SECONDS = 5


@dataclass(frozen=True)
class Step:
    """A step; when a `vital` one fails, the drill goes on to the cleaning up."""

    name: str
    title: str
    play: Play
    vital: bool = False


def preflight(scene: Scene) -> Iterator[Evidence]:
    """Look whether the drill can do no harm and can prove something."""
    addresses = scene.plan.addresses
    yield Evidence("addresses of somebody", NOTHING, [a for a in addresses if not is_of_the_documentation(a)])
    yield Evidence("addresses that may not be banned", NOTHING, [a for a in addresses if not _may_be_banned(a)])
    yield Evidence("a user of that name", False, _exists(scene.plan.user))
    files = [watch.path for watch in (scene.log, *scene.others)]
    yield Evidence("logs that would belong to root", NOTHING, [str(path) for path in files if would_be_roots(path)])
    if isinstance(scene.detector, Detector):
        yield Evidence("addresses that a jail ignores", NOTHING, scene.detector.never_banned(addresses))
        yield Evidence("addresses that are banned", NOTHING, _among(addresses, scene.detector.banned()))
        yield Evidence(f"failures until a ban, at most {MOST_FAILURES}", True, scene.detector.limit <= MOST_FAILURES)
        scene.detector.begin()


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


def shipped(scene: Scene) -> Iterator[Evidence]:
    """Find the newest event at the remote sink."""
    if scene.shipped is None:
        raise Skipped("no remote sink is looked at (CloudWatch: manage.py security_cloudwatch status)")
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
    wait_for(lambda: wanted == set(_among(plan.attackers, detector.banned())), plan.targets.ban)
    scene.times["ban"] = time.monotonic() - started
    yield Evidence("the drill's addresses that are banned", sorted(wanted), _among(plan.addresses, detector.banned()))
    yield Evidence(f"time to ban within {plan.targets.ban:g} s", True, scene.times["ban"] <= plan.targets.ban)
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: wanted == set(_among(plan.attackers, store())), plan.targets.ban)
        yield Evidence("where the action put them", sorted(wanted), _among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: wanted <= _told(scene, "banned"), plan.targets.ban)
        yield Evidence("events banned in the log", sorted(wanted), sorted(_told(scene, "banned")))


def refused(scene: Scene) -> Iterator[Evidence]:
    """Knock again from a banned address."""
    _detector(scene)
    if not scene.is_enforced:
        raise Skipped("this way in does not pass what enforces the ban (with --url and --enforced it is looked at)")
    yield Evidence("the banned address is refused", True, _answers(scene, (0, 403, 429)))


def alerted(scene: Scene) -> Iterator[Evidence]:
    """See the alert with the drill's id."""
    if scene.alerted is None:
        raise Skipped("no alert is looked at (--alert-command)")
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
    yield Evidence("banned although below the limit", NOTHING, _among(others, detector.banned()))


def lifted(scene: Scene) -> Iterator[Evidence]:
    """Lift the bans, and see that they are gone."""
    detector, plan = _detector(scene), scene.plan
    detector.unban(plan.attackers)
    yield Evidence("still banned", NOTHING, _among(plan.addresses, detector.banned()))
    if detector.store is not None:
        store = detector.store
        wait_for(lambda: not _among(plan.addresses, store()), plan.targets.ban)
        yield Evidence("where the action put them", NOTHING, _among(plan.addresses, store()))
    if detector.reports:
        wait_for(lambda: set(plan.attackers) <= _told(scene, "unbanned"), plan.targets.ban)
        yield Evidence("events unbanned in the log", sorted(plan.attackers), sorted(_told(scene, "unbanned")))
    yield Evidence("the site answers again", True, _answers(scene, range(200, 400)))


def secrets(scene: Scene) -> Iterator[Evidence]:
    """Search every byte that the sinks got for the password that was typed."""
    places = {str(watch.path): bytes(watch.written) for watch in (scene.log, *scene.others) if watch.read() is not None}
    for name, data in {**places, **scene.secret_places()}.items():
        yield Evidence(f"the secret in {name} ({len(data)} bytes)", False, scene.plan.secret.encode() in data)


def clean_up(scene: Scene) -> Iterator[Evidence]:
    """Leave nobody banned."""
    if isinstance(scene.detector, Detector):
        scene.detector.unban(scene.plan.addresses)
        yield Evidence("still banned", NOTHING, _among(scene.plan.addresses, scene.detector.banned()))
    yield Evidence("a user of that name", False, _exists(scene.plan.user))


STEPS = (
    Step("preflight", "Preflight", preflight, vital=True),
    Step("first_attempt", "First attempt", first_attempt, vital=True),
    Step("attack", "Attack up to the limit", attack, vital=True),
    Step("logged", "Logged as what it is", logged),
    Step("detected", "Detected", detected),
    Step("banned", "Banned", banned),
    Step("refused", "Refused", refused),
    Step("alerted", "Alerted", alerted),
    Step("shipped", "Shipped", shipped),
    Step("spoof", "A forged header changes nothing", spoof),
    Step("injection", "A hostile user name stays one line", injection),
    Step("below_the_limit", "Below the limit: not banned", below_the_limit),
    Step("lifted", "Lifted", lifted),
    Step("secrets", "No secret in any sink", secrets),
)
CLEAN_UP = Step("clean_up", "Cleaned up", clean_up)


def _answers(scene: Scene, wanted: Iterable[int]) -> bool:
    """Tell whether the site answers an attacker so within a few seconds: nginx for one takes a moment to reload."""
    address = scene.plan.attackers[0]
    return wait_for(lambda: scene.look(address) in wanted, min(_RELOAD_SECONDS, scene.plan.targets.ban), every=0.5)


def _detector(scene: Scene) -> Detector:
    if isinstance(scene.detector, str):
        raise Skipped(scene.detector)
    return scene.detector


def _among(addresses: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the addresses that are among the others, themselves or by their network."""
    known = set(others)
    return sorted(address for address in addresses if known & set(names_of(address)))


def _told(scene: Scene, name: str) -> set[str]:
    """Return the attackers of whom the log says that they were banned or unbanned."""
    told = {str(event.fields["net"]) for event in scene.log.read() if event.type.name == name}
    return set(_among(scene.plan.attackers, told))


def _may_be_banned(text: str) -> bool:
    address = parse_address(text)
    trusted = trusted_proxies(tuple(map(str, conf.TRUSTED_PROXIES)), conf.PROXY_RANGES_FILE).networks
    return address is not None and is_bannable(address, network_set(tuple(conf.BANNABLE_NETWORKS)), trusted)


def _exists(name: str) -> bool:
    model = get_user_model()
    return bool(model._default_manager.filter(**{model.USERNAME_FIELD: name}).exists())
