"""The surface: site, admin or api, by the view that the URL configuration chooses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path, resolve
from django.views import View
from django.views.decorators.cache import never_cache
from rest_framework.decorators import api_view, permission_classes
from rest_framework.viewsets import ViewSet

from security_logging.request.surface import surface_of
from testsite.urls import urlpatterns as site_urlpatterns


@api_view(["GET"])
@permission_classes([])
def thermometer(request: HttpRequest) -> HttpResponse:
    """Answer as an endpoint that is a function."""
    return HttpResponse("20")


class Probes(ViewSet):
    """Answer as an endpoint that is a set of views."""

    permission_classes: list[Any] = []

    def list(self, request: HttpRequest) -> HttpResponse:
        """Return all."""
        return HttpResponse("[]")


class Page(View):
    """Answer as a page that is a class."""


def items(request: HttpRequest) -> HttpResponse:
    """Answer as an endpoint of django-ninja, which only its namespace tells from a page."""
    return HttpResponse("[]")


urlpatterns = [
    *site_urlpatterns,
    path("shop/", include(([path("backstage/", AdminSite(name="stage").urls)], "shop"))),
    path("thermometer/", thermometer),
    path("cached/", never_cache(thermometer)),
    path("probes/", Probes.as_view({"get": "list"})),
    path("page/", Page.as_view()),
    path("ninja/", include(([path("items/", items)], "ninja"), namespace="api-1.0.0")),
    path("v2/", include(([path("admin/", AdminSite(name="inner").urls)], "v2"), namespace="v2")),
]

pytestmark = pytest.mark.urls(__name__)


def _request(where: str) -> HttpRequest:
    return RequestFactory().get(where)


@pytest.mark.parametrize(
    ("where", "surface"),
    [
        ("/", "site"),
        ("/accounts/login/", "site"),
        ("/page/", "site"),
        ("/admin/", "admin"),
        ("/admin/login/", "admin"),
        ("/admin/auth/user/", "admin"),
        ("/admin/no/such/page/", "admin"),
        ("/office/login/", "admin"),
        ("/shop/backstage/login/", "admin"),
        ("/api/whoami/", "api"),
        ("/thermometer/", "api"),
        ("/cached/", "api"),
        ("/probes/", "api"),
        ("/ninja/items/", "site"),
        ("/nowhere/", "site"),
        ("/nowhere/admin/login/", "site"),
        ("/?next=/admin/login/", "site"),
        ("/ADMIN/login/", "site"),
        ("//admin/login/", "site"),
        ("/page/\n/admin/login/", "site"),
    ],
)
def test_surface(where: str, surface: str) -> None:
    """Every admin site is the admin, every view of Django REST framework the API, everything else the site."""
    assert surface_of(_request(where)) == surface


@pytest.mark.parametrize(("where", "surface"), [("/admin/login/", "admin"), ("/", "site")])
def test_view_that_was_chosen(where: str, surface: str) -> None:
    """When a view serves the request already, that view decides, and the path is not looked at again."""
    request = _request("/nowhere/")
    request.resolver_match = resolve(where)
    assert surface_of(request) == surface


def test_url_configuration_of_the_request() -> None:
    """A middleware may give a request its own URL configuration, as sites with several domains do."""
    request = _request("/shop/backstage/login/")
    request.urlconf = "testsite.urls"
    assert surface_of(request) == "site"


def test_bare_request() -> None:
    """A request that nobody sent has no path, and no view."""
    assert surface_of(HttpRequest()) == "site"


@pytest.mark.parametrize(
    ("mapping", "where", "surface"),
    [
        ({"api-1.0.0": "api"}, "/ninja/items/", "api"),
        ({"admin": "site"}, "/admin/login/", "site"),
        ({"backoffice": "api"}, "/office/login/", "api"),
        ({"v2": "api"}, "/v2/admin/login/", "api"),
        ({"v2": "api", "inner": "admin"}, "/v2/admin/login/", "admin"),
        ({"inner": "admin", "v2": "api"}, "/v2/admin/login/", "admin"),
        ({"other": "api"}, "/admin/login/", "admin"),
    ],
)
def test_namespaces(settings: Any, mapping: dict[str, str], where: str, surface: str) -> None:
    """The project may say what a namespace is; the innermost one that it names wins."""
    settings.SECURITY_LOGGING_SURFACE_NAMESPACES = mapping
    assert surface_of(_request(where)) == surface


@pytest.mark.parametrize("where", ["/thermometer/", "/cached/", "/probes/", "/ninja/items/"])
def test_endpoint_answers(client: Client, where: str) -> None:
    """The endpoints of these tests are real ones."""
    assert client.get(where).status_code == 200


_WITHOUT = """
import sys
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__)
from django.http import HttpRequest, HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse())]
from security_logging.request.surface import surface_of
request = HttpRequest()
request.path_info = "/"
print(surface_of(request), "rest_framework" in sys.modules)
"""


def test_without_rest_framework() -> None:
    """Where nobody uses Django REST framework it is not loaded either."""
    run = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "site False\n"
