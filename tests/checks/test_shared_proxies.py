"""What is wrong in the settings about networks that strangers share, and about the secret that keeps them out."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from security_logging.addresses.client_ip import resolve
from security_logging.addresses.proxies import PRESETS
from security_logging.checks.registry import check_settings
from security_logging.checks.shared_proxies import (
    lock_problems,
    origin_secret_problems,
    shared_proxy_problems,
    wide_network_problems,
)

SECRET = "0123456789abcdef0123456789abcdef"
LOCK = ("X-Origin-Secret", SECRET)


@pytest.mark.parametrize("entries", [(), ["192.0.2.0/24", "2001:db8::/32"], ["alb", "192.0.2.7"]])
def test_good_shared_proxies(entries: object) -> None:
    """Networks, addresses and presets are right."""
    assert shared_proxy_problems(entries) == []


@pytest.mark.parametrize(
    ("entries", "place"), [("192.0.2.0/24", " is not"), (["alb", "fastli"], "[1] is"), (["192.0.2.0/33"], "[0] is")]
)
def test_wrong_shared_proxies(entries: object, place: str) -> None:
    """A wrong entry is an error at its place."""
    found = [
        (problem.id, f"SECURITY_LOGGING_SHARED_PROXIES{place}" in problem.message)
        for problem in shared_proxy_problems(entries)
    ]
    assert found == [("E009", True)]


@pytest.mark.parametrize(
    ("entry", "is_wide"),
    [
        ("192.0.2.0/24", False),
        ("198.51.100.0/23", True),
        ("203.0.0.0/8", True),
        ("2001:db8:1::/48", False),
        ("2001:db8::/47", True),
        ("10.0.0.0/8", False),
        ("172.16.0.0/12", False),
        ("fd00::/16", False),
        ("100.64.0.0/10", False),
        ("127.0.0.0/8", False),
        ("172.64.0.0/13", False),  # Cloudflare's
        ("172.64.0.0/14", False),
        ("172.64.0.0/12", True),  # more than Cloudflare's
        ("151.101.0.0/16", False),  # Fastly's
        ("cloudflare", False),
        ("0.0.0.0/0", False),  # W001 says more
        ("nonsense", False),
    ],
)
def test_wide_networks(entry: str, is_wide: bool) -> None:
    """A public network above /24, in IPv6 /48, is a warning unless it is known to be shared."""
    assert len(wide_network_problems([entry], (), None)) == is_wide


def test_wide_network_that_is_listed_as_shared() -> None:
    """Whoever has said that strangers share the network is not told again."""
    assert wide_network_problems(["198.51.100.0/23"], ["198.51.100.0/22"], None) == []


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_lock_of_a_preset(preset: Any) -> None:
    """A preset of a shared network without the secret is a warning, and any other is not."""
    assert len(lock_problems([preset.name], (), None, None)) == (preset.date is not None)


@pytest.mark.parametrize("entry", ["172.64.0.0/13", "172.64.0.7", "151.101.0.0/16", "192.0.2.0/24"])
def test_lock_of_a_network(entry: str) -> None:
    """The same holds of a shared network that is listed by hand."""
    assert len(lock_problems(["nginx", entry], ["192.0.2.0/24"], None, None)) == 1


def test_lock_is_there() -> None:
    """With the secret there is nothing to say."""
    assert lock_problems(["cloudflare"], (), None, LOCK) == []


@pytest.mark.parametrize("value", [None, LOCK, list(LOCK), ("CDN-Token", "x" * 16)])
def test_good_secrets(value: object) -> None:
    """A header and a long value are right."""
    assert origin_secret_problems(value) == []


@pytest.mark.parametrize(
    "value",
    [
        "X-Origin-Secret",
        ("X-Origin-Secret",),
        ("X-Origin-Secret", SECRET, ""),
        ("X_Origin_Secret", SECRET),
        ("", SECRET),
        (SECRET + "\n", "X-Origin-Secret"),
        ("X-Origin-Secret", ""),
        ("X-Origin-Secret", "x" * 15),
        ("X-Origin-Secret", SECRET + " "),
        ("X-Origin-Secret", f"{SECRET},{SECRET}"),
        ("X-Origin-Secret", SECRET + "é"),
        ("X-Origin-Secret", None),
        5,
    ],
)
def test_wrong_secrets(value: object) -> None:
    """What no header can bring or keep is an error, which shows no value."""
    problems = origin_secret_problems(value)
    assert [problem.id for problem in problems] == ["E010"]
    assert SECRET not in f"{problems}"


def test_header_that_django_shows() -> None:
    """A header whose name Django does not take for sensitive would show its value on debug pages."""
    problems = origin_secret_problems(("X-Front", SECRET))
    assert ([problem.id for problem in problems], SECRET in f"{problems}") == (["W006"], False)


def test_checks_show_no_secret(settings: Any) -> None:
    """No message of the checks holds the value, whichever way round the pair is."""
    settings.SECURITY_LOGGING_ORIGIN_SECRET = (SECRET, "X-Origin-Secret")
    assert SECRET not in f"{check_settings()}"


def test_debug_page_shows_no_secret(settings: Any) -> None:
    """Django's debug page shows the value neither in the settings, nor in META, nor in the variables of our code."""
    settings.SECURITY_LOGGING_ORIGIN_SECRET = LOCK
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["nginx"]
    settings.DEBUG = True

    def reading(request: HttpRequest) -> str:
        raise LookupError(resolve(request).reason)

    request = RequestFactory().get("/", headers={"X-Origin-Secret": SECRET, "X-Forwarded-For": "203.0.113.7"})
    with pytest.raises(LookupError) as raised:
        reading(request)
    page = ExceptionReporter(request, raised.type, raised.value, raised.tb).get_traceback_html()
    assert ("X_ORIGIN_SECRET" in page, SECRET in page) == (True, False)
