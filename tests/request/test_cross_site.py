"""What a browser says of a request that a page made it send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from security_logging.request.cross_site import brings_a_credential, has_passed_csrf, is_cross_site, is_sent_for_a_page

VECTORS = Path(__file__).parent.parent / "vectors"
TYPED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}  # the address, by the visitor
# Proxies and CDNs add these to the requests of every visitor.
ADDED_BY_PROXIES = json.loads((VECTORS / "proxy_headers.json").read_text("utf-8"))
BROWSER = {"User-Agent": "Mozilla/5.0 (X11) Firefox/60.0", "Accept-Language": "de"}


def request_with(headers: dict[str, str], method: str = "GET") -> HttpRequest:
    """Return a request to https://testserver/ with these headers."""
    return RequestFactory().generic(method, "/", secure=True, headers=headers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "CROSS-SITE"}, False),  # no browser writes it so
        ({"Origin": "https://testserver"}, False),
        ({"Origin": "https://testserver:443"}, False),
        ({"Origin": "http://TESTSERVER:80"}, False),
        ({"Origin": "https://testserver:8443"}, True),
        ({"Origin": "https://testserver.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "", "Referer": ""}, False),
        ({"Origin": "testserver"}, False),  # no URL, so it names nobody
        ({"Origin": "https://[::1"}, False),  # nor does what cannot be read
        ({"Referer": "https://testserver/account/"}, False),
        ({"Referer": "https://evil.example/?https://testserver/"}, True),
        ({"Origin": "https://testserver", "Referer": "https://evil.example/"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, True),
    ],
)
def test_marks(headers: dict[str, str], expected: bool) -> None:
    """Fetch Metadata, an Origin or a Referer of another host mark a request as another site's."""
    assert is_cross_site(request_with(headers)) is expected


@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_disallowed_host() -> None:
    """Where the host of the request is not ours, no Origin is."""
    assert is_cross_site(request_with({"Origin": "https://testserver"})) is True


@pytest.mark.parametrize(
    ("headers", "method", "expected"),
    [
        ({}, "GET", False),
        (BROWSER, "GET", True),
        (BROWSER, "HEAD", True),
        (BROWSER, "POST", False),  # a browser of the last ten years sends an Origin with it
        ({"User-Agent": BROWSER["User-Agent"]}, "GET", False),
        ({"User-Agent": "curl/8", "Accept-Language": "de"}, "GET", False),
        ({"Accept-Language": "de"}, "GET", False),
        ({**BROWSER, "Sec-Fetch-Site": "none"}, "GET", False),
        ({**BROWSER, "Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, "GET", False),
        ({**BROWSER, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}, "GET", True),
        ({**BROWSER, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}, "GET", True),
        ({**BROWSER, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}, "GET", True),
        ({**BROWSER, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe"}, "GET", True),
        ({"Sec-Fetch-Site": "cross-site"}, "POST", True),
        ({**BROWSER, **TYPED, "Sec-Purpose": "prefetch"}, "GET", True),
        ({**BROWSER, **TYPED, "Sec-Purpose": "prefetch;prerender"}, "GET", True),
        ({**BROWSER, **TYPED, "Purpose": "prefetch"}, "GET", True),
        ({**BROWSER, **TYPED, "X-Purpose": "preview"}, "GET", True),
        ({**BROWSER, **TYPED, "X-Moz": "prefetch"}, "GET", True),
        ({**BROWSER, **TYPED, "Sec-Purpose": ""}, "GET", False),
    ],
)
def test_sent_for_a_page(headers: dict[str, str], method: str, expected: bool) -> None:
    """A probe is a visitor's where a browser may have sent it for a page, and a tool's otherwise."""
    assert is_sent_for_a_page(request_with(headers, method)) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Cookie": "token=x", "Accept": "*/*", "Content-Type": "text/plain", "User-Agent": "x"}, False),
        ({"Sec-WebSocket-Key": "dGhl"}, False),  # by the browser itself
        ({"Authorization": "Bearer x"}, True),
        ({"X-API-Key": "x"}, False),  # until the setting names it
        *(({name: "x"}, False) for name in ADDED_BY_PROXIES),
    ],
)
def test_credential_in_a_header(headers: dict[str, str], expected: bool) -> None:
    """Only a header that the site's clients authenticate with shows that no page has sent the request."""
    assert brings_a_credential(request_with(headers)) is expected


@pytest.mark.parametrize(
    ("names", "expected"), [(("X-API-Key",), True), (["x-api-key"], True), ((), False), (None, False), ("X", False)]
)
def test_setting_of_the_headers(names: object, expected: bool) -> None:
    """The setting says which headers those are; a wrong one names none, and a check reports it."""
    with override_settings(SECURITY_LOGGING_CREDENTIAL_HEADERS=names):
        assert brings_a_credential(request_with({"X-API-Key": "x", "Authorization": "y"})) is expected


@pytest.mark.parametrize(
    ("method", "attributes", "expected"),
    [
        ("POST", {}, False),
        ("POST", {"csrf_processing_done": True}, True),
        ("POST", {"csrf_processing_done": True, "_dont_enforce_csrf_checks": False}, True),
        ("POST", {"csrf_processing_done": True, "_dont_enforce_csrf_checks": True}, False),
        ("GET", {"csrf_processing_done": True}, False),
    ],
)
def test_passed_csrf(method: str, attributes: dict[str, bool], expected: bool) -> None:
    """A CSRF token was checked only where Django checks one."""
    request = request_with({}, method)
    vars(request).update(attributes)
    assert has_passed_csrf(request) is expected
