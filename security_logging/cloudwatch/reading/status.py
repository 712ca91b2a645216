"""What waits on this host for CloudWatch, and what has arrived there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from security_logging.checks.problem import Problem, unknown, warning
from security_logging.cloudwatch import directory, names
from security_logging.cloudwatch.sending.delivery import describe
from security_logging.cloudwatch.sending.handler import PIPELINE_STREAM
from security_logging.cloudwatch.shipping.log_file import LogFile
from security_logging.cloudwatch.shipping.shipper_state import ShipperState
from security_logging.conf import conf
from security_logging.internal.queue import refused, spool

LATE = 600  # seconds, as in the alarm
_PASSING = 60  # seconds that an event may be on disk without a reason to look: each is, until it is delivered


def local_status(path: Path) -> dict[str, Any]:
    """
    Return what waits on this host: bytes in spools, refused events, bytes of the log that are not shipped.

    `spool_bytes` is 0 while nothing waits for more than a minute.
    """
    where = directory.location()
    found: dict[str, Any] = {"directory": str(where), "log": str(path), "spool_bytes": 0, "refused": 0}
    if where.is_dir():
        is_late = spool.waiting_seconds(where) > _PASSING
        found |= {"spool_bytes": spool.used_bytes(where) if is_late else 0, "refused": refused.count(where)}
    state = ShipperState(where, path)
    if state.path.exists():
        file = LogFile(path, state.load())
        found |= {"unshipped_bytes": file.backlog, "gaps": state.read()["gaps"] + file.gaps}
        file.close()
    return found


def remote_status(logs: Any, group: str) -> dict[str, Any]:
    """Return what CloudWatch has received from this host; `error` says why that is not known."""
    found: dict[str, Any] = {"group": group, "stream": names.log_stream(conf.LOGGER_NAME)}
    try:
        for kind, stream in (("event", found["stream"]), ("heartbeat", names.log_stream(PIPELINE_STREAM))):
            found[f"last_{kind}_seconds"] = _age(logs, group, stream)
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        retention = [item.get("retentionInDays") for item in groups if item["logGroupName"] == group]
        found["retention_days"] = retention[0] if retention else None
    except Exception as error:  # noqa: BLE001  # the reader needs to know any of them
        found["error"] = describe(error)
    return found


def problems(local: dict[str, Any], remote: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong in the two statuses."""
    if "error" in remote:
        yield unknown("cloudwatch", f"CloudWatch cannot be asked: {remote['error']}.", "Check region and credentials.")
    else:
        yield from _remote_problems(remote)
    if local["spool_bytes"]:
        message = f"{local['spool_bytes']} bytes of events wait in {local['directory']} to be sent."
        yield _warning(message, "Check that CloudWatch can be reached; the events are sent again until it takes them.")
    if local["refused"]:
        message = f"CloudWatch refused {local['refused']} events."
        yield _warning(message, f"They are kept, with the reason, in {local['directory']}/refused.jsonl.")
    if local.get("gaps"):
        message = "Parts of the log were removed before they were shipped."
        yield _warning(message, "Let logrotate use create, and not copytruncate.")


def _remote_problems(remote: dict[str, Any]) -> Iterator[Problem]:
    fix = "Check that a shipper runs, or a worker has the handler."
    if remote["last_event_seconds"] is None:
        yield _warning("CloudWatch has no event of this host.", fix)
    if (remote["last_heartbeat_seconds"] or 0) > LATE:
        yield _warning(f"The last heartbeat at CloudWatch is {remote['last_heartbeat_seconds']} seconds old.", fix)
    if remote["retention_days"] is None:
        yield _warning("CloudWatch keeps the log for ever.", "Run manage.py security_cloudwatch provision.")


def _warning(message: str, fix: str) -> Problem:
    return warning("cloudwatch.problem", message, fix)


def _age(logs: Any, group: str, stream: str) -> int | None:
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
    times = [item["lastEventTimestamp"] for item in found if item.get("lastEventTimestamp")]
    return int(time.time() - max(times) / 1000) if times else None
