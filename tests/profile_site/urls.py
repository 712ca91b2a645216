"""Pages that log: one record of the application, one security event; a page that is missing is Django's to log."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.urls import path

from security_logging import log_event

logger = logging.getLogger("shop.views")


def speak(request: HttpRequest, number: int) -> HttpResponse:
    """Log an order, and a failed login."""
    logger.info("order-%d for Zo\u00eb", number)
    log_event("login_failed", request, ip="203.0.113.7", user=f"user-{number}")
    return HttpResponse("ok")


def health(request: HttpRequest) -> HttpResponse:
    """Answer the load balancer."""
    return HttpResponse("ok")


urlpatterns = [path("speak/<int:number>", speak), path("healthz", health)]
