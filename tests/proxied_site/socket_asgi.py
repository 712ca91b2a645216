"""For servers that speak ASGI, with a WebSocket consumer that makes up requests to log its clients in."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import authenticate
from django.core.asgi import get_asgi_application
from django.http import HttpRequest

site = get_asgi_application()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve pages; at a handshake fail to log in twice, with requests as consumers make them."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] != "websocket":
        await site(scope, receive, send)
        return
    await receive()
    await sync_to_async(_log_in)(scope)
    await send({"type": "websocket.close", "code": 1000})


def _log_in(scope: dict[str, Any]) -> None:
    for keeps_scope in (False, True):
        request = HttpRequest()
        request.META = {_key(name): value.decode("latin-1") for name, value in scope["headers"]}
        if keeps_scope:
            request.scope = scope  # type: ignore[attr-defined]  # as consumers do it
        authenticate(request, username="alice", password="wrong")


def _key(name: bytes) -> str:
    return "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
