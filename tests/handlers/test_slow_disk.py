"""A disk that takes its time: no thread waits for the write of another one, and the log says that writes are slow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from security_logging.events.line import parse

_SITE = """
import os, sys, threading, time
import django
from django.conf import settings
from security_logging.logging_config import build_logging

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "security_logging"],
    LOGGING=build_logging("file", directory=sys.argv[1], streams="security"),
)
django.setup()
from security_logging import log_event

THREADS, EVENTS, SECONDS = 4, 3, 0.6
log_event("login_failed", user="first")  # while the disk is well
really = os.write

def write(descriptor, data):
    time.sleep(SECONDS)
    return really(descriptor, data)

os.write = write
taken = []
together = threading.Barrier(THREADS)

def log_in(user):
    together.wait(60)
    for _ in range(EVENTS):
        began = time.monotonic()
        log_event("login_failed", user=user)
        taken.append(time.monotonic() - began)

threads = [threading.Thread(target=log_in, args=(f"user-{number}",)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print(sorted(taken)[len(taken) // 2] / SECONDS)
"""


def test_threads(tmp_path: Path) -> None:
    """With four threads a login takes one write, not four, and one event says in each minute that the file is slow."""
    run = subprocess.run(
        [sys.executable, "-c", _SITE, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    events = [parse(line) for line in (tmp_path / "security.log").read_text().splitlines()]
    (degraded,) = [event for event in events if event.type.name == "logging_degraded"]
    assert float(run.stdout) < 1.9
    assert (degraded.fields["sink"], degraded.fields["ip"], len(events)) == ("file", "-", 1 + 4 * 3 + 1)
    assert str(degraded.fields["detail"]).startswith(f"a write to {tmp_path}/security.log took 0.")
