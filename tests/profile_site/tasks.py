"""A Celery application whose broker is a directory."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from celery import Celery  # type: ignore[import-untyped]  # it has none

from security_logging import log_event
from security_logging.integrations import celery as security_celery

logger = logging.getLogger("shop.tasks")
security_celery.connect()
_queue = Path(os.environ.get("TEST_DIRECTORY", "/nonexistent")) / "queue"
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    **dict.fromkeys(("data_folder_in", "data_folder_out"), str(_queue)),
    "control_folder": str(_queue.with_name("control")),  # else below the directory that the tests are run in
}
app.conf.broker_connection_retry_on_startup = True
app.conf.beat_schedule = {"often": {"task": "speak", "schedule": 0.5, "args": (0,)}}


@app.task(name="speak")  # type: ignore[untyped-decorator]  # Celery has no types
def speak(number: int) -> None:
    """Log what the page logs."""
    logger.info("order-%d for Zo\u00eb", number)
    log_event("login_failed", ip="203.0.113.7", user=f"user-{number}")
