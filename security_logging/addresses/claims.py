"""The address that a client claims: text from a client, information only, and never banned."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from ipware import get_client_ip

from security_logging.addresses.parsing import Address, parse_address
from security_logging.internal.errors import report

MAX_CLAIM = 512  # characters of each header that the claimed address is guessed from, from the left
MAX_CLAIM_HOPS = 8  # entries of each, from the left

# Headers in which proxies and platforms name the client, and in which anybody can name anybody.
FORWARDING_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_CLIENT_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_FORWARDED",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_FORWARDED_FOR",
    "HTTP_FORWARDED",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_FLY_CLIENT_IP",
    "HTTP_X_APPENGINE_USER_IP",
    "HTTP_X_AZURE_CLIENTIP",
    "HTTP_DO_CONNECTING_IP",
    "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
)


def claimed_address(meta: Mapping[str, object], address: Address | None) -> Address | None:
    """Return the address that forwarding headers claim, None when there is none or it is the known one."""
    if meta.keys().isdisjoint(FORWARDING_HEADERS):
        return None
    claims = {key: _start(str(meta[key])) for key in FORWARDING_HEADERS if meta.get(key)}
    # The usual case behind one proxy: all headers name the client, and ipware (45 us) can say nothing else.
    if address is not None and all(parse_address(value) == address for value in claims.values()):
        return None
    claimed = parse_address(_best_guess(claims) or "") if claims else None
    return None if claimed == address else claimed


def _start(header: str) -> str:
    # The client stands first. Sixteen headers full of commas would keep ipware busy for 15 ms.
    return ",".join(header[:MAX_CLAIM].split(",", MAX_CLAIM_HOPS)[:MAX_CLAIM_HOPS])


def _best_guess(claims: dict[str, str]) -> str | None:
    request = HttpRequest()
    request.META = claims
    try:
        return get_client_ip(request, request_header_order=tuple(claims), strict=False, algorithm="modern")[0]
    except Exception:  # noqa: BLE001 (foreign code on an attacker's text must not cost the event)
        report("django-ipware")
        return None
