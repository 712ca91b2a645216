"""A drill for tests: the test site in process, a log on disk, and a Fail2ban that answers at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from security_logging.fail2ban.client import Client, JailStatus
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.operations.drill import stand_ins
from security_logging.operations.drill.detector import Detector
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.login_client import Answer, Attempt
from security_logging.operations.drill.plan import Targets, make_plan
from security_logging.operations.drill.results import Outcome, Result
from security_logging.operations.drill.watch import Watch

LOGIN = "/admin/login/"
PATIENT = Targets(log=10.0, detect=10.0, ban=10.0, alert=10.0)
IMPATIENT = Targets(log=2.0, detect=0.1, ban=0.1, alert=0.1)  # for what never comes: each test waits as long


class FakeClient(Client):
    """Counts what stands in the log and bans at three, like the jail django-admin; tests bend it."""

    def __init__(self, log: Watch, answers: dict[str, str] | None = None) -> None:
        object.__setattr__(self, "log", log)
        object.__setattr__(
            self, "answers", {"maxretry": "3", "ignoreip": "No IP address/network is ignored", **(answers or {})}
        )
        object.__setattr__(self, "lifted", set())
        object.__setattr__(self, "extra", set())
        object.__setattr__(self, "blind", False)

    def jails(self) -> list[str]:
        return ["django-admin"]

    def status(self, jail: str) -> JailStatus:
        events = [] if self.blind else [event for event in self.log.read() if event.type.counted_as]  # type: ignore[attr-defined]
        names = [event.address for event in events]
        banned = {name for name in names if names.count(name) >= 3} - self.lifted | self.extra  # type: ignore[attr-defined]
        return JailStatus(jail, 0, len(events), len(banned), 0, (), tuple(sorted(banned)))

    def run(self, *words: str) -> str:
        if words[0] == "unban":
            self.lifted.update(words[1:])  # type: ignore[attr-defined]
            self.extra.difference_update(words[1:])  # type: ignore[attr-defined]
        return str(self.answers.get(words[-1], ""))  # type: ignore[attr-defined]


class Bent(InProcess):
    """The way in, with something done around each attempt."""

    def __init__(self, around: Callable[[Attempt], object] = lambda attempt: None) -> None:
        super().__init__(LOGIN)
        self.around = around
        self.attempts: list[Attempt] = []

    def log_in(self, attempt: Attempt) -> Answer:
        self.attempts.append(attempt)
        self.around(attempt)
        return super().log_in(attempt)


@contextmanager
def working_drill(directory: Path, targets: Targets = PATIENT, *, has_jail: bool = True) -> Iterator[Drill]:
    """Yield a drill that passes."""
    log, other = directory / "security.log", directory / "other.log"
    for path in (log, other):
        path.touch()
    text, rest = SecurityFileHandler(log), SecurityFileHandler(other)
    for handler in (text, rest):
        handler.setFormatter(SecurityLineFormatter())
    watch = Watch(log)
    detector = Detector(FakeClient(watch), ("django-admin",)) if has_jail else "Fail2ban is not installed here"
    with stand_ins.handlers(text, others=rest):
        made = Drill(make_plan(targets), Bent(), watch, [Watch(other)], detector)
        yield made
        for each in (made.log, *made.others):
            each.close()


def states(outcome: Outcome) -> dict[str, str]:
    """Return the state of each step."""
    return {result.name: result.state for result in outcome.results}


def result_of(outcome: Outcome, name: str) -> Result:
    """Return the result of a step."""
    return next(result for result in outcome.results if result.name == name)


def warn(text: str) -> None:
    """Log something as any code may."""
    logging.getLogger("shop").warning(text)
