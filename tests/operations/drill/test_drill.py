"""The drill: it passes where the pipeline works, names the step at which it does not, and always cleans up."""

from __future__ import annotations

import ipaddress
import json
import logging
import logging.handlers
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache, caches
from django.db import connection
from django.test import override_settings

from security_logging.fail2ban.client import ClientError
from security_logging.formatters.security import SecurityLineFormatter
from security_logging.handlers.file import SecurityFileHandler
from security_logging.logger import log_event
from security_logging.operations.drill import drill as drills
from security_logging.operations.drill import plan as plans
from security_logging.operations.drill import report, stand_ins, steps
from security_logging.operations.drill.collector import Collector
from security_logging.operations.drill.detector import Detector, detector_of
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.perform import perform
from security_logging.operations.drill.plan import make_plan
from security_logging.operations.drill.results import Evidence, Outcome, Result
from security_logging.operations.drill.watch import Watch, wait_for
from working_drill import IMPATIENT, Bent, FakeClient, result_of, states, warn, working_drill
from written_log import event, write

pytestmark = pytest.mark.django_db

Bend = Callable[[Drill], object]


def client_of(bent: Drill) -> FakeClient:
    """Return the drill's Fail2ban."""
    assert isinstance(bent.detector, Detector)
    assert isinstance(bent.detector.client, FakeClient)
    return bent.detector.client


def test_passes(tmp_path: Path) -> None:
    """Where everything works every step passes; those that were not requested are skipped, which is no failure."""
    with working_drill(tmp_path) as played:
        outcome = perform(played, "rehearsed")
    skipped = [name for name, state in states(outcome).items() if state == "skipped"]
    assert (skipped, set(states(outcome).values()), outcome.status(), outcome.status(strict=True)) == (
        ["refused", "alerted", "shipped"],
        {"passed", "skipped"},
        0,
        1,
    )


def test_steps_are_logged(tmp_path: Path) -> None:
    """Each step is an event `drill` with the drill's id, so that whoever is on duty knows."""
    with working_drill(tmp_path) as played:
        outcome = perform(played, "rehearsed")
        told = [found.fields for found in played.log.read() if found.type.name == "drill"]
    assert [fields["step"] for fields in told] == [result.name for result in outcome.results]
    assert {fields["drill_id"] for fields in told} == {played.plan.id}


def test_without_fail2ban(tmp_path: Path) -> None:
    """Without Fail2ban the log is proven, and the other steps are unknown and say why."""
    with working_drill(tmp_path, has_jail=False) as played:
        outcome = perform(played, "live")
    reasons = {result.reason for result in outcome.results if result.name in ("detected", "banned", "lifted")}
    assert (outcome.status(), reasons) == (2, {"Fail2ban is not installed here"})


def test_bounded(tmp_path: Path) -> None:
    """A drill makes few requests."""
    with working_drill(tmp_path) as played:
        perform(played, "live")
        assert played.requests == 3 + 3 + 1 + 1 + 2 + 1


def leak(played: Drill) -> None:
    """Let careless code log what was typed."""
    played.login_client = Bent(lambda attempt: warn(f"typed: {attempt.secret}"))


def leak_at_fail2ban(played: Drill) -> None:
    """Let the secret get somewhere else."""
    played.secret_places = lambda: {"Fail2ban's log": f"... {played.plan.secret} ...".encode()}


def counted_for_the_victim(played: Drill) -> None:
    """Let each forged header cost the victim a failure too."""

    def also(attempt: object) -> None:
        if getattr(attempt, "forged", ""):
            log_event("login_failed", ip=played.plan.victim, agent=played.plan.agent)

    played.login_client = Bent(also)


def two_lines(played: Drill) -> None:
    """Let a hostile name write a line of its own, as an unescaped log would."""

    def also(attempt: object) -> None:
        if "\n" in getattr(attempt, "user", ""):
            log_event("login_failed", ip=played.plan.victim)

    played.login_client = Bent(also)


def wrong_event(played: Drill) -> None:
    """Let an attempt be logged as something else, too."""

    def also(attempt: object) -> None:
        if played.requests == 2 * played.limit:
            log_event("mfa_failed", ip="192.0.2.1", agent=played.plan.agent)

    played.login_client = Bent(also)


