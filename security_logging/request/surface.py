"""The surface on which a request happened: site, admin or api, taken from the URL configuration."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.urls import Resolver404, resolve

from security_logging.conf import conf
from security_logging.request.views import is_of, view_class_of

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import ResolverMatch

SITE, ADMIN, API = "site", "admin", "api"
_API_VIEWS = (
    ("rest_framework.views", "APIView"),
    ("allauth.headless.base.views", "APIView"),
    ("oauth2_provider.views.base", "TokenView"),
)
_MATCH = "_security_logging_match"


def surface_of(request: HttpRequest) -> str:
    """
    Return the surface of the view that serves the request; `site` when no view does.

    The path selects the view, but nothing that a client sends is taken over: the answer is one of three words.
    """
    match = match_of(request)
    if match is None:
        return SITE
    if match.namespaces:
        surfaces = conf.SURFACE_NAMESPACES
        named = [surfaces[name] for name in match.namespaces if name in surfaces]
        if named:
            return named[-1]
    if "admin" in match.app_names:  # every AdminSite, whatever its own name is (AdminSite.urls)
        return ADMIN
    return API if _is_api_class(view_class_of(match)) else SITE


def match_of(request: HttpRequest) -> ResolverMatch | None:
    """
    Return what the URL configuration has found for the request, None when nothing.

    Where no view has been chosen yet, e.g. inside another middleware, the path is resolved here, once.
    """
    if request.resolver_match is not None:
        return request.resolver_match
    if _MATCH not in request.__dict__:
        request.__dict__[_MATCH] = _resolve(request)
    found: ResolverMatch | None = request.__dict__[_MATCH]
    return found


def _resolve(request: HttpRequest) -> ResolverMatch | None:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


@lru_cache(maxsize=256)  # bases do not change, and were imported before the class was made
def _is_api_class(view_class: Any) -> bool:
    """Return whether the class is one of a framework for APIs."""
    return any(is_of(view_class, module, name) for module, name in _API_VIEWS)
