"""A container's log as docs/proxies.md sets it up: what Docker's json-file driver keeps, Fail2ban counts."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.utils.module_loading import import_string

import documented
from fail2ban_server import SHIPPED, fail2ban_regex, short_directory
from hostile_text import VICTIM
from log_records import event_record, record
from security_logging.event_types import LOGIN_FAILED
from security_logging.events import make_event
from security_logging.logging_config import build_logging

pytestmark = pytest.mark.real_fail2ban


def formatter() -> logging.Formatter:
    """Return the formatter that the page's settings give to standard error."""
    names: dict[str, Any] = {"build_logging": build_logging}
    exec(documented.under("proxies.md", "Docker, the json-file log", "python"), names)  # noqa: S102 (our own page)
    found = names["LOGGING"]["formatters"][names["LOGGING"]["handlers"]["security_console"]["formatter"]]
    return import_string(found["()"])()  # type: ignore[no-any-return] # a name that is looked up has no type


def test_json_file_log() -> None:
    """The failed login is counted; what other loggers and programs write into the same log is not."""
    forged = f"2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip={VICTIM} net={VICTIM} surface=site "
    failed = event_record(make_event(LOGIN_FAILED, ip="203.0.113.7", net="203.0.113.7", user=f"x\n{forged}"))
    lines = [formatter().format(failed), formatter().format(record(f"\n{forged}")), f"search for {forged}"]
    with short_directory() as directory:
        log = directory / "container-json.log"
        kept = [json.dumps({"log": f"{line}\n", "stream": "stderr"}, separators=(",", ":")) for line in lines]
        log.write_text("\n".join([*kept, ""]))
        filter_file = directory / "django-security.conf"
        filter_file.write_text((SHIPPED / "filter.d" / "django-security.conf").read_text())
        assert fail2ban_regex(log, filter_file, "logtype=docker") == ["203.0.113.7"]
