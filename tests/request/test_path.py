"""The path in the log, without what a link keeps secret."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from security_logging.request.path import path_of


class Shouted(StringConverter):
    """A converter that hands the view something else than the path says."""

    def to_python(self, value: str) -> str:
        """Return it in capitals."""
        return value.upper()


def nothing(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Answer."""
    return HttpResponse()


register_converter(Shouted, "shouted")
urlpatterns = [
    path("reset/<uidb64>/<token>/", nothing),
    path("loud/<shouted:code>/", nothing),
    path("blog/<author>/<keyword>/", nothing),
    path("keys/<api_key>/", nothing),
    re_path(r"^optional/(?:(?P<token>\w+)/)?$", nothing),
    re_path(r"^empty/(?P<token>\w*)/$", nothing),
]


def test_copy_of_a_request(rf: RequestFactory) -> None:
    """A copy that a library has made may have the whole URL as its path; the query is left out all the same."""
    request = HttpRequest()
    request.path = "/token/?password=hunter2"
    assert path_of(request) == "/token/"


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        ("/reset/MQ/c7q3w4-canary/", "/reset/MQ/***/"),
        ("/reset/MQ/c7q3w4-canary/?next=/", "/reset/MQ/***/"),
        ("/loud/canary/", "/loud/<shouted:code>/"),
        ("/blog/alice/tokens/", "/blog/alice/tokens/"),
        ("/keys/canary/", "/keys/***/"),
        ("/optional/canary/", "/optional/***/"),
        ("/optional/", "/optional/"),
        ("/empty//", "/empty//"),
        ("/nowhere/", "/nowhere/"),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_path(rf: RequestFactory, asked: str, logged: str) -> None:
    """A part that the URL pattern calls a token, a key or the like is hidden; the query never appears."""
    assert path_of(rf.get(asked)) == logged
