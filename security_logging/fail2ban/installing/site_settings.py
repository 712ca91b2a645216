"""The lines that a site's settings still lack for Fail2ban to see its attackers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from security_logging.fail2ban.installing.changes import Change, read

_SECONDS = 60  # that a site may take to start
_NAMES = {"file": "security.log", "json": "security.json"}  # as build_logging calls them
_HEAD = "# Written by manage.py security_fail2ban install."
_START = "import django; django.setup()"


@dataclass(frozen=True)
class Lacking:
    """What the settings lack: the log that the jails read, the middleware, the names of the proxies in front."""

    log: Path | None = None
    logtype: str = "file"
    has_logging: bool = False
    middleware: bool = False
    proxies: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return the lines to add at the end of the settings, none when nothing is lacking."""
        found = [*self._logging(), *self._middleware(), *self._proxies()]
        return [_HEAD, *found] if found else []

    def _logging(self) -> list[str]:
        if self.log is None:
            return []
        profile = "json" if self.logtype == "json" else "file"
        # Without LOGGING the whole of it would become ours; only the security log is wanted here.
        base = "base=LOGGING" if self.has_logging else 'streams="security"'
        lines = [
            "from security_logging.logging_config import build_logging  # noqa: E402",
            "",
            f'LOGGING = build_logging("{profile}", directory={str(self.log.parent)!r}, {base})',
        ]
        if self.log.name != _NAMES[profile]:
            handler = f"security_{profile}"
            lines.append(f'LOGGING["handlers"]["{handler}"]["filename"] = {str(self.log)!r}')
        return lines

    def _middleware(self) -> list[str]:
        name = "security_logging.middleware.SecurityLoggingMiddleware"
        return [f'MIDDLEWARE = ["{name}", *MIDDLEWARE]'] if self.middleware else []

    def _proxies(self) -> list[str]:
        return [f"SECURITY_LOGGING_TRUSTED_PROXIES = {list(self.proxies)!r}"] if self.proxies else []


def appended(path: Path, lines: Sequence[str]) -> Change:
    """Return the change that adds the lines to the settings; a link to them stays, and leads to the new ones."""
    path = path.resolve()
    old = read(path) or ""
    return Change(path, old, f"{old.rstrip()}\n\n{chr(10).join(lines)}\n", mode=None, is_appended=True)


def failure() -> str:
    """Start the site in a process of its own and return why it does not start, empty when it does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        result = subprocess.run(  # noqa: S603 - this very Python, and words of our own
            [sys.executable, "-c", _START],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"not within {_SECONDS} seconds"
    return result.stderr.strip() or "no reason was given" if result.returncode else ""