def never_lifts(played: Drill) -> None:
    """Keep a ban whatever is asked."""
    object.__setattr__(client_of(played), "lifted", frozenset())
    client = client_of(played)
    run = client.run
    object.__setattr__(client, "run", lambda *words: "" if words[0] == "unban" else run(*words))


def stale_store(played: Drill) -> None:
    """Let the firewall know nothing of the jail's bans."""
    assert isinstance(played.detector, Detector)
    played.detector.store = list


def silent_report(played: Drill) -> None:
    """Let no ban come back into the log."""
    assert isinstance(played.detector, Detector)
    played.detector.reports = True


def slow_log(played: Drill) -> None:
    """Let the first line take longer than allowed."""
    played.plan = replace(played.plan, targets=replace(IMPATIENT, log=-1.0))
    arrived = played.arrived
    played.arrived = lambda number, address=None, seconds=None: arrived(number, address, 1)  # type: ignore[method-assign]


SABOTAGE: tuple[tuple[str, Bend, str], ...] = (
    ("the password is logged", leak, "secrets"),
    ("the password is in Fail2ban's log", leak_at_fail2ban, "secrets"),
    ("a forged header counts", counted_for_the_victim, "spoof"),
    ("a user name writes a line", two_lines, "injection"),
    ("another event", wrong_event, "logged"),
    ("the log is late", slow_log, "logged"),
    ("Fail2ban counts nothing", lambda played: object.__setattr__(client_of(played), "blind", True), "detected"),
    ("Fail2ban bans nobody", lambda played: object.__setattr__(client_of(played), "blind", True), "banned"),
    ("the firewall has nobody", stale_store, "banned"),
    ("no ban comes back", silent_report, "banned"),
    ("no unban comes back", silent_report, "lifted"),
    ("the ban is not lifted", never_lifts, "lifted"),
    ("somebody stays banned", never_lifts, "clean_up"),
    ("the event is not shipped", lambda played: setattr(played, "shipped", lambda event_id: False), "shipped"),
    ("nobody is alerted", lambda played: setattr(played, "alerted", lambda drill_id: False), "alerted"),
    ("the banned one is let in", lambda played: setattr(played, "is_enforced", True), "refused"),
)


@pytest.mark.parametrize(("bend", "step"), [pytest.param(*row[1:], id=row[0]) for row in SABOTAGE])
def test_sabotage(tmp_path: Path, bend: Bend, step: str) -> None:
    """Each link that is broken makes its step fail, and the drill with it."""
    with working_drill(tmp_path, IMPATIENT) as played:
        bend(played)
        outcome = perform(played, "live")
    assert (states(outcome)[step], outcome.status()) == ("failed", 1)


def test_below_the_limit_and_banned(tmp_path: Path) -> None:
    """Somebody who stays below the limit and is banned makes the drill fail."""
    with working_drill(tmp_path) as played:
        client, wait = client_of(played), played.plan.slow
        played.login_client = Bent(lambda attempt: client.extra.add(wait) if attempt.address == wait else None)  # type: ignore[attr-defined]
        assert states(perform(played, "live"))["below_the_limit"] == "failed"


def test_what_is_there_passes(tmp_path: Path) -> None:
    """Shipping, alerting, enforcing, store and reports pass where they work."""
    with working_drill(tmp_path) as played:
        detector = played.detector
        assert isinstance(detector, Detector)
        detector.store, detector.reports = lambda: sorted(detector.banned()), True
        played.shipped = played.alerted = bool
        played.is_enforced = True
        played.look = lambda address: 403 if address in detector.banned() else 200  # type: ignore[method-assign]
        client, told = client_of(played), set[str]()

        def report_bans(jail: str) -> object:
            status = FakeClient.status(client, jail)
            for name in set(status.addresses) - told:
                log_event("banned", ip=name)
            for name in told - set(status.addresses):
                log_event("unbanned", ip=name)
            told.clear()
            told.update(status.addresses)
            return status

        object.__setattr__(client, "status", report_bans)
        outcome = perform(played, "live")
    assert {result.name: result for result in outcome.results if result.state != "passed"} == {}


