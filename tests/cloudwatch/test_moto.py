"""Handler and shipper against a CloudWatch Logs that we have not written."""

from __future__ import annotations

import json
import logging
import platform
from typing import Any

import pytest

from security_logging.cloudwatch import CloudWatchHandler
from security_logging.event_types import LOGIN_FAILED
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
