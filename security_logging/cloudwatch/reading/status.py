"""How the way to CloudWatch is doing: on this host, and at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from security_logging.cloudwatch import directory, names, refused, spool
from security_logging.cloudwatch.pipeline import PIPELINE_STREAM
from security_logging.cloudwatch.sender import describe
from security_logging.cloudwatch.shipping.log_file import LogFile
from security_logging.cloudwatch.shipping.shipper_state import ShipperState
from security_logging.conf import conf

LATE = 600  # seconds, as in the alarm


def local_status(path: Path) -> dict[str, Any]:
    """Return what waits on this host: bytes in spools, refused events, bytes of the log that are not shipped."""
    where = directory.location()
    found: dict[str, Any] = {"directory": str(where), "log": str(path), "spool_bytes": 0, "refused": 0}
    if where.is_dir():
        found |= {"spool_bytes": spool.used_bytes(where), "refused": refused.count(where)}
    state = ShipperState(where, path)
    if state.path.exists():
        file = LogFile(path, state.load())
        found |= {"unshipped_bytes": file.backlog, "gaps": state.read()["gaps"] + file.gaps}
        file.close()
    return found


def remote_status(logs: Any, group: str) -> dict[str, Any]:
    """Return what CloudWatch has of us; `error` says why that is not known."""
    found: dict[str, Any] = {"group": group, "stream": names.log_stream(conf.LOGGER_NAME)}
    try:
        for kind, stream in (("event", found["stream"]), ("heartbeat", names.log_stream(PIPELINE_STREAM))):
            found[f"last_{kind}_seconds"] = _age(logs, group, stream)
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        retention = [item.get("retentionInDays") for item in groups if item["logGroupName"] == group]
        found["retention_days"] = retention[0] if retention else None
    except Exception as error:  # noqa: BLE001  # whatever hinders us is what the reader wants to know
        found["error"] = describe(error)
    return found


def problems(local: dict[str, Any], remote: dict[str, Any]) -> list[str]:
    """Return what somebody should look at, in sentences."""
    checks: list[tuple[Callable[[], bool], str]] = [
        (lambda: "error" in remote, f"CloudWatch cannot be asked: {remote.get('error')}."),
        (
            lambda: "error" not in remote and remote["last_event_seconds"] is None,
            "CloudWatch has no event of this host.",
        ),
        (
            lambda: (remote.get("last_heartbeat_seconds") or 0) > LATE,
            "The last heartbeat is old: does a shipper run, or a worker with the handler?",
        ),
        (lambda: local["spool_bytes"] > 0, f"{local['spool_bytes']} bytes wait in {local['directory']}."),
        (
            lambda: local["refused"] > 0,
            f"{local['refused']} events were refused; see {local['directory']}/refused.jsonl.",
        ),
        (
            lambda: local.get("gaps", 0) > 0,
            "Parts of the log were gone before they were shipped; use logrotate's create.",
        ),
        (
            lambda: "error" not in remote and remote["retention_days"] is None,
            "The log is kept for ever; run security_cloudwatch provision.",
        ),
    ]
    return [sentence for is_so, sentence in checks if is_so()]


def _age(logs: Any, group: str, stream: str) -> int | None:
    found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]
    times = [item["lastEventTimestamp"] for item in found if item.get("lastEventTimestamp")]
    return int(time.time() - max(times) / 1000) if times else None
