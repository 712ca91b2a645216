"""Celery's worker and beat: they log as the site does, with the task and the memory of the process on each record."""

from __future__ import annotations

import time
from functools import lru_cache

import django
from celery import current_task, signals  # type: ignore[import-untyped]  # it has none
from django.apps import apps

from security_logging import log_filters
from security_logging.integrations import memory
from security_logging.watchers import startup

_UID = "security_logging.integrations.celery"
WORKER, BEAT = "celery_worker", "celery_beat"  # what has started


def connect() -> None:
    """
    Have LOGGING serve the worker and beat; call it once in the module of the Celery application.

    Celery then leaves all loggers as they are. Each record that passes a `ContextFilter` gets memory_mb, available_mb
    and swap_mb, and inside of a task task and task_id. A worker, each of its child processes and the beat log
    `logging_started`.
    """
    signals.setup_logging.connect(_set_up, weak=False, dispatch_uid=_UID)
    for signal in (signals.worker_ready, signals.worker_process_init):
        signal.connect(_on_worker, weak=False, dispatch_uid=_UID)
    signals.beat_init.connect(_on_beat, weak=False, dispatch_uid=_UID)


def task_context() -> dict[str, str | int]:
    """Return the task that this thread runs, if any, and the memory as it was within the last second."""
    known: dict[str, str | int] = dict(_memory(int(time.monotonic())))
    if current_task and current_task.request.id:
        known |= {"task": str(current_task.name), "task_id": str(current_task.request.id)}
    return known


def _on_worker(**kwargs: object) -> None:
    startup.log_started(WORKER)


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
    return memory.read()
