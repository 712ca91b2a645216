"""What a request brings: whether it came over a unix socket, and its headers as they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Protocol

from django.views.decorators.debug import sensitive_variables

from security_logging.conf import conf


class HasMeta(Protocol):
    """Anything with the META of a request; a request that a server made has `environ` (WSGI) or `scope` (ASGI) too."""

    @property
    def META(self) -> Mapping[str, object]:  # noqa: N802 (Django's name)
        """Return the WSGI environment."""


Scope = Mapping[str, object]


@lru_cache(maxsize=64)
def meta_key(header: str) -> str:
    """Return the name under which META holds a header."""
    return "HTTP_" + header.upper().replace("-", "_")


def text_of(value: object) -> str | None:
    """Return a value of META or of a setting as text, None for None."""
    return None if value is None else str(value)


def sent(request: HasMeta, key: str) -> str | None:
    """
    Return the header of META's key as it was sent, several of one name joined by commas; None when there is none.

    Under ASGI it is read from the scope, by its very name: Django before 5.2.13 and 6.0.4 takes X_Forwarded_For, which
    a proxy may let pass, for X-Forwarded-For, and so adds a client's words to it (CVE-2026-3902). Under WSGI the server
    has done that already or has not: docs/proxies.md has a table.
    """
    scope = _scope_of(request)
    if scope is None:
        return text_of(request.META.get(key))
    name = key.removeprefix("HTTP_").replace("_", "-").lower().encode()
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())  # type: ignore[assignment]  # as ASGI says
    values = [value.decode("latin-1") for header, value in headers if header.lower() == name]
    return ",".join(values) if values else None


def came_over_unix_socket(request: HasMeta) -> bool:
    """
    Return whether the server that made the request accepted it on a unix socket.

    That an address is missing proves nothing by itself: the code of a WebSocket consumer may make a request without
    one, and uvicorn has none either for a TCP client that has reset its connection, as any client can. So the word of
    the server is needed. Under WSGI it is an empty REMOTE_ADDR (gunicorn, Granian). Under ASGI it is a `client` without
    a host beside a `server` without a port (uvicorn, daphne, Hypercorn, Granian): who came over TCP reached a port.
    """
    scope = _scope_of(request)
    if scope is not None:
        return scope.get("type") == "http" and not _first(scope.get("client")) and not _port(scope.get("server"))
    environ = getattr(request, "environ", None)
    return isinstance(environ, Mapping) and "wsgi.version" in environ and environ.get("REMOTE_ADDR") == ""


@sensitive_variables()
def lacks_origin_secret(request: HasMeta) -> bool:
    """
    Return whether SECURITY_LOGGING_ORIGIN_SECRET is set, and the request does not bring it.

    A value of the setting that is not a pair of texts is brought by no request; a system check reports it.
    """
    setting: object = conf.ORIGIN_SECRET
    if setting is None:
        return False
    header, expected = setting if isinstance(setting, (tuple, list)) and len(setting) == 2 else ("", "")
    if not (isinstance(header, str) and isinstance(expected, str) and header and expected):
        return True
    brought = sent(request, meta_key(header)) or ""
    return not compare_digest(brought.encode("utf-8", "surrogateescape"), expected.encode())


def origin_secret_meta() -> dict[str, str]:
    """Return the part of META that the proxy in front adds to each request; empty without the setting."""
    setting: object = conf.ORIGIN_SECRET
    if not isinstance(setting, (tuple, list)) or len(setting) != 2:
        return {}
    return {meta_key(str(setting[0])): str(setting[1])}


def _scope_of(request: HasMeta) -> Scope | None:
    scope: Scope | None = getattr(request, "scope", None)
    return scope


def _first(pair: object) -> object:
    return pair[0] if isinstance(pair, (tuple, list)) and pair else None


def _port(server: object) -> bool:
    """Return whether a server of the scope has a TCP port; Granian writes "0" for a unix socket."""
    port = server[1] if isinstance(server, (tuple, list)) and len(server) > 1 else None
    return str(port or "0").strip("0").isdigit()
