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
from security_logging.checks.problem import Problem

HOST_HINT = 'Write e.g. "10.0.0.0/8" or "10.0.0.7"; names of hosts are not looked up.'
WIDE = "trusts more than any proxy needs"


def summary(problems: list[Problem]) -> list[tuple[int | None, str, str, bool]]:
    """Return what a check shows, without the hint."""
    return [(problem.index, problem.message, problem.value, problem.is_error) for problem in problems]


@pytest.mark.parametrize(
    "entries",
    [(), [], tuple(PRESETS), ("unix:", "10.0.0.0/8", "192.0.2.7", "fd00::/16", "2001:db8::7", "::ffff:10.0.0.0/104")],
)
def test_good_proxies(entries: object) -> None:
    """Presets, networks, addresses and the word for unix sockets are right."""
    assert trusted_proxy_problems(entries) == []


@pytest.mark.parametrize(
    ("entry", "message", "hint", "is_error"),
    [
        ("10.0.0.0/33", "is not a CIDR range", HOST_HINT, True),
        ("10.0.0.7/8", "is not a CIDR range", 'Write "10.0.0.0/8", or a single address without "/".', True),
        ("10.0.0.0/255.0.0.0", "is not a CIDR range", 'Write "10.0.0.0/8", or a single address without "/".', True),
        ("2001:db8::7/32", "is not a CIDR range", 'Write "2001:db8::/32", or a single address without "/".', True),
        ("proxy.example.com", "is not a CIDR range", HOST_HINT, True),
        ("fe80::1%eth0", "is not a CIDR range", HOST_HINT, True),
        ("nginxx", "is not a preset", 'Did you mean "nginx"?', True),
        ("Cloudflare", "is not a preset", 'Did you mean "cloudflare"?', True),
        ("unix", "is not a preset", 'Did you mean "unix:"?', True),
        ("unix:/run/gunicorn.sock", "is not a preset", 'Did you mean "unix:"?', True),
        ("varnish", "is not a preset", f"The presets are {', '.join(PRESETS)}.", True),
        ("", "is not a preset", f"The presets are {', '.join(PRESETS)}.", True),
        ("0.0.0.0/0", WIDE, None, False),
        ("::/0", WIDE, None, False),
        ("10.0.0.0/7", WIDE, None, False),
        ("fc00::/15", WIDE, None, False),
        ("::ffff:0:0/96", WIDE, None, False),
    ],
)
def test_wrong_proxy(entry: str, message: str, hint: str | None, is_error: bool) -> None:
    """A wrong entry is named by its place, with what to write instead."""
    (problem,) = trusted_proxy_problems(["nginx", entry])
    assert problem == Problem(message, repr(entry), hint or problem.hint, 1, is_error)


@pytest.mark.parametrize("value", ["nginx", None, 7, {"nginx"}])
def test_proxies_are_a_list(value: object) -> None:
    """Anything but a tuple or a list is one problem of the whole setting."""
    assert trusted_proxy_problems(value) == [
        Problem("is not a tuple or list", repr(value), 'Write e.g. ("nginx",).'),
    ]


@pytest.mark.parametrize(
    "entries", [(), ("10.0.0.0/8", "192.168.7.0/24", "100.64.0.0/10", "fc00::/7", "fd12::/16", "10.1.2.3")]
)
def test_good_bannable_networks(entries: object) -> None:
    """Private networks and parts of them may be listed."""
    assert bannable_network_problems(entries) == []


@pytest.mark.parametrize(
    ("entry", "message", "is_error"),
    [
        ("10.0.0.0/33", "is not a CIDR range", True),
        ("nginx", "is not a CIDR range", True),
        ("127.0.0.0/8", "is not a private network", False),
        ("203.0.113.0/24", "is not a private network", False),
        ("0.0.0.0/0", "is not a private network", False),
        ("10.0.0.0/7", "is not a private network", False),
        ("fe80::/10", "is not a private network", False),
        ("::/0", "is not a private network", False),
    ],
)
def test_wrong_bannable_network(entry: str, message: str, is_error: bool) -> None:
    """What cannot be read is an error, what has no effect a warning."""
    assert summary(bannable_network_problems((entry,))) == [(0, message, repr(entry), is_error)]


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
    assert header_problems(name) == [Problem("is not the name of a header", repr(name), f'Write "{instead}".')]


