"""What is wrong in the settings that decide the client's address."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

import address_resolvers
from security_logging.addresses.proxies import PRESETS
from security_logging.checks.addresses import (
    MAX_AGE,
    bannable_network_problems,
    header_problems,
    preset_age_problems,
    ranges_file_problems,
    resolver_problems,
    trusted_proxy_problems,
)
from security_logging.checks.problem import Problem, error, warning
from security_logging.conf import Settings

HOST_FIX = 'Write e.g. "10.0.0.0/8" or "10.0.0.7"; host names are not looked up.'
NO_FUNCTION = "is not a function, or it is an async one"
WIDE = "trusts more addresses than any proxy needs"
PROXIES, BANNABLE = Settings.TRUSTED_PROXIES.name, Settings.BANNABLE_NETWORKS.name


def messages(problems: list[Problem]) -> list[tuple[str, str]]:
    """Return the ids and the messages."""
    return [(problem.id, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "entries",
    [(), [], tuple(PRESETS), ("unix:", "10.0.0.0/8", "192.0.2.7", "fd00::/16", "2001:db8::7", "::ffff:10.0.0.0/104")],
)
def test_good_proxies(entries: object) -> None:
    """Presets, networks, addresses and the word for unix sockets are right."""
    assert trusted_proxy_problems(entries) == []


@pytest.mark.parametrize(
    ("entry", "what", "fix"),
    [
        ("10.0.0.0/33", "is not a CIDR range", HOST_FIX),
        ("10.0.0.7/8", "is not a CIDR range", 'Write "10.0.0.0/8", or a single address without "/".'),
        ("10.0.0.0/255.0.0.0", "is not a CIDR range", 'Write "10.0.0.0/8", or a single address without "/".'),
        ("2001:db8::7/32", "is not a CIDR range", 'Write "2001:db8::/32", or a single address without "/".'),
        ("proxy.example.com", "is not a CIDR range", HOST_FIX),
        ("fe80::1%eth0", "is not a CIDR range", HOST_FIX),
        ("nginxx", "is not a preset", 'Did you mean "nginx"?'),
        ("Cloudflare", "is not a preset", 'Did you mean "cloudflare"?'),
        ("unix", "is not a preset", 'Did you mean "unix:"?'),
        ("unix:/run/gunicorn.sock", "is not a preset", 'Did you mean "unix:"?'),
        ("varnish", "is not a preset", f"The presets are {', '.join(PRESETS)}."),
        ("", "is not a preset", f"The presets are {', '.join(PRESETS)}."),
        ("0.0.0.0/0", WIDE, None),
        ("::/0", WIDE, None),
        ("10.0.0.0/7", WIDE, None),
        ("fc00::/15", WIDE, None),
        ("::ffff:0:0/96", WIDE, None),
    ],
)
def test_wrong_proxy(entry: str, what: str, fix: str | None) -> None:
    """A wrong entry is named by its place, with what to write instead; a network that is too wide is a warning."""
    (problem,) = trusted_proxy_problems(["nginx", entry])
    message = f"{PROXIES}[1] {what}: {entry!r}."
    assert problem == (warning("W001", message, problem.fix) if fix is None else error("E001", message, fix))


@pytest.mark.parametrize("value", ["nginx", None, 7, {"nginx"}])
def test_proxies_are_a_list(value: object) -> None:
    """Anything but a tuple or a list is one problem of the whole setting."""
    message = f"{PROXIES} is not a tuple or list: {value!r}."
    assert trusted_proxy_problems(value) == [error("E001", message, 'Write e.g. ("nginx",).')]


@pytest.mark.parametrize(
    "entries", [(), ("10.0.0.0/8", "192.168.7.0/24", "100.64.0.0/10", "fc00::/7", "fd12::/16", "10.1.2.3")]
)
def test_good_bannable_networks(entries: object) -> None:
    """Private networks and parts of them may be listed."""
    assert bannable_network_problems(entries) == []


@pytest.mark.parametrize(
    ("problem_id", "entry", "what"),
    [
        ("E004", "10.0.0.0/33", "is not a CIDR range"),
        ("E004", "nginx", "is not a CIDR range"),
        ("W003", "127.0.0.0/8", "is not a private network"),
        ("W003", "203.0.113.0/24", "is not a private network"),
        ("W003", "0.0.0.0/0", "is not a private network"),
        ("W003", "10.0.0.0/7", "is not a private network"),
        ("W003", "fe80::/10", "is not a private network"),
        ("W003", "::/0", "is not a private network"),
    ],
)
def test_wrong_bannable_network(problem_id: str, entry: str, what: str) -> None:
    """What cannot be read is an error, what has no effect a warning."""
    assert messages(bannable_network_problems((entry,))) == [(problem_id, f"{BANNABLE}[0] {what}: {entry!r}.")]


@pytest.mark.parametrize("name", [None, "X-Forwarded-For", "x-real-ip", "CF-Connecting-IP"])
def test_good_header(name: object) -> None:
    """The name of a header as it stands in a request is right."""
    assert header_problems(name) == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("HTTP_X_REAL_IP", "X-Real-Ip"),
        ("X_Forwarded_For", "X-Forwarded-For"),
        ("X-Forwarded-For:", "X-Forwarded-For"),
        ("", "X-Forwarded-For"),
        (["X-Real-IP"], "X-Forwarded-For"),
    ],
)
def test_wrong_header(name: object, instead: str) -> None:
    """A name that no header can have is shown with one that can."""
    message = f"SECURITY_LOGGING_CLIENT_IP_HEADER is not the name of a header: {name!r}."
    assert header_problems(name) == [error("E002", message, f'Write "{instead}".')]


@pytest.mark.parametrize("name", ["Forwarded", "forwarded", "HTTP_FORWARDED"])
def test_forwarded_header(name: str) -> None:
    """RFC 7239's header is refused with the one to send instead."""
    message = f"SECURITY_LOGGING_CLIENT_IP_HEADER is RFC 7239's header, which is not supported: {name!r}."
    fix = 'Write "X-Forwarded-For", and let the proxy send that header.'
    assert header_problems(name) == [error("E002", message, fix)]


