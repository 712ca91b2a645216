"""The pages of the measured site."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import path


def page(request: HttpRequest) -> HttpResponse:
    """Return an ordinary small page."""
    return HttpResponse("hello")


async def async_page(request: HttpRequest) -> HttpResponse:
    """Return the same from an event loop."""
    return HttpResponse("hello")


urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("page/", page, name="page"),
    path("async_page/", async_page),
]
