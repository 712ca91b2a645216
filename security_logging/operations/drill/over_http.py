"""A login client over HTTP, through the real proxy."""

from __future__ import annotations

import http.client
import ipaddress
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from security_logging.operations.drill.login_client import Answer, Attempt

_SECONDS = 20  # for an answer
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass
class OverHTTP:
    """
    Makes requests to a running server.

    The server must trust this machine as a proxy: with `proxy_line` it reads the client from the PROXY protocol, else
    from `header`.
    """

    url: str
    header: str = "X-Forwarded-For"
    proxy_line: bool = False
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How the report describes it."""
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
