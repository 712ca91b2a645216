"""CloudWatch, where it is used: whether it can be reached, and how late its events are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from security_logging.checks.problem import Problem, ok, unknown, warning
from security_logging.conf import PREFIX, conf
from security_logging.handlers.sinks import sinks

_FIX = "Run manage.py security_cloudwatch status."
LOOKS = 10  # a second apart, for the probe event
_PAGES = 50  # of an answer of CloudWatch that are looked at
_PART = "security_logging.cloudwatch"  # imported by name: it needs boto3 and watchtower, which are optional


def is_used() -> bool:
    """Return whether the project sends its log to CloudWatch: it has the handler, or settings for the shipper."""
    has_handler = any(type(sink.handler).__module__.startswith(f"{_PART}.") for sink in sinks())
    return has_handler or any(name.startswith(f"{PREFIX}CLOUDWATCH_") for name in dir(settings))


def check_cloudwatch() -> Iterator[Problem]:
    """Check what waits on this host and what has arrived at CloudWatch, if it is used at all."""
    if not is_used():
        yield ok("cloudwatch.unused", "CloudWatch is not used.")
        return
    try:
        local, remote = _status()
    except Exception as error:  # noqa: BLE001 (no credentials, no region, no package: the reader needs the same)
        yield _cannot_be_asked("cloudwatch", error)
        return
    yield from import_string(f"{_PART}.reading.status.problems")(local, remote)
    if "error" not in remote:
        yield ok("cloudwatch", f"The last event in {remote['group']} is {remote['last_event_seconds']} seconds old.")


def look_up() -> Callable[[str], bool]:
    """Return a function that returns whether CloudWatch has an event of the last minute; each call takes a second."""
    logs: Any = import_string(f"{_PART}.credentials.connect")("logs")
    group = import_string(f"{_PART}.names.log_group")()
    start = int((time.time() - 60) * 1000)
    pages = logs.get_paginator("filter_log_events")  # a page may be empty although a later one is not

    def has(event_id: str) -> bool:
        time.sleep(1)  # FilterLogEvents allows few calls a second
        found = pages.paginate(logGroupName=group, filterPattern=f'"{event_id}"', startTime=start)
        return any(page["events"] for page in islice(found, _PAGES))

    return has


def check_event(event_id: str) -> Problem:
    """Wait until an event that was just logged has arrived at CloudWatch."""
    try:
        has = look_up()
        found = any(has(event_id) for _ in range(LOOKS))
    except Exception as error:  # noqa: BLE001 (as above)
        return _cannot_be_asked("probe.cloudwatch", error)
    if not found:
        message = f"The probe event did not arrive at CloudWatch within {LOOKS} seconds."
        return warning("probe.late", message, f"Check that the shipper runs. {_FIX}")
    return ok("probe", f"The probe event {event_id} arrived at CloudWatch.")


def _cannot_be_asked(problem_id: str, error: Exception) -> Problem:
    return unknown(problem_id, f"CloudWatch cannot be asked: {type(error).__name__}: {error}.", _FIX)


def _status() -> tuple[dict[str, Any], dict[str, Any]]:
    local = import_string(f"{_PART}.reading.status.local_status")(Path(conf.CLOUDWATCH_FILE))
    logs = import_string(f"{_PART}.credentials.connect")("logs")
    group = import_string(f"{_PART}.names.log_group")()
    return local, import_string(f"{_PART}.reading.status.remote_status")(logs, group)
