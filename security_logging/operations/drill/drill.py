"""A drill in progress: everything that its steps use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from security_logging.events.event import SecurityEvent
from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.login_client import Answer, Attempt, LoginClient
from security_logging.operations.drill.plan import MOST_FAILURES, Plan
from security_logging.operations.drill.results import Stopped
from security_logging.operations.drill.watch import Watch, wait_for
from security_logging.operations.selection import is_counted

ATTEMPTS_WITHOUT_A_JAIL = 3
# Each of the two attackers up to the limit, one below it from a third address, and a few single ones.
MOST_REQUESTS = 2 * (3 * MOST_FAILURES + 10)


@dataclass
class Drill:
    """
    What the steps of a drill use, and the times that they measure.

    Where nothing detects, `detector` is the reason as a text. `shipped` returns whether an event has arrived at the
    remote sink, `alerted` whether an alert with the drill's id has arrived; they are None when that is not checked.
    `secret_places` returns the contents of more places that must not contain the secret, by name.
    """

    plan: Plan
    login_client: LoginClient
    log: Watch
    others: list[Watch]
    detector: Detector | str
    shipped: Callable[[str], bool] | None = None
    alerted: Callable[[str], bool] | None = None
    secret_places: Callable[[], dict[str, bytes]] = dict
    is_enforced: bool = False
    times: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    last_answer: float = 0.0

    @property
    def limit(self) -> int:
        """How many failures each attacker causes."""
        return ATTEMPTS_WITHOUT_A_JAIL if isinstance(self.detector, str) else self.detector.limit

    def log_in(self, address: str, *, user: str | None = None, forged: str = "") -> Answer:
        """Try to log in; raises Stopped instead of making too many requests."""
        self._count()
        plan = self.plan
        attempt = Attempt(address, user or plan.user, plan.secret, plan.agent, forged)
        answer = self.login_client.log_in(attempt)
        self.last_answer = answer.moment
        return answer

    def look(self, address: str) -> int:
        """Fetch the login page; return its status."""
        self._count()
        return self.login_client.look(address, self.plan.agent).status

    def failures(self, address: str | None = None) -> list[SecurityEvent]:
        """Return the drill's failed logins that have arrived, of one address or of all."""
        mine = [
            event for event in self.log.read() if event.fields.get("agent") == self.plan.agent and _is_failure(event)
        ]
        return [event for event in mine if address is None or event.address == address]

    def arrived(self, number: int, address: str | None = None, seconds: float | None = None) -> bool:
        """Wait until that many failures have arrived; return whether they have."""
        allowed = self.plan.targets.log if seconds is None else seconds
        return wait_for(lambda: len(self.failures(address)) >= number, allowed)

    def _count(self) -> None:
        self.requests += 1
        if self.requests > MOST_REQUESTS:
            raise Stopped(f"the drill makes no more than {MOST_REQUESTS} requests")


def _is_failure(event: SecurityEvent) -> bool:
    return event.type.counted_as == "normal" or is_counted(event)
