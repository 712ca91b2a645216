"""The steps of the demo: an honest visitor, an attacker, a ban of the right address, and its end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial

from demonstration.cast import ATTACKER, HOSTILE_NAMES, IPV6_VISITOR, THIEF, TOOL, VISITOR
from demonstration.cloudwatch import missing
from demonstration.fail2ban import JAILS, LIMIT
from demonstration.stage import Stage
from demonstration.steps import Finding, Step
from security_logging import SecurityEvent

NOBODY: list[str] = []
NGINX_PROCESSES = 2  # the master and its worker; more while it reloads


def set_the_stage(stage: Stage) -> Iterator[Finding]:
    """Start everything; all visitors can connect."""
    stage.open()
    stage.show_log()
    yield Finding("jails", list(JAILS), stage.fail2ban.jails())
    for who in (stage.cast.visitor, stage.cast.ipv6_visitor, stage.cast.attacker):
        yield Finding(f"home page for {who.address}", 200, who.get("/").status)


def honest_login(stage: Stage) -> Iterator[Finding]:
    """Maren mistypes her password once and then logs in."""
    maren, browser = stage.cast.maren, stage.cast.visitor
    stage.narrator.say(f"maren, at {VISITOR}, mistypes her password once, then gets it right.")
    yield Finding("wrong password", 200, browser.log_in("/login/", maren.username, maren.password[:-1]).status)
    stage.show_log()
    yield Finding("right password", 302, browser.log_in("/login/", maren.username, maren.password).status)
    stage.show_log()
    yield Finding("her account page", 200, browser.get("/account/").status)
    logged = [event.type.name for event in stage.log.events if event.address == VISITOR]
    yield Finding("the log on her", ["login_failed", "login"], logged)


def honest_program(stage: Stage) -> Iterator[Finding]:
    """A program of jonas reads his profile, over IPv6 and with a token."""
    jonas, program = stage.cast.jonas, stage.cast.ipv6_visitor
    stage.narrator.say(f"jonas has a program that reads his profile, from {IPV6_VISITOR}.")
    yield Finding("without a token", 401, program.get("/api/profile/").status)
    yield Finding("asking for one", 200, program.fetch_token("/api/token/", jonas.username, jonas.password).status)
    yield Finding("with the token", 200, program.get("/api/profile/").status)
    stage.show_log()


def brute_force(stage: Stage) -> Iterator[Finding]:
    """The attacker guesses passwords at the admin; each attempt is logged with the right address."""
    stage.narrator.say(
        f"{ATTACKER} guesses the password of the admin. Five forwarding headers of each request claim that it comes "
        f"from {VISITOR}, and each user name tries to lie to the log, to Fail2ban or to your terminal."
    )
    visitors_before = len(stage.log.failures(VISITOR))
    _attack(stage)
    failures = stage.log.failures(ATTACKER)
    yield Finding("attempts in the log", len(HOSTILE_NAMES), len(failures))
    yield Finding("names logged as typed", len(HOSTILE_NAMES), _as_typed(failures))
    yield Finding("surface", {"admin"}, {event.fields["surface"] for event in failures})
    yield Finding("address they claimed", {VISITOR}, {event.fields.get("claimed") for event in failures})
    yield Finding("failures of the visitor", visitors_before, len(stage.log.failures(VISITOR)))
    yield Finding("lines that are not ours", [], stage.log.strange)


def ban(stage: Stage) -> Iterator[Finding]:
    """Fail2ban has banned the attacker, and no other address."""
    fail2ban = stage.fail2ban
    for jail in JAILS:
        yield Finding(f"banned by {jail}", [ATTACKER], stage.wait_for(partial(fail2ban.banned, jail), [ATTACKER]))
    yield Finding("nginx's deny list", [ATTACKER], stage.wait_for(stage.nginx.denied, [ATTACKER]))
    for who, jail, address in (("attacker", "django-admin", ATTACKER), ("visitor", "django-auth", VISITOR)):
        failures = len(stage.log.failures(address))
        found = stage.wait_for(partial(fail2ban.found, jail, address), failures)
        yield Finding(f"failures of the {who} it counted", failures, found)


def shut_out(stage: Stage) -> Iterator[Finding]:
    """The attacker is refused everywhere; honest visitors are not."""
    cast = stage.cast
    yield Finding("attacker at /", 403, _status_after_reload(stage, 403))
    yield Finding("attacker's next attempt", 403, cast.attacker.post("/admin/login/", {"username": "x"}).status)
    yield Finding("nginx said so", True, cast.attacker.get("/admin/login/").is_denied)
    yield Finding("visitor at /", 200, cast.visitor.get("/").status)
    yield Finding("visitor's account page", 200, cast.visitor.get("/account/").status)
    yield Finding("IPv6 program", 200, cast.ipv6_visitor.get("/api/profile/").status)


def unban(stage: Stage) -> Iterator[Finding]:
    """An administrator lifts the ban."""
    stage.narrator.say(f"fail2ban-client unban {ATTACKER}")
    stage.fail2ban.unban(ATTACKER)
    for jail in JAILS:
        yield Finding(f"banned by {jail}", NOBODY, stage.fail2ban.banned(jail))
    yield Finding("nginx's deny list", NOBODY, stage.wait_for(stage.nginx.denied, NOBODY))
    yield Finding("attacker at /", 200, _status_after_reload(stage, 200))


def blind_tool(stage: Stage) -> Iterator[Finding]:
    """A tool without CSRF tokens is banned, although Django never checks its passwords."""
    stage.narrator.say(f"{TOOL} runs a tool that posts passwords and fetches no form. Django's signals see nothing.")
    guesses = [{"username": "admin", "password": f"guess{number}"} for number in range(LIMIT)]
    answers = [stage.cast.tool.post("/admin/login/", guess).status for guess in guesses]
    yield Finding("answers", [403] * LIMIT, answers)
    stage.show_log()
    reasons = [event.fields["reason"] for event in stage.log.failures(TOOL)]
    yield Finding("attempts in the log", ["csrf"] * LIMIT, reasons)
    for jail in JAILS:
        yield Finding(f"banned by {jail}", [TOOL], stage.wait_for(partial(stage.fail2ban.banned, jail), [TOOL]))


def stolen_password(stage: Stage) -> Iterator[Finding]:
    """The thief tries maren's password at the admin, where she may not log in."""
    stage.narrator.say(f"{THIEF} has maren's password. The admin refuses her, and Django's signals are silent again.")
    maren, thief = stage.cast.maren, stage.cast.thief
    yield Finding("at the admin", 200, thief.log_in("/admin/login/", maren.username, maren.password).status)
    stage.show_log()
    logged = [f"{event.fields['user']} {event.fields['reason']}" for event in stage.log.failures(THIEF)]
    yield Finding("the log on it", [f"{maren.username} not_staff"], logged)
    yield Finding("at the site", 302, thief.log_in("/login/", maren.username, maren.password).status)
    yield Finding("and from there to the admin", 302, thief.get("/admin/").status)
    stage.show_log()
    logged = [event.type.name for event in stage.log.events if event.address == THIEF]
    yield Finding("all that the log has on it", ["login_failed", "login", "permission_denied"], logged)


