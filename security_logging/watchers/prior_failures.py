"""How many logins of a user or an address failed before one succeeded."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from security_logging.addresses import client_ip
from security_logging.conf import conf
from security_logging.events.fields import UNKNOWN
from security_logging.internal.errors import guarded
from security_logging.logger import log_event, plain_request
from security_logging.request.current import current_request
from security_logging.watchers.failure_counts import FailureCounts
from security_logging.watchers.shared_failures import SharedFailures

if TYPE_CHECKING:
    from django.http import HttpRequest

    from security_logging.events.event import SecurityEvent
    from security_logging.events.types import EventType

USER, ADDRESS = "user", "address"

counts = FailureCounts()
sharing = SharedFailures(counts)


def connect() -> None:
    """Let a forked process begin with counts of its own."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=sharing.forget)


def log_failure(
    event_type: EventType, request: HttpRequest | None, *, reason: str, user: str | None = None, **fields: Any
) -> None:
    """
    Log a failed login, and count it for the login that may follow.

    `user` is what was typed, attacker-controlled; None counts for the address alone.
    """
    event = log_event(event_type, request, reason=reason, user=user, **fields)
    if conf.PRIOR_FAILURES_WINDOW and event is not None:
        count(user, event)


@guarded("prior_failures")
def count(user: str | None, event: SecurityEvent) -> None:
    """Count a failed login for its user, as in `log_failure`, and its address, in the memory of this process."""
    for kind, value in ((USER, user), (ADDRESS, event.address)):
        if value and value != UNKNOWN:
            counts.add(_key(kind, value))
    sharing.start()


@guarded("prior_failures")
def before_login(user: str | None, request: HttpRequest | None) -> int | None:
    """
    Return how many logins failed before this one, for its user or its address, whichever is more; forget the user's.

    Those of other processes are known about a second later. The address keeps its count: an attacker who breaks into
    one account goes on with the next. None when failures are not counted, or the user's name is not known.
    """
    window = conf.PRIOR_FAILURES_WINDOW
    if not window or user is None:
        return None
    of_user = _key(USER, user)
    found = counts.count(of_user, window)
    if found:
        counts.end(of_user)
    served = plain_request(request) or current_request()
    address = client_ip.resolve(served).address if served is not None else None
    return found if address is None else max(found, counts.count(_key(ADDRESS, str(address)), window))


def _key(kind: str, value: str) -> str:
    # A digest: a user name may be as long as a client likes, and a cache is no place to keep it.
    return f"{kind}.{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:32]}"
