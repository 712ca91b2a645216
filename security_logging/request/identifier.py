"""The identifier that all lines of one request share."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from security_logging.addresses.client_ip import has_trusted_peer
from security_logging.addresses.headers import meta_key
from security_logging.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(request: HttpRequest) -> str:
    """
    Return the identifier of the request, which is also kept as `request.security_logging_id`.

    The value of SECURITY_LOGGING_REQUEST_ID_HEADER is used if a trusted proxy sends it, so that you can find our lines
    from the proxy's access log. Any other client could send the identifier of another request. Otherwise it is random.
    It is made at its first use, because most requests are never logged.
    """
    found: str | None = request.__dict__.get("security_logging_id")
    if found is None:
        found = _given(request) or os.urandom(16).hex()
        request.__dict__["security_logging_id"] = found
    return found


def _given(request: HttpRequest) -> str | None:
    if not conf.TRUSTED_PROXIES:
        return None
    value = request.META.get(meta_key(str(conf.REQUEST_ID_HEADER)))
    if isinstance(value, str) and _VALID.fullmatch(value) and has_trusted_peer(request):
        return value
    return None
