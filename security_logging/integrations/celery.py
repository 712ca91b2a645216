"""Celery's worker and beat: they log as the site does, with the task and the memory of the process on each record."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

import django
from celery import current_task, signals  # type: ignore[import-untyped]  # it has none
from django.apps import apps

from security_logging import log_filters
from security_logging.internal.queue import heartbeat
from security_logging.watchers import startup

__all__ = ["connect"]

_UID = "security_logging.integrations.celery"
_KIB_PER_MIB = 1024
WORKER, BEAT = "celery_worker", "celery_beat"  # what has started


def connect() -> None:
    """
    Have LOGGING serve the worker and beat; call it once in the module of the Celery application.

    Celery then leaves all loggers as they are. Each record that passes a `ContextFilter` gets memory_mb, available_mb
    and swap_mb, and inside of a task task and task_id. A worker, each of its child processes and the beat log
    `logging_started`; heartbeats begin in the child processes, which do the work.
    """
    signals.setup_logging.connect(_set_up, weak=False, dispatch_uid=_UID)
    for signal in (signals.worker_ready, signals.worker_process_init):
        signal.connect(_on_worker, weak=False, dispatch_uid=_UID)
    signals.worker_process_init.connect(_on_process, weak=False, dispatch_uid=f"{_UID}.process")
    signals.beat_init.connect(_on_beat, weak=False, dispatch_uid=_UID)


def task_context() -> dict[str, str | int]:
    """Return the task that this thread runs, if any, and the memory as it was within the last second."""
    known: dict[str, str | int] = dict(_memory(int(time.monotonic())))
    if current_task and current_task.request.id:
        known |= {"task": str(current_task.name), "task_id": str(current_task.request.id)}
    return known


def read_memory(proc: Path = Path("/proc")) -> dict[str, int]:
    """
    Return the resident memory of this process, the available memory and the used swap of the machine, in MiB.

    {} where there is no such /proc: on macOS and Windows, and where a sandbox hides it.
    """
    try:
        pages = int((proc / "self" / "statm").read_text("ascii").split()[1])
        machine = _kibibytes((proc / "meminfo").read_text("ascii"))
        return {
            "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") // _KIB_PER_MIB**2,
            "available_mb": machine["MemAvailable"] // _KIB_PER_MIB,
            "swap_mb": (machine["SwapTotal"] - machine["SwapFree"]) // _KIB_PER_MIB,
        }
    except (OSError, ValueError, IndexError, KeyError):
        return {}


def _on_worker(**kwargs: object) -> None:
    startup.log_started(WORKER)


def _on_process(**kwargs: object) -> None:
    heartbeat.begin()


def _on_beat(**kwargs: object) -> None:
    startup.log_started(BEAT)


def _set_up(**kwargs: object) -> None:
    """Take Celery's place: that there is a receiver is what keeps it from configuring logging."""
    if not apps.ready:
        django.setup()
    if task_context not in log_filters.providers:
        log_filters.providers.append(task_context)


@lru_cache(maxsize=1)
def _memory(second: int) -> dict[str, int]:
    return read_memory()


def _kibibytes(text: str) -> dict[str, int]:
    pairs = (line.split(":") for line in text.splitlines())
    return {name: int(value.split()[0]) for name, value in pairs}
