"""A Celery application whose task logs an event; the broker is a directory."""

from __future__ import annotations

import os
from pathlib import Path

import django
from celery import Celery  # type: ignore[import-untyped]  # Celery ships no types

if os.environ.get("DJANGO_SETTINGS_MODULE") == "cloudwatch.site_settings":
    django.setup()

_queue = Path(os.environ.get("TEST_DIRECTORY", "/nonexistent")) / "queue"
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": str(_queue), "data_folder_out": str(_queue)}
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_hijack_root_logger = False


@app.task(name="attempt")  # type: ignore[untyped-decorator]  # the same
def attempt() -> None:
    """Log a failed login and note its id."""
    from security_logging.events.types import LOGIN_FAILED
    from security_logging.logger import log_event

    event = log_event(LOGIN_FAILED, ip="203.0.113.7", user="alice")
    with Path(os.environ["TEST_IDS"]).open("a") as file:
        file.write(f"{event.id if event else 'lost'}\n")