@pytest.mark.parametrize(
    ("bend", "what"),
    [
        pytest.param(lambda s: User.objects.create_user(s.plan.user), "a user of that name", id="a real user"),
        pytest.param(
            lambda s: setattr(s, "plan", replace(s.plan, slow="192.0.2.1")),
            "addresses that are not reserved",
            id="not ours",
        ),
        pytest.param(
            lambda s: client_of(s).extra.add(s.plan.slow),  # type: ignore[attr-defined]
            "addresses that are banned",
            id="banned already",
        ),
        pytest.param(
            lambda s: client_of(s).answers.update(ignoreip="These are ignored:\n|- 203.0.113.0/24\n`- ::1"),  # type: ignore[attr-defined]
            "addresses that a jail ignores",
            id="ignored",
        ),
        pytest.param(
            lambda s: s.detector.limits.update({"django-admin": 11}), "failures until a ban, at most 10", id="too many"
        ),
    ],
)
def test_could_not_begin(tmp_path: Path, bend: Bend, what: str) -> None:
    """Where the drill could do harm or prove nothing, no attempt is made, and no user is touched."""
    with working_drill(tmp_path) as played:
        bend(played)
        outcome = perform(played, "live")
        wrong = [item.what for item in result_of(outcome, "preflight").evidence if not item.ok]
        assert (wrong, outcome.status(), played.requests) == ([what], 2, 0)
    assert states(outcome)["attack"] == "not reached"


def test_proxy_of_that_address(tmp_path: Path) -> None:
    """A site that trusts a documentation address as its proxy cannot be drilled with it."""
    with working_drill(tmp_path) as played, override_settings(SECURITY_LOGGING_TRUSTED_PROXIES=["203.0.113.0/24"]):
        outcome = perform(played, "live")
    assert (outcome.status(), played.requests) == (2, 0)


def test_log_of_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill does not create the log as root, not even to tell of itself."""
    monkeypatch.setattr(steps, "would_be_roots", lambda path: True)
    with working_drill(tmp_path) as played:
        assert (perform(played, "live").status(), played.log.read()[:-1]) == (2, [])


def test_address_that_is_not_believed(tmp_path: Path) -> None:
    """Where the log names another address, one attempt is all: it may be somebody's."""
    with (
        working_drill(tmp_path) as played,
        override_settings(SECURITY_LOGGING_CLIENT_IP_RESOLVER=lambda request: "198.51.100.1"),
    ):
        outcome = perform(played, "live")
        assert (result_of(outcome, "first_attempt").reason[:35], played.requests) == (
            "the log names another address than ",
            1,
        )


def test_nothing_arrives(tmp_path: Path) -> None:
    """Where nothing is logged, the drill stops after its first attempt."""
    targets = replace(IMPATIENT, log=0.2)
    with working_drill(tmp_path, targets) as played, override_settings(SECURITY_LOGGING_EVENTS={"login_failed": False}):
        outcome = perform(played, "live")
    assert (
        result_of(outcome, "first_attempt").reason == f"no failed login arrived in {tmp_path}/security.log within 0.2 s"
    )


def test_step_that_breaks(tmp_path: Path) -> None:
    """An error in a step fails that step alone; the others go on and the cleaning up follows."""

    def broken(event_id: str) -> bool:
        raise ConnectionError("gone")

    with working_drill(tmp_path) as played:
        played.shipped = broken
        outcome = perform(played, "live")
    assert (result_of(outcome, "shipped").reason, states(outcome)["clean_up"]) == ("ConnectionError: gone", "passed")


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle still lifts every ban."""

    def interrupt(event_id: str) -> bool:
        raise KeyboardInterrupt

    with working_drill(tmp_path) as played:
        played.shipped = interrupt
        with pytest.raises(KeyboardInterrupt):
            perform(played, "live")
        assert isinstance(played.detector, Detector)
        assert played.detector.banned() & set(played.plan.addresses) == set()


def test_too_many_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens, there is a last request."""
    monkeypatch.setattr(drills, "MOST_REQUESTS", 4)
    with working_drill(tmp_path) as played:
        outcome = perform(played, "live")
        assert result_of(outcome, "attack").reason == "the drill makes no more than 4 requests"
        assert len(played.login_client.attempts) == 4  # type: ignore[attr-defined]


