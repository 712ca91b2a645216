"""The Fail2ban filter and jails as text; what the real Fail2ban makes of them is tested in real_fail2ban/."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from security_logging.events.line import IDENT
from security_logging.events.type_registry import MODES, register
from security_logging.events.types import EVENT_TYPES, EventType, Proof
from security_logging.fail2ban.files.render import JailOptions, render_filter, render_jails

SHIPPED = Path(__file__).parent.parent.parent / "fail2ban"
JAILS = ("django-auth", "django-admin", "django-probe", "django-locked")


def _read(text: str) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(text)
    return parser


def _jails(**options: object) -> RawConfigParser:
    return _read(render_jails(JailOptions(**options)))  # type: ignore[arg-type]  # options of the table


def _definition() -> dict[str, str]:
    return dict(_read(render_filter())["Definition"])


def _words(mode: str) -> set[str]:
    return set(_definition()[f"_counted-{mode}"].split("|"))


@pytest.mark.parametrize("mode", MODES)
def test_counted_words(mode: str) -> None:
    """Each mode counts the event types of its families and no others."""
    families, _ = MODES[mode]
    assert _words(mode) == {event_type.name for event_type in EVENT_TYPES if event_type.counted_as in families}


@pytest.mark.parametrize("mode", MODES)
def test_surface(mode: str) -> None:
    """Each mode counts on the surface of the vocabulary."""
    assert _definition()[f"_surface-{mode}"] == (MODES[mode][1] or "any")


@pytest.mark.parametrize("name", ["login", "logout", "password_rejected", "banned", "unbanned", "drill", "log"])
def test_what_is_never_counted(name: str) -> None:
    """A login, a ban and another logger's record are no failures in any mode."""
    assert [mode for mode in MODES if name in _words(mode)] == []


@pytest.mark.parametrize(
    ("counted_as", "modes"),
    [("normal", ["normal", "admin", "aggressive"]), ("probe", ["probe", "aggressive"]), (None, [])],
)
@pytest.mark.usefixtures("own_event_types")
def test_own_event_type(counted_as: str | None, modes: list[str]) -> None:
    """A project's own event type is in the modes of its family."""
    own = EventType("voucher_guessed", "probe", 30, "A voucher.", ("user",), proofs=(Proof.CREDENTIAL_CHECKED,))
    register(replace(own, counted_as=counted_as))
    assert [mode for mode in MODES if "voucher_guessed" in _words(mode)] == modes


def test_one_anchored_expression() -> None:
    """There is one expression and it is anchored at the start, so that nothing can stand before it."""
    assert re.fullmatch(r"\^<_failregex-[^\n]+>", _definition()["failregex"])


def test_nothing_is_ignored() -> None:
    """The list of what is ignored is empty and stands there, so that no file beside this one can fill it."""
    assert _definition()["ignoreregex"] == ""


def _expressions() -> dict[str, str]:
    """Return every value of the filter that becomes part of an expression."""
    parser = _read(render_filter())
    return {
        f"{section}.{key}": value
        for section in parser.sections()
        for key, value in parser[section].items()
        if section != "DEFAULT"
    }


def test_nothing_greedy() -> None:
    """No part of an expression can run over what it was not made for: there is no `.*` and no `.+`."""
    assert {key: value for key, value in _expressions().items() if re.search(r"(?<!\\)\.[*+]", value)} == {}


def test_addresses_are_never_names() -> None:
    """No expression has <HOST>, which resolves names; each that finds an address has <ADDR> or <SUBNET> once."""
    found = {key: value for key, value in _definition().items() if key.startswith(("_text-", "_json-"))}
    assert [key for key, value in found.items() if len(re.findall("<(ADDR|SUBNET)>", value)) != 1] == []
    assert [key for key, value in _expressions().items() if "<HOST>" in value] == []


@pytest.mark.parametrize("key", ["ip", "net"])
@pytest.mark.parametrize("surface", ["any", "admin"])
def test_end_of_the_address(key: str, surface: str) -> None:
    """Behind an address its end is required, or a line that is cut inside would name another one."""
    definition = _definition()
    assert re.search("<(ADDR|SUBNET)> ", definition[f"_text-{key}-{surface}"])
    assert re.search('<(ADDR|SUBNET)>"', definition[f"_json-{key}-{surface}"])


