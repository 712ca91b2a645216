"""The dead-letter file: messages that their destination will never take, with the reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from security_logging.internal.queue.message import Message

FILE_NAME = "refused.jsonl"
_MAX_BYTES = 64 * 1024 * 1024


def keep(directory: Path, refused: Iterable[tuple[Message, str]]) -> int:
    """
    Append the messages with their reasons to the dead-letter file, mode 0600, and return how many were kept.

    Several processes share the file: one write for each message keeps their lines apart. The file stops growing at
    64 MB. Raises OSError when it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(directory / FILE_NAME, flags, 0o600)
    kept = 0
    try:
        for (target, timestamp, text), reason in refused:
            if os.fstat(descriptor).st_size >= _MAX_BYTES:
                break
            line = json.dumps({"reason": reason, "target": target, "timestamp": timestamp, "message": text}) + "\n"
            os.write(descriptor, line.encode("ascii"))
            kept += 1
    finally:
        os.close(descriptor)
    return kept


def count(directory: Path) -> int:
    """Return how many messages the dead-letter file holds."""
    path = directory / FILE_NAME
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _line in file)