def clean_up(stage: Stage) -> Iterator[Finding]:
    """Stop all servers, and remove all files."""
    stage.close()
    yield Finding("processes left", [], stage.left_behind())
    yield Finding("directories left", [], stage.directories())


def drill(stage: Stage) -> Iterator[Finding]:
    """An incident drill is rehearsed, with a report."""
    stage.narrator.say("manage.py security_drill --rehearse")
    report = stage.site.rehearse_drill()
    for line in report.summary:
        stage.narrator.write(f"    {line}")
    yield Finding("exit status of the drill", 0, report.status)
    yield Finding("steps that failed", NOBODY, report.failed)
    yield Finding("steps that were skipped", NOBODY, report.skipped)
    yield Finding("steps that passed", len(report.states), len(report.passed))


def cloudwatch(stage: Stage) -> Iterator[Finding]:
    """CloudWatch has the same events."""
    if missing():
        left_out = f"left out, {', '.join(missing())} not installed"
        yield Finding("CloudWatch", left_out, left_out)
        return
    there = stage.open_cloudwatch()
    yield Finding("the whole log has been shipped", True, stage.wait_for(there.has_everything, True, 30))
    stage.narrator.say("manage.py security_cloudwatch tail --once")
    stage.narrator.output(there.tail(color=stage.narrator.wants_color))
    stage.narrator.say("manage.py security_cloudwatch query timeline (moto shows what its filter leaves out, too)")
    timeline = there.timeline()
    stage.narrator.output(timeline)
    for what, count in (("login_failed", len(HOSTILE_NAMES)), ("banned", len(JAILS)), ("unbanned", len(JAILS))):
        rows = [row for row in timeline if f"  {what} " in row and f" {ATTACKER} " in f"{row} "]
        yield Finding(f"{what} of the attacker in the answer", count, len(rows))


STORY = (
    Step("stage", "The stage is set: nginx, gunicorn, Fail2ban", set_the_stage),
    Step("honest_login", "An honest visitor logs in", honest_login),
    Step("honest_program", "An honest program uses the API", honest_program),
    Step("attack", "An attacker brute-forces the admin", brute_force),
    Step("ban", "Fail2ban bans the attacker", ban),
    Step("shut_out", "The attacker is out, the visitors are in", shut_out),
    Step("unban", "The ban is lifted", unban),
    Step("blind_tool", "A tool that knows nothing of CSRF is caught", blind_tool),
    Step("stolen_password", "A stolen password is tried at the admin", stolen_password),
    Step("cloudwatch", "CloudWatch has the same events", cloudwatch),
    Step("drill", "An incident drill is rehearsed", drill),
)
CLEAN_UP = Step("clean_up", "Everything is cleaned up", clean_up)


def _attack(stage: Stage) -> None:
    """
    Try each hostile name once: as many failures as Fail2ban allows.

    One more before the ban takes effect would still be counted, and could bring a second ban right after the unban.
    """
    for number, name in enumerate(HOSTILE_NAMES, 1):
        stage.narrator.say(f"attempt {number}: {name.desc}")
        stage.cast.attacker.log_in("/admin/login/", name.text, secrets.token_urlsafe(6))
        stage.show_log()
        stage.narrator.pause()


def _status_after_reload(stage: Stage, wanted: int) -> int:
    """Return the answer to the attacker after nginx has reloaded; before, a worker with the old list may answer."""

    def look() -> tuple[int, int]:
        return stage.cast.attacker.get("/").status, len(stage.processes_of("nginx"))

    status, _processes = stage.wait_for(look, (wanted, NGINX_PROCESSES))
    return status


def _as_typed(failures: list[SecurityEvent]) -> int:
    """Return how many names came back from the log exactly as they were sent."""
    users = [event.fields.get("user") for event in failures]
    return sum(name.text == user for name, user in zip(HOSTILE_NAMES, users, strict=False))
