"""Locks on the way of an event: no thread waits for itself, and no forked process for a thread of its parent."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from django.dispatch import Signal

_owners: WeakSet[Any] = WeakSet()


def renew_in_child(owner: Any) -> None:
    """Have `owner.renew_lock()` called in each forked process, for as long as the owner lives."""
    _owners.add(owner)


def renew_signal_locks() -> None:
    """
    Give each signal of Django and of its apps, in any module called `signals`, a new lock that a thread may take twice.

    Django takes it whenever a signal with receivers is sent. A signal handler that interrupts the sending, and logs or
    logs in, would wait for its own thread; a process that is forked meanwhile would wait for ever.
    """
    for name, module in list(sys.modules.items()):
        if name.endswith(".signals"):
            for value in list(getattr(module, "__dict__", {}).values()):
                if isinstance(value, Signal):
                    value.lock = threading.RLock()  # type: ignore[assignment]  # it is used as any lock is


def is_logging_configured_now() -> bool:
    """
    Return whether this thread holds the lock of Python's logging, as `dictConfig` does while it closes handlers.

    A thread that waits for it then blocks every thread that asks for a logger, and every fork.
    """
    is_owned: Callable[[], bool] = getattr(getattr(logging, "_lock", None), "_is_owned", bool)
    return is_owned()


def _renew_in_child() -> None:
    renew_signal_locks()
    for owner in list(_owners):
        owner.renew_lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_in_child)
