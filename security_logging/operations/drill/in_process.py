"""A login client inside this process, through Django's test client."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from security_logging.addresses.claims import FORWARDING_HEADERS
from security_logging.addresses.headers import meta_key, origin_secret_meta
from security_logging.addresses.proxies import trusted_proxies
from security_logging.conf import conf
from security_logging.operations.doctor.addresses import first_address
from security_logging.operations.drill.login_client import Answer, Attempt


class InProcess:
    """
    Makes requests to URLs, middleware and views in this process, as they come through the trusted proxy.

    `denied` returns the addresses that a proxy in front would refuse in a rehearsal.
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
            meta |= {"REMOTE_ADDR": self.proxy, meta_key(header): f"{before}{attempt.address}", **origin_secret_meta()}
        return meta


def _host() -> str:
    """Return a name that the site answers to."""
    named = [host for host in settings.ALLOWED_HOSTS if "*" not in host]
    first = named[0] if named else "localhost"
    return f"drill{first}" if first.startswith(".") else first
