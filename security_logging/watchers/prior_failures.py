"""How many logins of a user or an address failed before one succeeded, counted in Django's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.cache import cache

from security_logging.addresses import client_ip
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN
from security_logging.internal.errors import attempt
from security_logging.logger import log_event, plain_request
from security_logging.request.current import current_request

if TYPE_CHECKING:
    from django.http import HttpRequest

    from security_logging.events.event import SecurityEvent
    from security_logging.events.types import EventType

USER, ADDRESS = "user", "address"


def log_failure(
    event_type: EventType, request: HttpRequest | None, *, reason: str, user: object = None, **fields: Any
) -> None:
    """
    Log a failed login, and count it for the login that may follow.

    `user` is what was typed, attacker-controlled, or a callable that returns it; None counts for the address alone.
    """
    event = log_event(event_type, request, reason=reason, user=user, **fields)
    if conf.PRIOR_FAILURES_WINDOW and event is not None:
        attempt("prior_failures", count, None, user, event)


def count(user: object, event: SecurityEvent) -> None:
    """
    Count a failed login for its user, as in `log_failure`, and its address.

    What an attacker can fill is bounded by SECURITY_LOGGING_PRIOR_FAILURES_WINDOW and by the cache, which forgets the
    oldest entries.
    """
    named = user() if callable(user) else user
    for kind, value in ((USER, "" if named is None else str(named)), (ADDRESS, event.address)):
        if value and value != UNKNOWN:
            key = _key(kind, value)
            cache.add(key, 0, conf.PRIOR_FAILURES_WINDOW)
            cache.incr(key)


def before_login(user: Callable[[], str], request: HttpRequest | None) -> int | None:
    """
    Return how many logins failed before this one, for its user or its address, whichever is more; forget the user's.

    The address keeps its count: who breaks into one account goes on with the next. None when failures are not counted.
    """
    if not conf.PRIOR_FAILURES_WINDOW:
        return None
    keys = [_key(USER, user())]
    served = plain_request(request) or current_request()
    address = client_ip.resolve(served).address if served is not None else None
    if address is not None:
        keys.append(_key(ADDRESS, str(address)))
    found = cache.get_many(keys)
    cache.delete(keys[0])
    return max(map(int, found.values()), default=0)


def _key(kind: str, value: str) -> str:
    # A digest: user names may hold what a cache refuses in a key, and nobody needs to read them there.
    return f"security_logging.failures.{kind}.{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:32]}"
