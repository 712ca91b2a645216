"""What doctor and drill ask CloudWatch, asked of one that we have not written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from security_logging.cloudwatch import CloudWatchHandler
from security_logging.events.ecs import render_json
from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED
from security_logging.operations.doctor import cloudwatch, probe

pytestmark = pytest.mark.end_to_end


def test_look_for_an_event(logs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that was shipped is found by its id among others, and one that was not is not."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    path = tmp_path / "security.json"
    events = [make_event(LOGIN_FAILED, ip="203.0.113.7", user="alice") for _ in range(3)]
    path.write_text("".join(f"{render_json(event)}\n" for event in events[:2]))
    call_command("security_cloudwatch", "ship", f"--file={path}")
    has = cloudwatch.look_up()
    assert [has(event.id) for event in events] == [True, True, False]


def test_probe_of_the_doctor(logs: Any) -> None:
    """The doctor finds the event that it has written, once the handler has sent it."""
    handler = CloudWatchHandler()
    logger = logging.getLogger("security")
    logger.addHandler(handler)
    found = list(probe.check_arrival())
    logger.removeHandler(handler)
    handler.close()
    assert [problem.message for problem in found if problem.message.endswith(" arrived at CloudWatch.")] != []