@pytest.mark.parametrize("key", ["ip", "net"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_is_required_of_a_client(form: str, key: str) -> None:
    """What a client writes, and may leave out, is never required: everything behind the surface is optional."""
    optional = re.compile(r"\(\?:[^?]*<_user>\)\?")
    assert optional.search(_definition()[f"_{form}-{key}-any"])
    assert optional.search(_definition()[f"_{form}-{key}-admin"])


def test_dates_have_an_offset() -> None:
    """A date is read with its offset; without one Fail2ban would read it in its own zone, hours wrong."""
    dates = {key: value for key, value in _expressions().items() if key.endswith(".datepattern") and "%%Y" in value}
    assert len(dates) == 3
    assert [key for key, value in dates.items() if not value.startswith("^") or not value.endswith("%%z")] == []


def test_journal() -> None:
    """In the journal our lines are found by their ident."""
    assert _definition()["journalmatch"] == f"SYSLOG_IDENTIFIER={IDENT}"


@pytest.mark.parametrize("text", [render_filter(), render_jails()], ids=["filter", "jails"])
def test_text(text: str) -> None:
    """A rendered file has no placeholder left, no blank at a line's end, and ends with one line end."""
    assert "@{" not in text
    assert re.search(r"[ \t]$", text, re.MULTILINE) is None
    assert text == text.rstrip() + "\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [("filter.d/django-security.conf", render_filter()), ("jail.d/django-security.conf", render_jails())],
    ids=["filter", "jails"],
)
def test_shipped_file(name: str, text: str) -> None:
    """The file that is shipped is the one that is rendered."""
    assert (SHIPPED / name).read_text("utf-8") == text


def test_jails() -> None:
    """There are four jails, one for each kind of attack."""
    assert tuple(_jails().sections()) == JAILS


@pytest.mark.parametrize("jail", JAILS)
def test_jail_as_shipped(jail: str) -> None:
    """A jail is off, reads the log file, resolves no name, and leaves to the server how to ban."""
    found = dict(_jails()[jail])
    assert {key: found[key] for key in ("enabled", "backend", "logpath", "usedns", "skip_if_nologs")} == {
        "enabled": "false",
        "backend": "auto",
        "logpath": "/var/log/django/security.log",
        "usedns": "no",
        "skip_if_nologs": "true",
    }
    assert found.keys() & {"banaction", "action", "journalmatch", "ignoreip"} == set()


@pytest.mark.parametrize(
    ("jail", "mode"),
    [("django-auth", "normal"), ("django-admin", "admin"), ("django-probe", "probe"), ("django-locked", "locked")],
)
def test_mode_of_a_jail(jail: str, mode: str) -> None:
    """Each jail counts in its own mode."""
    assert _jails()[jail]["filter"] == f"django-security[mode={mode}]"


@pytest.mark.parametrize("jail", JAILS)
@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        ({"enabled": True, "locked": True}, "enabled", "true"),
        ({"locked": True}, "enabled", "false"),
        ({"log": "/srv/log/s.log"}, "logpath", "/srv/log/s.log"),
        ({"action": "django-security-nginx"}, "action", "django-security-nginx"),
        ({"trusted_proxies": ["10.0.0.0/8", "::1"]}, "ignoreip", "127.0.0.1/8 ::1 10.0.0.0/8 ::1"),
        ({"logtype": "journal"}, "backend", "systemd"),
    ],
)
def test_option(jail: str, options: dict[str, object], key: str, value: str) -> None:
    """What a project chooses holds for each jail."""
    assert _jails(**options)[jail][key] == value


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"key": "net"}, ", key=net"),
        ({"logtype": "json"}, ", logtype=json"),
        ({"key": "net", "logtype": "docker"}, ", key=net, logtype=docker"),
        ({"key": "ip", "logtype": "file"}, ""),
    ],
)
def test_parameters_of_the_filter(options: dict[str, object], parameters: str) -> None:
    """Key and form of the log are parameters of the filter, where they are not its defaults."""
    assert _jails(**options)["django-auth"]["filter"] == f"django-security[mode=normal{parameters}]"


def test_jail_of_the_locked() -> None:
    """The jail that may ban the victim of a lock-out is off until it is asked for, and counts to thirty."""
    found = _jails(enabled=True)["django-locked"]
    assert (found["enabled"], found["maxretry"], found["findtime"]) == ("false", "30", "10m")


def test_journal_has_no_path() -> None:
    """A path beside the journal would keep the jail from starting."""
    assert "logpath" not in _jails(logtype="journal")["django-auth"]
