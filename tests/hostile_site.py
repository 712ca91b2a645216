"""A site whose every path is a login page, and that knows by itself who reached authenticate()."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.db import connections
from django.http import HttpRequest
from django.test import override_settings
from django.urls import re_path

from security_logging.formatters import ECSFormatter, SecurityLineFormatter
from security_logging.handlers import SecurityFileHandler
from testsite.urls import urlpatterns as pages_of_testsite

urlpatterns = [*pages_of_testsite, re_path(r"^anywhere/[\s\S]*", LoginView.as_view())]

attempts: list[str] = []  # the number of each attack that reached authenticate()


class RecordingBackend(ModelBackend):
    """Note the header by which an attack says which one it is; then do what Django does."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user if the password is right."""
        if request is not None:
            attempts.append(request.META["HTTP_X_ATTACK"])
        return super().authenticate(request, username, password, **kwargs)


@contextmanager
def site(directory: Path) -> Iterator[int]:
    """
    Serve the site over HTTP on 127.0.0.1 and yield the port.

    It logs into file.log and json.log in the directory and trusts the proxy on this machine. Needs the database.
    """
    attempts.clear()
    settings = override_settings(
        ROOT_URLCONF="hostile_site",
        AUTHENTICATION_BACKENDS=["hostile_site.RecordingBackend"],
        SECURITY_LOGGING_TRUSTED_PROXIES=["127.0.0.1"],
    )
    text, ecs = _log(directory / "file.log", SecurityLineFormatter()), _log(directory / "json.log", ECSFormatter())
    with settings, text, ecs, _served() as port:
        yield port


@contextmanager
def _log(path: Path, formatter: logging.Formatter) -> Iterator[None]:
    path.touch()
    handler = SecurityFileHandler(path)
    handler.setFormatter(formatter)
    logging.getLogger("security").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("security").removeHandler(handler)
        handler.close()


@contextmanager
def _served() -> Iterator[int]:
    server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())  # get_wsgi_application() would configure logging anew

    def serve() -> None:
        server.serve_forever(poll_interval=0.05)
        connections.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
