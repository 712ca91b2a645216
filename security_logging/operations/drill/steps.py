"""The steps of a drill, in their order: each yields the evidence that it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from security_logging.addresses.parsing import is_bannable, network_set, parse_address
from security_logging.addresses.proxies import trusted_proxies
from security_logging.conf import conf
from security_logging.operations.doctor.probe import would_be_roots
from security_logging.operations.drill import answer, attack
from security_logging.operations.drill.answer import NOTHING, among
from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.plan import MOST_FAILURES, is_of_the_documentation
from security_logging.operations.drill.results import Evidence

Play = Callable[[Drill], Iterator[Evidence]]


@dataclass(frozen=True)
class Step:
    """A step; when a `vital` one fails, the drill skips to the cleaning up."""

    name: str
    title: str
    play: Play
    vital: bool = False


def preflight(drill: Drill) -> Iterator[Evidence]:
    """Check that the drill does no harm and can prove something."""
    addresses = drill.plan.addresses
    yield Evidence("addresses that are not reserved", NOTHING, [a for a in addresses if not is_of_the_documentation(a)])
    yield Evidence("addresses that may not be banned", NOTHING, [a for a in addresses if not _may_be_banned(a)])
    yield Evidence("a user of that name", False, _exists(drill.plan.user))
    files = [watch.path for watch in (drill.log, *drill.others)]
    yield Evidence("logs that would belong to root", NOTHING, [str(path) for path in files if would_be_roots(path)])
    if isinstance(drill.detector, Detector):
        yield Evidence("addresses that a jail ignores", NOTHING, drill.detector.never_banned(addresses))
        yield Evidence("addresses that are banned", NOTHING, among(addresses, drill.detector.banned()))
        yield Evidence(f"failures until a ban, at most {MOST_FAILURES}", True, drill.detector.limit <= MOST_FAILURES)
        drill.detector.begin()


def clean_up(drill: Drill) -> Iterator[Evidence]:
    """Lift all bans of the drill."""
    if isinstance(drill.detector, Detector):
        drill.detector.unban(drill.plan.addresses)
        yield Evidence("still banned", NOTHING, among(drill.plan.addresses, drill.detector.banned()))
    yield Evidence("a user of that name", False, _exists(drill.plan.user))


STEPS = (
    Step("preflight", "Preflight", preflight, vital=True),
    Step("first_attempt", "First attempt", attack.first_attempt, vital=True),
    Step("attack", "Attack up to the limit", attack.attack, vital=True),
    Step("logged", "Logged as what it is", attack.logged),
    Step("detected", "Detected", answer.detected),
    Step("banned", "Banned", answer.banned),
    Step("refused", "Refused", answer.refused),
    Step("alerted", "Alerted", answer.alerted),
    Step("shipped", "Shipped", answer.shipped),
    Step("spoof", "A forged header changes nothing", attack.spoof),
    Step("injection", "A hostile user name stays one line", attack.injection),
    Step("below_the_limit", "Below the limit: not banned", answer.below_the_limit),
    Step("lifted", "Lifted", answer.lifted),
    Step("secrets", "No secret in any sink", attack.secrets),
)
CLEAN_UP = Step("clean_up", "Cleaned up", clean_up)


def _may_be_banned(text: str) -> bool:
    address = parse_address(text)
    trusted = trusted_proxies(tuple(map(str, conf.TRUSTED_PROXIES)), conf.PROXY_RANGES_FILE).networks
    return address is not None and is_bannable(address, network_set(tuple(conf.BANNABLE_NETWORKS)), trusted)


def _exists(name: str) -> bool:
    model = get_user_model()
    return bool(model._default_manager.filter(**{model.USERNAME_FIELD: name}).exists())
