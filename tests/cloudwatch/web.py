"""A site with one view that logs an event, for the servers that run it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from security_logging.events.types import LOGIN_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable


def attempt(request: HttpRequest) -> HttpResponse:
    """Log a failed login and return the id of the event, and that of this process."""
    from security_logging.logger import log_event

    event = log_event(LOGIN_FAILED, ip="203.0.113.7", user="alice")
    return HttpResponse(f"{event.id if event else 'lost'} {os.getpid()}")


urlpatterns = [path("attempt", attempt)]


def application_of(make: Callable[[], object]) -> object:
    """Return the application, with this module as its URLs and without middleware."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    return make()


if os.environ.get("DJANGO_SETTINGS_MODULE") == "cloudwatch.site_settings":
    wsgi = application_of(get_wsgi_application)
    asgi = application_of(get_asgi_application)