def test_plan_is_fresh() -> None:
    """Each drill has its own name, secret and addresses, all of them documentation addresses."""
    found = [make_plan() for _ in range(20)]
    assert len({plan.user for plan in found}) == len({plan.secret for plan in found}) == 20
    assert all(plans.is_of_the_documentation(address) for plan in found for address in plan.addresses)
    assert all(len(set(plan.addresses)) == 6 for plan in found)
    assert {ipaddress.ip_address(plan.attackers[1]).version for plan in found} == {6}


def test_secret_is_not_shown() -> None:
    """A plan that is printed does not tell the secret."""
    plan = make_plan()
    assert plan.secret not in repr(plan)


@pytest.mark.parametrize("text", ["198.51.100.7", "2001:db9::1", "127.0.0.1", "::1"])
def test_addresses_of_others(text: str) -> None:
    """No other address is the drill's."""
    assert plans.is_of_the_documentation(text) is False


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("203.0.113.7", ("203.0.113.7", "203.0.113.7")),
        ("2001:db8::1:2:3:4:5", ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64")),
        ("nobody", ("nobody",)),
    ],
)
def test_names_of_a_ban(text: str, names: tuple[str, ...]) -> None:
    """A jail with key=net bans the network."""
    assert plans.names_of(text) == names


def test_detector_without_a_jail() -> None:
    """Where none of our jails runs, or nobody answers, that is the reason."""

    class Silent(FakeClient):
        def jails(self) -> list[str]:
            if self.answers["jails"] == "none":  # type: ignore[attr-defined]
                return ["sshd"]
            raise ClientError("first line\nIs fail2ban running?")

    log = Watch(Path("/nowhere"))
    assert detector_of(Silent(log, {"jails": "none"}), "admin") == "none of our jails runs"
    assert detector_of(Silent(log, {"jails": ""}), "site") == "Fail2ban cannot be asked (Is fail2ban running?)"


def test_detector_of_the_surface() -> None:
    """The jail of the admin counts nothing of the site."""
    client = FakeClient(Watch(Path("/nowhere")), {"actions": "nftables, django-security-report"})
    found = detector_of(client, "admin")
    assert isinstance(found, Detector)
    assert (found.jails, found.reports, detector_of(client, "site")) == (
        ("django-admin",),
        True,
        "none of our jails runs",
    )


def test_watch_through_rotation(tmp_path: Path) -> None:
    """A log that is rotated during the drill is followed, and its old end is read."""
    path = write(tmp_path / "security.log", event(user="before"))
    watch = Watch(path)
    write(path, event(user="one"))
    path.rename(tmp_path / "security.log.1")
    assert [found.fields["user"] for found in watch.read()] == ["one"]
    write(tmp_path / "security.log.1", event(user="two"))
    write(path, event(user="three"))
    users = [found.fields["user"] for found in watch.read()]
    watch.close()
    watch.close()
    assert (users, b"three" in watch.written) == (["one", "two", "three"], True)


def test_watch_of_a_file_to_come(tmp_path: Path) -> None:
    """A log that does not exist yet is read from its start."""
    watch = Watch(tmp_path / "security.log")
    assert watch.read() == []
    write(watch.path, event(user="alice"))
    assert [found.fields["user"] for found in watch.read()] == ["alice"]
    watch.close()


def test_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting ends when the condition holds, or at the deadline."""
    answers = iter([False, True])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert (wait_for(lambda: next(answers), 60), wait_for(lambda: False, 0)) == (True, False)


def test_collector() -> None:
    """The stub keeps what it gets."""
    with Collector() as collector:
        handler = logging.handlers.SysLogHandler(("127.0.0.1", collector.port))
        handler.emit(logging.makeLogRecord({"msg": "DRILL drill-1"}))
        handler.close()
        assert (wait_for(lambda: collector.has("DRILL drill-1"), 5), collector.has("drill-2")) == (True, False)


def test_stand_in_database() -> None:
    """A rehearsal has tables of its own, and the project's databases are back afterwards."""
    User.objects.create_user("real")
    real = connection.settings_dict
    with stand_ins.databases():
        assert User.objects.count() == 0
        User.objects.create_user("rehearsed")
    assert (User.objects.get().username, connection.settings_dict) == ("real", real)


def test_stand_in_cache() -> None:
    """A rehearsal has a cache of its own."""
    cache.set("key", "real")
    with stand_ins.all_caches():
        assert caches["default"].get("key") is None
        cache.set("key", "rehearsed")
    assert cache.get("key") == "real"


