"""The private directory for what waits for CloudWatch, what it refused, and how far the shipper is."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from security_logging.conf import conf


def directory() -> Path:
    """
    Return the directory, made with mode 0700 when it is missing.

    Raises OSError when it cannot be made, is a symbolic link, belongs to another user or is open to others: the
    default lies in a directory where everybody may write, and who owns it reads the events.
    """
    path = location()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{path} must be a directory of this user that no other user may write to")
    return path


def location() -> Path:
    """Return where the directory is or would be."""
    if conf.CLOUDWATCH_DIRECTORY:
        return Path(conf.CLOUDWATCH_DIRECTORY)
    return Path(tempfile.gettempdir()) / f"django-security-logging-{os.geteuid()}"