@pytest.mark.parametrize("value", [None, "address_resolvers.raising", address_resolvers.as_object])
def test_good_resolver(value: object) -> None:
    """A function or its dotted path is right; whether it works is seen at the first request."""
    assert resolver_problems(value) == []


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("address_resolvers.NOT_A_FUNCTION", NO_FUNCTION),
        ("address_resolvers.in_a_coroutine", NO_FUNCTION),
        (7, NO_FUNCTION),
        ("client_ip", "cannot be imported (client_ip doesn't look like a module path)"),
        (
            "address_resolvers.missing",
            'cannot be imported (Module "address_resolvers" does not define a "missing" attribute/class)',
        ),
        ("no_such_module.client_ip", "cannot be imported (No module named 'no_such_module')"),
    ],
)
def test_wrong_resolver(value: object, what: str) -> None:
    """What cannot be called with a request is named."""
    assert messages(resolver_problems(value)) == [
        ("E003", f"SECURITY_LOGGING_CLIENT_IP_RESOLVER {what}: {value!r}."),
    ]


def test_good_ranges_file(tmp_path: Path) -> None:
    """A file with ranges of presets is right."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudflare": ["192.0.2.0/24", "2001:db8::/32"]}))
    assert [problem for value in (None, path, str(path)) for problem in ranges_file_problems(value)] == []


def test_wrong_ranges_in_file(tmp_path: Path) -> None:
    """Unknown presets and unreadable ranges in the file are named."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudfare": ["192.0.2.0/24"], "cloudfront": ["192.0.2.7/24"]}))
    place = "SECURITY_LOGGING_PROXY_RANGES_FILE has an entry that is not"
    fix = 'Write "192.0.2.0/24", or a single address without "/".'
    assert ranges_file_problems(path) == [
        error("E005", f"{place} a preset: 'cloudfare'.", 'Did you mean "cloudflare"?'),
        error("E005", f"{place} a CIDR range: '192.0.2.7/24'.", fix),
    ]


def test_unreadable_ranges_file(tmp_path: Path) -> None:
    """A missing file is named, with a command that makes one."""
    (problem,) = ranges_file_problems(tmp_path / "missing.json")
    assert " cannot be read (" in problem.message
    assert "api.cloudflare.com" in problem.fix


SEEN = PRESETS["cloudflare"].date or date.min


@pytest.mark.parametrize(("age", "old"), [(MAX_AGE, False), (MAX_AGE + timedelta(days=1), True)])
def test_age_of_published_ranges(age: timedelta, old: bool) -> None:
    """Ranges are old when they were seen to hold more than 400 days ago."""
    problems = preset_age_problems(("nginx", "cloudflare"), SEEN + age)
    message = f"{PROXIES}[1] is a preset whose addresses are those of {SEEN} and may have changed: 'cloudflare'."
    assert messages(problems) == ([("W002", message)] if old else [])


def test_age_fix_names_the_command() -> None:
    """The fix for old ranges is the command that prints new ones."""
    (problem,) = preset_age_problems(["cloudfront"], date(2030, 1, 1))
    assert problem.fix.endswith(PRESETS["cloudfront"].refresh or "?")


def test_age_of_a_file_is_the_projects_matter(tmp_path: Path) -> None:
    """Ranges that a file replaces do not grow old, those that it leaves do."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudflare": ["192.0.2.0/24"]}))
    problems = preset_age_problems(("cloudflare", "cloudfront"), date(2030, 1, 1), path)
    assert ["'cloudfront'" in problem.message for problem in problems] == [True]


def test_age_with_a_broken_file(tmp_path: Path) -> None:
    """A file that cannot be read replaces nothing."""
    assert len(preset_age_problems(("cloudflare",), date(2030, 1, 1), tmp_path / "missing.json")) == 1


@pytest.mark.parametrize("entries", ["cloudflare", None, 7])
def test_age_leaves_other_problems_alone(entries: object) -> None:
    """A setting that is no list is reported once, by the check of the list."""
    assert preset_age_problems(entries, date(2030, 1, 1)) == []
