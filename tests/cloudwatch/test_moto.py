"""Handler and shipper against a CloudWatch Logs that we have not written."""

from __future__ import annotations

import json
import logging
import platform
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from security_logging.cloudwatch import CloudWatchHandler
from security_logging.events.ecs import render_json
from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED
from security_logging.logger import log_event

pytestmark = pytest.mark.end_to_end
GROUP = "/shop/test/security"


def stored(logs: Any, stream: str) -> list[dict[str, Any]]:
    """Return the documents in the stream."""
    name = f"{platform.node()}/{stream}"
    found = logs.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True)["events"]
    return [json.loads(event["message"]) for event in found]


def test_handler(logs: Any) -> None:
    """The handler's events are there, in order, with everything in them."""
    handler = CloudWatchHandler()
    logger = logging.getLogger("security")
    logger.addHandler(handler)
    sent = [log_event(LOGIN_FAILED, ip="203.0.113.7", user=f"user{number}") for number in range(50)]
    handler.flush()
    logger.removeHandler(handler)
    handler.close()
    assert [document["event"]["id"] for document in stored(logs, "security")] == [event.id for event in sent if event]


def test_shipper(logs: Any, tmp_path: Path) -> None:
    """The shipper's events are there, in order, with everything in them."""
    path = tmp_path / "security.json"
    events = [make_event(LOGIN_FAILED, ip="203.0.113.7", user="alice") for _ in range(50)]
    path.write_text("".join(f"{render_json(event)}\n" for event in events))
    call_command("security_cloudwatch", "ship", f"--file={path}")
    assert [document["event"]["id"] for document in stored(logs, "security")] == [event.id for event in events]


def test_too_old(logs: Any, tmp_path: Path, directory: Path) -> None:
    """Events older than CloudWatch takes are put aside, the others of their batch are delivered."""
    path = tmp_path / "security.json"
    old, new = make_event(LOGIN_FAILED), make_event(LOGIN_FAILED)
    old = replace(old, time=old.time - timedelta(days=20))
    path.write_text(f"{render_json(old)}\n{render_json(new)}\n")
    call_command("security_cloudwatch", "ship", f"--file={path}")
    assert [document["event"]["id"] for document in stored(logs, "security")] == [new.id]
    assert old.id in (directory / "refused.jsonl").read_text()
