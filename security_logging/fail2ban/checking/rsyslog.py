"""Who may write, through rsyslog, into a log that Fail2ban reads: with our configuration the site's user alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

PLACES = (Path("/etc/rsyslog.conf"), Path("/etc/rsyslog.d"))
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
_GUARDS = ("ruleset(", "$!uid", "imuxsock", "ParseTrusted")  # of rsyslog.d/django-security.conf


def is_guarded(log: Path, places: tuple[Path, ...] = PLACES) -> bool:
    """
    Return whether the files of rsyslog that name the log ask the kernel for the sender's user, as ours does.

    False where no file names it, e.g. because another program writes it, and where one cannot be read.
    """
    naming = [text for text in _texts(places) if str(log) in text]
    return bool(naming) and all(guard in text for text in naming for guard in _GUARDS)


def _texts(places: tuple[Path, ...]) -> Iterator[str]:
    for place in places:
        for path in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
            try:
                yield _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
