"""Hostile logins through the real login views over HTTP, into the real log files, to the real Fail2ban."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pytest_django import DjangoDbBlocker

import hostile_site
from fail2ban_server import PrivateFail2ban, short_directory, write_config
from hostile_attack import PASSWORD, Attack, attacks, send
from security_logging.events.ecs import parse_json
from security_logging.events.event import SecurityEvent
from security_logging.events.line import parse

pytestmark = [pytest.mark.real_fail2ban, pytest.mark.django_db]

ATTACKS = attacks()
LAST = Attack("last", "an ordinary failed login after all others", "203.0.113.254", "203.0.113.254")
COUNTED = [attack for attack in ATTACKS if attack.reaches_authenticate and attack.expected]
FORMS: dict[str, Callable[[str], SecurityEvent]] = {"file": parse, "json": parse_json}
JAIL = """
[{0}]
enabled = true
filter = django-security[logtype={0}]
maxretry = 1
logpath = {1}/{0}.log
"""


@dataclass(frozen=True)
class Outcome:
    """What came of the attacks: who reached authenticate(), and for each log whom it banned and what it holds."""

    reached: list[str]
    banned: dict[str, list[str]]
    logs: dict[str, bytes]


@pytest.fixture(scope="module")
def outcome(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Outcome:
    """Run all attacks once, on a served site whose two logs two jails read."""
    with short_directory() as directory, django_db_blocker.unblock(), hostile_site.site(directory) as port:
        write_config(directory, "".join(JAIL.format(name, directory) for name in FORMS))
        with PrivateFail2ban(directory) as fail2ban:
            for attack in (*ATTACKS, LAST):
                send(port, attack.request())
            fail2ban.wait_for(lambda: all(is_done(fail2ban, name) for name in FORMS), "the last ban")
            banned = {name: banned_by(fail2ban, name) for name in FORMS}
            logs = {name: (directory / f"{name}.log").read_bytes() for name in FORMS}
            return Outcome(list(hostile_site.attempts), banned, logs)


def banned_by(fail2ban: PrivateFail2ban, jail: str) -> list[str]:
    """Return the addresses that the jail banned, sorted."""
    return sorted(line.split()[2] for line in fail2ban.actions if line.startswith(f"ban {jail} "))


def is_done(fail2ban: PrivateFail2ban, jail: str) -> bool:
    """Tell whether the jail has read its log to the end."""
    return LAST.attacker in banned_by(fail2ban, jail)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.number)
def test_who_reaches_authenticate(outcome: Outcome, attack: Attack) -> None:
    """Each vector says rightly whether it reaches authenticate(): nothing is left out in silence."""
    assert (attack.number in outcome.reached) == attack.reaches_authenticate, attack.desc


@pytest.mark.parametrize("jail", FORMS)
@pytest.mark.parametrize("attack", COUNTED, ids=lambda attack: attack.number)
def test_right_address(outcome: Outcome, attack: Attack, jail: str) -> None:
    """Each attempt that reached authenticate() is counted against the address it came from."""
    assert attack.expected in outcome.banned[jail], attack.desc


@pytest.mark.parametrize("jail", FORMS)
def test_never_another_address(outcome: Outcome, jail: str) -> None:
    """Nobody but the attackers is banned, whomever they name."""
    assert set(outcome.banned[jail]) - {attack.expected for attack in (*ATTACKS, LAST)} == set()


@pytest.mark.parametrize("name", FORMS)
def test_one_line_for_each_attempt(outcome: Outcome, name: str) -> None:
    """Each attempt that is counted is one event, which reads back from its line."""
    events = [FORMS[name](line) for line in outcome.logs[name].decode("ascii").split("\n")[:-1]]
    failures = Counter(event.address for event in events if event.type.name == "login_failed")
    assert {attack.expected: failures[attack.expected or ""] for attack in COUNTED} == dict.fromkeys(
        (attack.expected for attack in COUNTED), 1
    )


def test_no_long_line(outcome: Outcome) -> None:
    """No line reaches 2 KB, however long what an attacker sends."""
    assert max(map(len, outcome.logs["file"].split(b"\n"))) < 2048


@pytest.mark.parametrize("name", FORMS)
def test_no_password(outcome: Outcome, name: str) -> None:
    """The password is in no log."""
    assert PASSWORD.encode() not in outcome.logs[name]


def test_enough_vectors() -> None:
    """There are more vectors than the sixty that were asked for, each with its reason, no reason twice."""
    assert (len(ATTACKS) >= 60, len({attack.desc for attack in ATTACKS})) == (True, len(ATTACKS))
