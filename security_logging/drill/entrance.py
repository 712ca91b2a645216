"""The ways into the site: in this process through Django's test client, or over HTTP through the real proxy."""

from __future__ import annotations

import http.client
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import NoReverseMatch, reverse

from security_logging.client_ip import FORWARDING_HEADERS, meta_key
from security_logging.conf import conf
from security_logging.doctor.address_report import first_address
from security_logging.proxies import trusted_proxies

_SECONDS = 20  # for an answer
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass(frozen=True)
class Attempt:
    """One login to try. `forged` is the address that forwarding headers of the client's own claim."""

    address: str
    user: str
    secret: str = field(repr=False)
    agent: str = ""
    forged: str = ""

    @property
    def form(self) -> dict[str, str]:
        """What is typed, under the names that login forms use."""
        return {"username": self.user, "login": self.user, "email": self.user, "password": self.secret}


@dataclass(frozen=True)
class Answer:
    """The status of the answer, 0 when the connection was refused, and when it came."""

    status: int
    moment: float  # of time.monotonic()


class Entrance(Protocol):
    """A way into the site."""

    @property
    def title(self) -> str:
        """What the report says."""

    def look(self, address: str, agent: str) -> Answer:
        """Fetch the login page."""

    def log_in(self, attempt: Attempt) -> Answer:
        """Try to log in."""


def login_path() -> str:
    """Return the path of the admin's login, or of the site's where there is no admin."""
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return str(resolve_url(settings.LOGIN_URL))


class InProcess:
    """
    Requests that pass URL configuration, middleware and views in this process, as if through the trusted proxy.

    `denied` returns the addresses that a rehearsed proxy in front refuses.
    """

    def __init__(self, path: str, denied: Callable[[], list[str]] = list) -> None:
        """Take the login's path."""
        self.path = path
        self.denied = denied
        self.proxy = next(filter(None, (first_address(str(entry)) for entry in conf.TRUSTED_PROXIES)), None)
        self.title = f"in process, {path}" + (f", through the trusted proxy {self.proxy}" if self.proxy else "")
        self._client = Client(raise_request_exception=False)

    def look(self, address: str, agent: str) -> Answer:
        """Fetch the login page."""
        return self._ask("get", Attempt(address, "", "", agent))

    def log_in(self, attempt: Attempt) -> Answer:
        """Try to log in."""
        return self._ask("post", attempt)

    def _ask(self, method: str, attempt: Attempt) -> Answer:
        if attempt.address in self.denied():
            return Answer(403, time.monotonic())
        path = f"{self.path}?{urlencode({'token': attempt.secret})}"
        self._client.cookies = SimpleCookie({"drill": attempt.secret} if attempt.secret else {})
        send: Any = getattr(self._client, method)
        response = send(path, attempt.form if method == "post" else None, secure=True, **self._meta(attempt))
        return Answer(response.status_code, time.monotonic())

    def _meta(self, attempt: Attempt) -> dict[str, str]:
        meta = dict.fromkeys(FORWARDING_HEADERS, attempt.forged) if attempt.forged else {}
        meta |= {"REMOTE_ADDR": attempt.address, "HTTP_USER_AGENT": attempt.agent, "SERVER_NAME": _host()}
        if self.proxy:
            proxies = trusted_proxies(tuple(map(str, conf.TRUSTED_PROXIES)), conf.PROXY_RANGES_FILE)
            header = conf.CLIENT_IP_HEADER or proxies.header
            # X-Forwarded-For grows at its right end; any other header is set by the proxy.
            before = f"{attempt.forged}, " if attempt.forged and header.lower() == "x-forwarded-for" else ""
            meta |= {"REMOTE_ADDR": self.proxy, meta_key(header): f"{before}{attempt.address}"}
        return meta


@dataclass
class OverHTTP:
    """
    Requests to a running server.

    The server must believe this machine about the client: with `proxy_line` through the PROXY protocol, else through
    `header`, by default X-Forwarded-For.
    """

    url: str
    header: str = "X-Forwarded-For"
    proxy_line: bool = False
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the report says."""
        return f"over HTTP, {self.url}, " + ("with the PROXY protocol" if self.proxy_line else f"with {self.header}")

    def look(self, address: str, agent: str) -> Answer:
        """Fetch the login page."""
        return self._ask("GET", Attempt(address, "", "", agent))[0]

    def log_in(self, attempt: Attempt) -> Answer:
        """Fetch the login page for its CSRF token, and try to log in."""
        answer, text = self._ask("GET", attempt)
        token = _TOKEN.search(text)
        if token is None:
            return answer
        return self._ask("POST", attempt, {"csrfmiddlewaretoken": token[1], **attempt.form})[0]

    def _ask(self, method: str, attempt: Attempt, form: Mapping[str, str] | None = None) -> tuple[Answer, str]:
        parts = urlsplit(self.url)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        path = f"{parts.path or '/'}?{urlencode({'token': attempt.secret})}"
        try:
            connection.connect()
            if self.proxy_line and connection.sock is not None:
                connection.sock.sendall(_proxy_line(attempt.address, connection.sock.getpeername()[1]))
            body = None if form is None else urlencode(form)
            connection.request(method, path, body, self._headers(attempt, is_form=form is not None))
            response = connection.getresponse()
            text = response.read(1_000_000).decode(errors="replace")
        except OSError:
            return Answer(0, time.monotonic()), ""
        finally:
            connection.close()
        for line in response.msg.get_all("Set-Cookie", []):
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
        return Answer(response.status, time.monotonic()), text

    def _headers(self, attempt: Attempt, *, is_form: bool) -> dict[str, str]:
        cookies = {**self.cookies, "drill": attempt.secret}
        headers = {
            "User-Agent": attempt.agent,
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "Referer": self.url,
        }
        if self.host:
            headers["Host"] = self.host
            headers["Referer"] = urlsplit(self.url)._replace(netloc=self.host).geturl()
        forged = f"{attempt.forged}, " if attempt.forged else ""
        if self.proxy_line and attempt.forged:
            headers[self.header] = attempt.forged
        elif not self.proxy_line:
            headers[self.header] = f"{forged}{attempt.address}"
        return headers | ({"Content-Type": "application/x-www-form-urlencoded"} if is_form else {})


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    return kind(host, port, timeout=_SECONDS)


def _proxy_line(address: str, port: int) -> bytes:
    """Return who comes, as the PROXY protocol, version 1, says it (haproxy.org)."""
    version = ipaddress.ip_address(address).version
    here = "127.0.0.1" if version == 4 else "::1"
    return f"PROXY TCP{version} {address} {here} 40000 {port}\r\n".encode("ascii")


def _host() -> str:
    """Return a name that the site answers to."""
    named = [host for host in settings.ALLOWED_HOSTS if "*" not in host]
    first = named[0] if named else "localhost"
    return f"drill{first}" if first.startswith(".") else first
