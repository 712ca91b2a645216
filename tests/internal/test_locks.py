"""Forks and signal handlers while other threads log: no process and no thread waits for a lock for ever."""

from __future__ import annotations

import logging
import logging.config
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.signals import user_login_failed
from django.db.models.signals import post_save

from security_logging.internal.locks import is_logging_configured_now
from security_logging.log_filters import RateLimitFilter
from security_logging.signals import security_event

FORKS = 200  # of a usual run; 5,000 with LONG=1, in some minutes
_SITE = """
import faulthandler, logging, os, signal, sys, threading, time
import django
from django.conf import settings
from security_logging.logging_config import build_logging

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "security_logging"],
    LOGGING=build_logging("file", "console", directory=sys.argv[1], rate_limit=5),
)
django.setup()
from django.contrib.auth.signals import user_login_failed
from security_logging import log_event
from security_logging.signals import security_event

told = []
security_event.connect(lambda **kwargs: told.append(1), weak=False)

def log():
    logging.getLogger("shop").warning("sold out")
    user_login_failed.send(sender="test", credentials={"username": "alice"}, request=None)
"""
_FORKS = """
def log_on():
    while True:
        log()

for _ in range(3):
    threading.Thread(target=log_on, daemon=True).start()
hung = 0
for number in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        log()
        os._exit(0)
    deadline = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            hung += 1
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.0005)
    if hung > 3:
        break
print(number + 1, hung, flush=True)
os._exit(0)
"""
_SIGNALS = """
calls = 0

def interrupt(number, frame):
    global calls
    calls += 1
    log()

signal.signal(signal.SIGALRM, interrupt)
faulthandler.dump_traceback_later(50, exit=True)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while calls < int(sys.argv[2]):
    log()
signal.setitimer(signal.ITIMER_REAL, 0)
print(calls >= int(sys.argv[2]))
"""


def _run(script: str, directory: Path, count: int, seconds: float = 60) -> str:
    command = [sys.executable, "-W", "ignore", "-c", _SITE + script, str(directory), str(count)]
    with (directory / "errors").open("w") as errors:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=seconds, check=True)
    return run.stdout


def test_forks(tmp_path: Path) -> None:
    """No child of a process whose threads log, with a receiver of our signal, hangs when it logs itself."""
    count = 5_000 if os.environ.get("LONG") else FORKS
    assert _run(_FORKS, tmp_path, count, count / 5 + 60) == f"{count} 0\n"


def test_signal_handlers(tmp_path: Path) -> None:
    """A signal handler that logs interrupts logging hundreds of times, wherever it is, and nothing waits for itself."""
    assert _run(_SIGNALS, tmp_path, 500) == "True\n"


@pytest.mark.parametrize("signal", [security_event, user_login_failed, post_save], ids=["ours", "Django's", "models"])
def test_lock_of_a_signal(signal: Any) -> None:
    """A thread may take the lock of a signal twice."""
    with signal.lock:
        assert signal.lock.acquire(timeout=10)
        signal.lock.release()


def test_lock_of_a_filter() -> None:
    """A child process does not inherit the lock of a filter that a thread of its parent holds."""
    limit = RateLimitFilter()
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with limit._lock:
            held.set()
            end.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        os._exit(0 if limit._lock.acquire(timeout=10) else 1)
    end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_configuring_logging() -> None:
    """What closes handlers knows whether logging is being configured."""
    seen: list[bool] = []

    class Told(logging.Handler):
        def close(self) -> None:
            seen.append(is_logging_configured_now())

    handler = Told()
    handler.close()
    logging.shutdown([lambda: handler])  # as it is called at the exit
    with logging._lock:  # type: ignore[attr-defined]  # as dictConfig does
        handler.close()
    assert seen == [False, False, True]


def test_dead_log_server() -> None:
    """To configure logging anew takes no time when a log server over TCP has died with messages waiting for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and never reads
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    script = f"""
import logging, logging.config, time
import django
from django.conf import settings
from security_logging.logging_config import build_logging
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "security_logging"])
django.setup()
logging.config.dictConfig(build_logging("syslog", syslog="{address}"))
logging.getLogger("security").warning("hello")
began = time.monotonic()
logging.config.dictConfig(build_logging("console"))
print(time.monotonic() - began)
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert float(run.stdout) < 1
    assert "hello" in run.stderr
