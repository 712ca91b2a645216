"""The text of each file for Fail2ban's configuration directory."""

from __future__ import annotations

from pathlib import Path

from security_logging.fail2ban.files.render import JailOptions, render_filter, render_jails
from security_logging.fail2ban.files.report import render_report_action

FILTER = "filter.d/django-security.conf"
JAILS = "jail.d/django-security.conf"
REPORT = "action.d/django-security-report.conf"
LOCKED_JAIL = "django-locked"  # off by default
JAIL_NAMES = ("django-auth", "django-admin", "django-probe", LOCKED_JAIL)


def shipped_files(options: JailOptions | None = None) -> dict[str, str]:
    """
    Return the content of each file by its path in the directory.

    The filter counts the event types of the project too. The jails have the options.
    """
    actions = sorted((_directory() / "action.d").glob("django-security-*"))
    found = {f"action.d/{path.name}": path.read_text(encoding="utf-8") for path in actions}
    return {FILTER: render_filter(), JAILS: render_jails(options), **found, REPORT: render_report_action()}


def _directory() -> Path:
    """Return the directory of the files: in the installed package, or beside it in a clone."""
    package = Path(__file__).parents[2]
    return next(path for path in (package / "share" / "fail2ban", package.parent / "fail2ban") if path.is_dir())
