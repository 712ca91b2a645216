"""The ways into the site: who the request comes from, what it carries, and what it never does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import override_settings

from security_logging.events.event import SecurityEvent
from security_logging.operations.drill.in_process import InProcess
from security_logging.operations.drill.login_client import Attempt, login_path
from security_logging.operations.drill.over_http import OverHTTP

ATTEMPT = Attempt("203.0.113.7", "drill-1", "canary-1", "django-security-drill/drill-1")
FORGED = Attempt("203.0.113.7", "drill-1", "canary-1", "django-security-drill/drill-1", "198.51.100.1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({}, "in process, /admin/login/"),
        (
            {"SECURITY_LOGGING_TRUSTED_PROXIES": ["10.0.0.5"]},
            "in process, /admin/login/, through the trusted proxy 10.0.0.5",
        ),
        (
            {"SECURITY_LOGGING_TRUSTED_PROXIES": ["unix:", "fly"]},
            "in process, /admin/login/, through the trusted proxy 172.16.0.1",
        ),
    ],
)
@pytest.mark.parametrize("attempt", [ATTEMPT, FORGED], ids=["honest", "forged"])
def test_in_process(captured: list[SecurityEvent], settings: dict[str, object], title: str, attempt: Attempt) -> None:
    """An attempt in process passes the trusted proxy, if there is one, and is ascribed to its address."""
    with override_settings(**settings):
        way = InProcess("/admin/login/")
        answer = way.log_in(attempt)
    assert (way.title, answer.status) == (title, 200)
    assert [(found.type.name, found.address, found.fields["user"]) for found in captured] == [
        ("login_failed", "203.0.113.7", "drill-1")
    ]


@pytest.mark.django_db
def test_look_in_process(captured: list[SecurityEvent]) -> None:
    """A look at the login page is no attempt."""
    assert (InProcess("/admin/login/").look("203.0.113.7", "agent").status, captured) == (200, [])


@pytest.mark.parametrize("allowed", [["shop.example.com"], [".example.com"], ["*"], []])
def test_host(allowed: list[str]) -> None:
    """The requests name a host that the site answers to; with DEBUG and without ALLOWED_HOSTS that is localhost."""
    with override_settings(ALLOWED_HOSTS=allowed, DEBUG=not allowed):
        assert InProcess("/admin/login/").look("203.0.113.7", "agent").status == 200


def test_login_path() -> None:
    """The admin's login is taken where there is one, else that of the site."""
    assert login_path() == "/admin/login/"
    with override_settings(ROOT_URLCONF="no_admin_urls", LOGIN_URL="/accounts/login/"):
        assert login_path() == "/accounts/login/"


class Site(BaseHTTPRequestHandler):
    """A login page with a CSRF token, behind which every request is kept."""

    page = '<input type="hidden" name="csrfmiddlewaretoken" value="abc123">'

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        self.answer(403)

    def answer(self, status: int) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.kept.append((self.command, self.path, dict(self.headers), parse_qs(body)))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Set-Cookie", "csrftoken=t0ken; Path=/")
        self.end_headers()
        self.wfile.write(self.page.encode())

    raw_requestline: bytes

    def parse_request(self) -> bool:
        if self.raw_requestline.startswith(b"PROXY "):
            self.server.proxy_lines.append(self.raw_requestline.decode().split())  # type: ignore[attr-defined]
            self.raw_requestline = self.rfile.readline()
        return super().parse_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[HTTPServer]:
    """Yield a running server on the loopback interface."""
    server = HTTPServer(("127.0.0.1", 0), Site)
    server.kept, server.proxy_lines = [], []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(site: HTTPServer) -> str:
    """Return where the login page is."""
    return f"http://127.0.0.1:{site.server_port}/admin/login/"


def test_over_http(site: HTTPServer) -> None:
    """The token of the form and the cookie go back with the attempt; the client is named in the header."""
    way = OverHTTP(url_of(site), host="shop.example.com")
    assert (way.log_in(FORGED).status, way.title) == (403, f"over HTTP, {url_of(site)}, with X-Forwarded-For")
    (_get, _path, _headers, _form), (method, path, headers, form) = site.kept  # type: ignore[attr-defined]
    assert (method, urlsplit(path).path, headers["X-Forwarded-For"]) == (
        "POST",
        "/admin/login/",
        "198.51.100.1, 203.0.113.7",
    )
    assert (headers["Host"], headers["Referer"]) == ("shop.example.com", "http://shop.example.com/admin/login/")
    assert (headers["User-Agent"], "csrftoken=t0ken" in headers["Cookie"]) == (ATTEMPT.agent, True)
    assert (form["csrfmiddlewaretoken"], form["username"], form["password"]) == (["abc123"], ["drill-1"], ["canary-1"])


@pytest.mark.parametrize(
    ("attempt", "address", "family"),
    [
        (ATTEMPT, "203.0.113.7", "TCP4"),
        (Attempt("2001:db8::7", "u", "s", "a"), "2001:db8::7", "TCP6"),
        (FORGED, "203.0.113.7", "TCP4"),
    ],
)
def test_proxy_protocol(site: HTTPServer, attempt: Attempt, address: str, family: str) -> None:
    """With the PROXY protocol the client stands before the request; a header is a forgery."""
    way = OverHTTP(url_of(site), proxy_line=True)
    way.log_in(attempt)
    assert ("PROXY protocol" in way.title, site.proxy_lines[0][1:3]) == (True, [family, address])  # type: ignore[attr-defined]
    assert site.kept[0][2].get("X-Forwarded-For", "") == attempt.forged  # type: ignore[attr-defined]


def test_page_without_a_form(site: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without a login form, such as a proxy's refusal, gets no attempt."""
    monkeypatch.setattr(Site, "page", "closed")
    assert (OverHTTP(url_of(site)).log_in(ATTEMPT).status, len(site.kept)) == (200, 1)  # type: ignore[attr-defined]


def test_look_over_http(site: HTTPServer) -> None:
    """A look is one request."""
    assert (OverHTTP(url_of(site)).look("203.0.113.7", "agent").status, len(site.kept)) == (200, 1)  # type: ignore[attr-defined]


def test_connection_refused() -> None:
    """A server that refuses the connection answers with nothing."""
    assert OverHTTP("https://127.0.0.1:9/login/").look("203.0.113.7", "agent").status == 0
