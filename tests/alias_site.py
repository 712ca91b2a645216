"""A site that answers whose address a request has, for every kind of server; it needs Django and the package alone."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="x" * 50,
        SECURITY_LOGGING_TRUSTED_PROXIES=["127.0.0.1"],
    )
    django.setup(set_prefix=False)

from security_logging.addresses.client_ip import resolve


def whose(request: HttpRequest) -> HttpResponse:
    """Answer the address, or why it is unknown."""
    found = resolve(request)
    return HttpResponse(f"{found.address or found.reason}\n")


urlpatterns = [path("", whose)]
wsgi = application = get_wsgi_application()
asgi = get_asgi_application()
