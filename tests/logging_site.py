"""
A site of one file with the LOGGING it is told: it prints what its handlers have seen and which events were logged.

    python logging_site.py '{"logging": {...}, "with_us": true, ...}'
"""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import path

OPTIONS = json.loads(sys.argv[1])
SEEN: list[str] = []


class Keeper(logging.Handler):
    """The project's own handler."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what came."""
        SEEN.append(f"{record.name} {record.levelname}")


def drop(record: logging.LogRecord) -> bool:
    """Let nothing pass, as a filter of the project."""
    return False


def refuse(request: HttpRequest) -> HttpResponse:
    """Refuse a request, and talk about it below what the project wants to see."""
    logging.getLogger("django.request").info("refusing")
    raise PermissionDenied


def suspect(request: HttpRequest) -> HttpResponse:
    """Raise an exception whose class nobody knew when Django started."""
    raise type("LateSuspicion", (SuspiciousOperation,), {})("late")


urlpatterns = [path("refuse/", refuse), path("suspect/", suspect), path("form/", lambda request: HttpResponse())]
APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
OURS = "security_logging.middleware.SecurityLoggingMiddleware"


def main() -> None:
    """Start Django, send one request of each kind, and tell."""
    sys.modules["logging_site"] = sys.modules["__main__"]
    middleware = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        SECRET_KEY="for tests only",
        ROOT_URLCONF="logging_site",
        INSTALLED_APPS=[*APPS, "security_logging"] if OPTIONS["with_us"] else APPS,
        MIDDLEWARE=[OURS, *middleware] if OPTIONS["with_us"] and OPTIONS.get("again") else middleware,
        LOGGING_CONFIG=OPTIONS.get("logging_config", "logging.config.dictConfig"),
        LOGGING=OPTIONS.get("logging", {}),
    )
    sys.path.insert(0, str(Path(__file__).parent))
    django.setup()
    if OPTIONS.get("again"):
        logging.config.dictConfig(OPTIONS["again"])
    events = requests()
    print(json.dumps({"events": events, "seen": SEEN}))


def requests() -> list[str]:
    """Send the requests; return the events."""
    from django.test import Client

    client, names = Client(enforce_csrf_checks=True, raise_request_exception=False), []
    if OPTIONS["with_us"]:
        from security_logging.signals import security_event

        security_event.connect(lambda event, **rest: names.append(event.type.name), weak=False)
    client.get("/refuse/")
    client.get("/suspect/")
    client.get("/.env")
    client.get("/", headers={"Host": "evil.example"})
    client.post("/form/")
    logging.getLogger("django.security.SuspiciousSession").warning("Session data corrupted")
    return names


if __name__ == "__main__":
    main()