def test_stand_in_handlers(tmp_path: Path) -> None:
    """Nothing reaches the project's handlers, and they are back afterwards, with levels and all."""
    shop, security = logging.getLogger("shop.stand_in"), logging.getLogger("security")
    kept = logging.NullHandler()
    shop.addHandler(kept)
    shop.setLevel("ERROR")
    shop.propagate = False
    before = (security.level, list(security.handlers), security.propagate, list(logging.root.handlers))
    own, others = SecurityFileHandler(tmp_path / "own.log"), SecurityFileHandler(tmp_path / "others.log")
    for handler in (own, others):
        handler.setFormatter(SecurityLineFormatter())
    with stand_ins.handlers(own, others=others):
        shop.warning("hello")
        log_event("drill", step="test")
    after = (security.level, list(security.handlers), security.propagate, list(logging.root.handlers))
    assert (after, shop.handlers, shop.level, shop.propagate) == (before, [kept], logging.ERROR, False)
    assert ("hello" in (tmp_path / "others.log").read_text(), "hello" in (tmp_path / "own.log").read_text()) == (
        True,
        False,
    )
    shop.removeHandler(kept)
    shop.propagate = True


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (Evidence("banned", ["a", "b"], ["a", "b"]), "banned: a, b"),
        (Evidence("banned", [], ["a"]), "banned: a, expected none"),
        (Evidence("seen", True, False), "seen: no, expected yes"),
        (Evidence("failures", 3, 3), "failures: 3"),
    ],
)
def test_evidence(evidence: Evidence, sentence: str) -> None:
    """Evidence is shown as a line of the report."""
    assert str(evidence) == sentence


def outcome_of(*results: Result, times: dict[str, float] | None = None) -> Outcome:
    """Return an outcome with these results."""
    return Outcome("drill-1", "rehearsed", "2026-11-21", ["203.0.113.1"], results, times or {}, {"log": 1.0})


def test_report_in_markdown() -> None:
    """The report has the verdict, the times with their targets, the steps, and the evidence of each."""
    text = report.as_markdown(
        outcome_of(
            Result("a", "First", "passed", 0.5, (Evidence("seen", True, True),)),
            Result("b", "Second", "failed", 1.0, (Evidence("user\x1b", 1, 2),), "it broke"),
            Result("c", "Third", "not reached"),
            times={"log": 0.25},
        )
    )
    assert text.splitlines() == [
        "# Incident drill drill-1: FAILED",
        "",
        "Started 2026-11-21, rehearsed.",
        "Addresses: 203.0.113.1 (RFC 5737, RFC 3849: reserved for documentation).",
        "",
        "| measured | seconds | target |",
        "| --- | --- | --- |",
        "| time to log | 0.250 | 1 |",
        "",
        "| step | result | seconds |",
        "| --- | --- | --- |",
        "| First | passed | 0.50 |",
        "| Second | failed | 1.00 |",
        "| Third | not reached | 0.00 |",
        "",
        "## First: passed",
        "",
        "- [x] seen: yes",
        "",
        "## Second: failed",
        "",
        "it broke.",
        "",
        "- [ ] user\\x1b: 2, expected 1",
    ]


def test_report_in_json() -> None:
    """Programs get the same, with the exit status."""
    found = json.loads(report.as_json(outcome_of(Result("a", "First", "passed", 0.5))))
    assert (found["status"], found["results"][0]["state"]) == (0, "passed")


@pytest.mark.parametrize(
    ("result", "verdict", "status"),
    [
        (Result("a", "A", "passed"), "passed", 0),
        (Result("a", "A", "skipped", is_requested=False), "passed", 0),
        (Result("a", "A", "skipped"), "passed as far as it could be performed", 2),
        (Result("a", "A", "not reached"), "FAILED", 1),
        (Result("preflight", "Preflight", "failed"), "could not begin", 2),
    ],
)
def test_verdict(result: Result, verdict: str, status: int) -> None:
    """The report's verdict and the exit status do not call right what was not seen."""
    outcome = outcome_of(Result("b", "B", "passed"), result)
    assert (report.as_markdown(outcome).splitlines()[0], outcome.status()) == (
        f"# Incident drill drill-1: {verdict}",
        status,
    )
