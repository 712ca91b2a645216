"""Requests that a page made a visitor's browser send: what the browser itself says about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost

from security_logging.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, 9.2.1; CSRF protection lets them pass
_OTHER_SITES = ("cross-site", "same-site")  # W3C Fetch Metadata; same-site is another origin of our domain
_OF_THE_VISITOR = ("document", "empty")  # destinations: a navigation, and a script's fetch
# How browsers mark what they fetch in advance: Sec-Purpose is the standard's, the others are older ones.
_PURPOSES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")


def is_cross_site(request: HttpRequest) -> bool:
    """
    Return whether the browser marks the request as another site's: by Sec-Fetch-Site, Origin or Referer.

    Any client can forge these marks. Nothing may depend on them once a credential has been checked.
    """
    meta = request.META
    if meta.get("HTTP_SEC_FETCH_SITE") in _OTHER_SITES:
        return True
    origin, referer = meta.get("HTTP_ORIGIN", ""), meta.get("HTTP_REFERER", "")
    return (bool(origin) and _is_foreign(origin, request)) or (bool(referer) and _is_foreign(referer, request))


def may_be_of_another_site(request: HttpRequest) -> bool:
    """
    Return whether another site's page may have made the browser send a request that reached no credential check.

    A CSRF token that fits shows the opposite, unless the site serves any host name.
    """
    return serves_any_host() or (is_cross_site(request) and not has_passed_csrf(request))


def serves_any_host() -> bool:
    """
    Return whether ALLOWED_HOSTS lets in every host name, an attacker's that points at our server among them.

    To a browser such a name is one site with the attacker's page (DNS rebinding): no mark shows that the page has sent
    the request, and it can read a CSRF token. An entry like ".example.com" lets in only names of one domain.
    """
    return "*" in settings.ALLOWED_HOSTS


def is_sent_for_a_page(request: HttpRequest) -> bool:
    """
    Return whether a page, our own included, may have made a browser send the request.

    Wider than `is_cross_site`, for requests that cost a tool nothing. A visitor may have put an image or a link into a
    comment on our own pages. An attacker's host name may point at our server, and then its pages are of our own origin
    to the browser. So of Sec-Fetch-Site only `none` is believed: the visitor typed the address. A page can cause that
    value too, by speculation rules, but such a request has a header that says so. A browser sends no mark on plain HTTP
    or when it is old: then a request that looks like a browser's is taken for a visitor's. Better one scanner missed
    than one visitor banned.
    """
    meta = request.META
    if is_cross_site(request) or any(meta.get(name) for name in _PURPOSES):
        return True
    if "HTTP_SEC_FETCH_SITE" in meta:
        is_typed = meta["HTTP_SEC_FETCH_SITE"] == "none"
        return not is_typed or meta.get("HTTP_SEC_FETCH_DEST", "document") not in _OF_THE_VISITOR
    is_like_a_browser = "HTTP_ACCEPT_LANGUAGE" in meta and meta.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
    return request.method in ("GET", "HEAD") and is_like_a_browser


def brings_a_credential(request: HttpRequest) -> bool:
    """
    Return whether one of SECURITY_LOGGING_CREDENTIAL_HEADERS holds a credential.

    No page can make a browser send such a header to another site that has not agreed to it (W3C Fetch, CORS-preflight),
    while a token in the address, in a form or in a cookie goes with any request that a page asks for. Headers with
    other names say nothing, whatever they are called: proxies and CDNs add many to the requests of visitors.
    """
    return any(name in request.META for name in _meta_names(conf.CREDENTIAL_HEADERS))


def _meta_names(headers: object) -> Iterator[str]:
    """Yield the keys of the headers in request.META; of a wrong setting, which a system check reports, none."""
    for header in headers if isinstance(headers, (tuple, list)) else ():
        yield f"HTTP_{str(header).upper().replace('-', '_')}"


def has_passed_csrf(request: HttpRequest) -> bool:
    """Return whether Django has proven that a page of ours sent the request; then no mark says otherwise."""
    if request.method in SAFE_METHODS or getattr(request, "_dont_enforce_csrf_checks", False):
        return False  # then Django says so without having looked
    return getattr(request, "csrf_processing_done", False)


def _is_foreign(source: str, request: HttpRequest) -> bool:
    """Compare an Origin or Referer with the host of the request; the Origin "null" is not ours."""
    if source == "null":
        return True
    try:
        named = urlsplit(source).netloc
    except ValueError:
        return False
    return bool(named) and _without_port(named) != _without_port(_host_of(request))


def _host_of(request: HttpRequest) -> str:
    try:
        return request.get_host()
    except DisallowedHost:
        return ""


def _without_port(netloc: str) -> str:
    """Return host and port in lower case without the default ports, which a browser leaves out."""
    return netloc.lower().removesuffix(":443").removesuffix(":80")
