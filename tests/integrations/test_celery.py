"""Celery: LOGGING stays, and records know their task and the memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery, signals  # type: ignore[import-untyped]  # it has none
from django.apps import apps

from log_records import record
from security_logging import log_filters
from security_logging.events.event import SecurityEvent
from security_logging.integrations import celery
from security_logging.internal.queue import heartbeat
from security_logging.log_filters import ContextFilter

MEMORY = {"memory_mb": 52, "available_mb": 812, "swap_mb": 0}
STARTS = {
    signals.worker_ready: "celery_worker",
    signals.worker_process_init: "celery_worker",
    signals.beat_init: "celery_beat",
}


MEMINFO = (
    "MemTotal: 2048000 kB\nMemAvailable: 1024000 kB\nSwapTotal: 20480 kB\nSwapFree: 10240 kB\nHugePages_Total: 0\n"
)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """Yield an application of Celery's that runs its tasks at once, connected to our logging."""
    monkeypatch.setattr(log_filters, "providers", [])
    monkeypatch.setattr(celery, "read_memory", lambda: MEMORY)
    monkeypatch.setattr("celery.app.log.Logging._setup", False)
    celery._memory.cache_clear()
    celery.connect()
    with Celery("shop", set_as_current=False, broker="memory://") as made:
        made.conf.task_always_eager = True
        yield made
    for signal in (*STARTS, signals.setup_logging):
        signal.disconnect(dispatch_uid=celery._UID)
    signals.worker_process_init.disconnect(dispatch_uid=f"{celery._UID}.process")
    heartbeat._state["pid"] = 0
    celery._memory.cache_clear()


def seen() -> dict[str, object]:
    """Return what a ContextFilter knows of the task."""
    made = record()
    ContextFilter().filter(made)
    return {name: value for name, value in made.__dict__.items() if name in ("task", "task_id", *MEMORY)}


def test_loggers_are_not_hijacked(app: Celery) -> None:
    """Celery sees that logging is set up, and leaves the loggers alone."""
    assert app.log.setup_logging_subsystem() != []


def test_memory(app: Celery) -> None:
    """In a worker each record has the memory."""
    app.log.setup_logging_subsystem()
    assert seen() == MEMORY


def test_task(app: Celery) -> None:
    """Inside a task each record has its name and id."""
    app.log.setup_logging_subsystem()
    task = app.task(name="shop.mail")(seen)
    assert task.apply(task_id="t1").get() == {**MEMORY, "task": "shop.mail", "task_id": "t1"}


def test_web_process(app: Celery) -> None:
    """A web process that only sends tasks is no worker: its records stay as they are."""
    assert seen() == {}


def test_connected_twice(app: Celery) -> None:
    """Set up twice, as by a worker with a beat inside, each record is still described once."""
    celery.connect()
    app.log.setup_logging_subsystem()
    app.log.already_setup = False
    app.log.setup_logging_subsystem()
    assert log_filters.providers == [celery.task_context]


def test_django_is_set_up(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has set Django up yet, that is done first: LOGGING comes with it."""
    calls: list[str] = []
    monkeypatch.setattr(apps, "ready", False)
    monkeypatch.setattr("django.setup", lambda: calls.append("setup"))
    app.log.setup_logging_subsystem()
    assert calls == ["setup"]


@pytest.mark.parametrize(("signal", "reason"), STARTS.items(), ids=["worker", "child", "beat"])
def test_start(app: Celery, signal: signals.Signal, reason: str, captured: list[SecurityEvent]) -> None:
    """A worker, each of its child processes and the beat say that they begin to log."""
    signal.send(sender=app)
    assert [(event.type.name, event.fields["reason"]) for event in captured] == [("logging_started", reason)]


def _proc(directory: Path, statm: str, meminfo: str) -> Path:
    """Write a /proc with these files."""
    (directory / "self").mkdir()
    (directory / "self" / "statm").write_text(statm)
    (directory / "meminfo").write_text(meminfo)
    return directory


def test_read_memory(tmp_path: Path) -> None:
    """Memory is told in MiB."""
    pages = 50 * 1024**2 // os.sysconf("SC_PAGE_SIZE")
    assert celery.read_memory(_proc(tmp_path, f"99 {pages} 1", MEMINFO)) == {
        "memory_mb": 50,
        "available_mb": 1000,
        "swap_mb": 10,
    }


def test_memory_of_this_process() -> None:
    """The process of the test needs some memory, and less than the machine has."""
    found = celery.read_memory()
    assert 5 < found["memory_mb"] < 100_000


@pytest.mark.parametrize(
    ("statm", "meminfo"), [("", MEMINFO), ("1 x", MEMINFO), ("1 1", ""), ("1 1", "MemAvailable: much"), ("1 1", "\n")]
)
def test_memory_of_other_systems(tmp_path: Path, statm: str, meminfo: str) -> None:
    """Where /proc says something else, nothing is told rather than something wrong."""
    assert celery.read_memory(_proc(tmp_path, statm, meminfo)) == {}


def test_memory_without_proc(tmp_path: Path) -> None:
    """Where there is no /proc, nothing is told."""
    assert celery.read_memory(tmp_path) == {}


@pytest.mark.parametrize(("signal", "begins"), [(signals.worker_process_init, True), (signals.worker_ready, False)])
def test_heartbeats(app: Celery, signal: signals.Signal, begins: bool) -> None:
    """Heartbeats begin in a worker's child process, not in the worker itself, which forks the children."""
    signal.send(sender=app)
    assert heartbeat.have_begun() == begins
