"""The people at their browsers: HTTP clients, each with an address of its own and a cookie jar."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from demonstration.place import HOST, LOOPBACK

TIMEOUT_SECONDS = 20
_CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_DENIED = "The harbour is closed"  # deploy/harbour_site.conf


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    text: str

    @property
    def is_denied(self) -> bool:
        """Tell whether nginx refused the visitor; Django's own 403 looks different."""
        return self.status == 403 and _DENIED in self.text


class ConnectionFrom(http.client.HTTPConnection):
    """
    A connection as a load balancer opens it for a client: the client's address is in the PROXY line in front.

    See "The PROXY protocol, version 1" (haproxy.org). The line is read by nginx before any HTTP, so that nothing a
    client writes into its headers can change it.
    """

    def __init__(self, address: str, port: int) -> None:
        """Speak for the address to the front on that port."""
        super().__init__(LOOPBACK, port, timeout=TIMEOUT_SECONDS)
        version = ipaddress.ip_address(address).version
        here = LOOPBACK if version == 4 else "::1"
        self._line = f"PROXY TCP{version} {address} {here} 40000 {port}\r\n"

    def connect(self) -> None:
        """Connect and say who comes."""
        super().connect()
        self.sock.sendall(self._line.encode("ascii"))


@dataclass(frozen=True)
class Visitor:
    """A client with an address; it sends `headers` and its cookies with each request."""

    address: str
    port: int
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        """Fetch a page."""
        return self._request("GET", path, None, {})

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""
        return self._request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})

    def log_in(self, path: str, username: str, password: str) -> Answer:
        """Fetch the login page and send its form with the CSRF token, so that the attempt reaches authenticate()."""
        page = self.get(path)
        token = _CSRF_TOKEN.search(page.text)
        if token is None:  # no form: this visitor is not let in
            return page
        return self.post(path, {"csrfmiddlewaretoken": token[1], "username": username, "password": password})

    def fetch_token(self, path: str, username: str, password: str) -> Answer:
        """Ask the API for a token, and send it along from now on."""
        answer = self.post(path, {"username": username, "password": password})
        if answer.status == 200:
            self.headers["Authorization"] = f"Token {json.loads(answer.text)['token']}"
        return answer

    def _request(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        connection = ConnectionFrom(self.address, self.port)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Host": HOST, **self.headers, **headers, **({"Cookie": cookies} if cookies else {})}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        self._keep_cookies(answer.msg.get_all("Set-Cookie", []))
        return Answer(answer.status, text)

    def _keep_cookies(self, lines: list[str]) -> None:
        for line in lines:
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