@pytest.mark.parametrize("name", ["Forwarded", "forwarded", "HTTP_FORWARDED"])
def test_forwarded_header(name: str) -> None:
    """RFC 7239's header is refused with the one to send instead."""
    hint = 'Write "X-Forwarded-For" and let the proxy send that.'
    assert header_problems(name) == [Problem("is RFC 7239's header, which is not supported", repr(name), hint)]


@pytest.mark.parametrize("value", [None, "address_resolvers.raising", address_resolvers.as_object])
def test_good_resolver(value: object) -> None:
    """A function or its dotted path is right; whether it works is seen at the first request."""
    assert resolver_problems(value) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("address_resolvers.NOT_A_FUNCTION", "is not a function, or an async one"),
        ("address_resolvers.in_a_coroutine", "is not a function, or an async one"),
        (7, "is not a function, or an async one"),
        ("client_ip", "cannot be imported (client_ip doesn't look like a module path)"),
        (
            "address_resolvers.missing",
            'cannot be imported (Module "address_resolvers" does not define a "missing" attribute/class)',
        ),
        ("no_such_module.client_ip", "cannot be imported (No module named 'no_such_module')"),
    ],
)
def test_wrong_resolver(value: object, message: str) -> None:
    """What cannot be called with a request is named."""
    assert summary(resolver_problems(value)) == [(None, message, repr(value), True)]


def test_good_ranges_file(tmp_path: Path) -> None:
    """A file with ranges of presets is right."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudflare": ["192.0.2.0/24", "2001:db8::/32"]}))
    assert [problem for value in (None, path, str(path)) for problem in ranges_file_problems(value)] == []


def test_wrong_ranges_in_file(tmp_path: Path) -> None:
    """Unknown presets and unreadable ranges in the file are named."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudfare": ["192.0.2.0/24"], "cloudfront": ["192.0.2.7/24"]}))
    assert [(problem.message, problem.value, problem.hint) for problem in ranges_file_problems(path)] == [
        ("names an unknown preset", "'cloudfare'", 'Did you mean "cloudflare"?'),
        ("holds what is not a CIDR range", "'192.0.2.7/24'", 'Write "192.0.2.0/24", or a single address without "/".'),
    ]


def test_unreadable_ranges_file(tmp_path: Path) -> None:
    """A missing file is named, with a command that makes one."""
    (problem,) = ranges_file_problems(tmp_path / "missing.json")
    assert (problem.message.startswith("cannot be read ("), "api.cloudflare.com" in problem.hint) == (True, True)


SEEN = PRESETS["cloudflare"].date or date.min


@pytest.mark.parametrize(("age", "old"), [(MAX_AGE, False), (MAX_AGE + timedelta(days=1), True)])
def test_age_of_published_ranges(age: timedelta, old: bool) -> None:
    """Ranges are old when they were seen to hold more than 400 days ago."""
    problems = preset_age_problems(("nginx", "cloudflare"), SEEN + age)
    expected = [(1, "has ranges of 2026-09-01, and others since perhaps", "'cloudflare'", False)]
    assert summary(problems) == (expected if old else [])


def test_age_hint_names_the_command() -> None:
    """The hint of old ranges is the command that prints new ones."""
    (problem,) = preset_age_problems(["cloudfront"], date(2030, 1, 1))
    assert problem.hint.endswith(PRESETS["cloudfront"].refresh or "?")


def test_age_of_a_file_is_the_projects_matter(tmp_path: Path) -> None:
    """Ranges that a file replaces do not grow old, those that it leaves do."""
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps({"cloudflare": ["192.0.2.0/24"]}))
    problems = preset_age_problems(("cloudflare", "cloudfront"), date(2030, 1, 1), path)
    assert [problem.value for problem in problems] == ["'cloudfront'"]


def test_age_with_a_broken_file(tmp_path: Path) -> None:
    """A file that cannot be read replaces nothing."""
    assert len(preset_age_problems(("cloudflare",), date(2030, 1, 1), tmp_path / "missing.json")) == 1


@pytest.mark.parametrize("entries", ["cloudflare", None, 7])
def test_age_leaves_other_problems_alone(entries: object) -> None:
    """A setting that is no list is reported once, by the check of the list."""
    assert preset_age_problems(entries, date(2030, 1, 1)) == []
