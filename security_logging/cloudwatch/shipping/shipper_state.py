"""The position of the shipper on disk, and the lock that allows one shipper for each log."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from security_logging.cloudwatch.shipping.log_file import Position


class AlreadyRunning(Exception):  # noqa: N818  # its name says what happened
    """Another shipper has the lock."""


class ShipperState:
    """The state of the shipper of one log file; one process at a time can hold it."""

    def __init__(self, directory: Path, log_file: Path) -> None:
        """Take the directory and the log. Each log has state files of its own, so shippers can share the directory."""
        name = f"shipper-{hashlib.sha256(str(log_file.absolute()).encode()).hexdigest()[:12]}"
        self.path = directory / f"{name}.json"
        self._lock_path = directory / f"{name}.lock"
        self._lock = -1

    def acquire(self) -> None:
        """Take the lock, which is released when the process ends; raises AlreadyRunning."""
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise AlreadyRunning from None

    def release(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def load(self) -> Position | None:
        """Return the last position, or None if there is none; raises ValueError if the file is damaged."""
        found = self.read()
        return Position(**found["position"]) if found else None

    def read(self) -> dict[str, Any]:
        """Return everything that was saved; empty before the first time."""
        try:
            found: dict[str, Any] = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        return found

    def save(self, position: Position, **notes: object) -> None:
        """Save the position. After a crash of the machine the file has this position or the one before."""
        new = self.path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, json.dumps({"position": position._asdict(), **notes}).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(self.path)
