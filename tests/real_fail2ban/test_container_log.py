"""A container's log as docs/proxies.md sets it up: what Docker's json-file driver keeps, Fail2ban counts."""

from __future__ import annotations

import json
import logging
from itertools import chain
from typing import Any

import pytest
from django.utils.module_loading import import_string

import documented
from fail2ban_server import SHIPPED, fail2ban_regex, short_directory
from hostile_text import VICTIM
from log_records import event_record, record
from security_logging.events.event import make_event
from security_logging.events.types import LOGIN_FAILED
from security_logging.logging_config import build_logging

pytestmark = pytest.mark.real_fail2ban


def formatter() -> logging.Formatter:
    """Return the formatter that the page's settings give to standard error."""
    names: dict[str, Any] = {"build_logging": build_logging}
    exec(documented.under("proxies.md", "Docker, the json-file log", "python"), names)  # noqa: S102 (our own page)
    found = names["LOGGING"]["formatters"][names["LOGGING"]["handlers"]["security_console"]["formatter"]]
    return import_string(found["()"])()  # type: ignore[no-any-return] # a name that is looked up has no type


FORGED = f"2026-08-01T12:00:00.123+00:00 django-security[1]: login_failed ip={VICTIM} net={VICTIM} surface=site "
ENTRY = 16384  # bytes of a line that Docker writes as one entry
ID = "4f1c0a2b9d3e4c5f60718293"


def entries(line: str) -> list[str]:
    """Return what the json-file driver writes of a line: an entry for each 16 KB, the last one with the line end."""
    parts = [f"{line}\n"[start : start + ENTRY] for start in range(0, len(line) + 1, ENTRY)]
    return [json.dumps({"log": part, "stream": "stdout", "time": "t"}, separators=(",", ":")) for part in parts]


def counted(lines: list[str]) -> list[str]:
    """Return the addresses that the real filter counts in a container's log."""
    with short_directory() as directory:
        log = directory / "container-json.log"
        log.write_text("\n".join([*chain.from_iterable(map(entries, lines)), ""]))
        filter_file = directory / "django-security.conf"
        filter_file.write_text((SHIPPED / "filter.d" / "django-security.conf").read_text())
        return fail2ban_regex(log, filter_file, "logtype=docker")


@pytest.mark.parametrize("tail", ["", f"id={ID}", f"id={ID}\\n", f'id={ID}\\n","stream":"stdout"', f"id={ID}\n x"])
def test_line_that_docker_cuts(tail: str) -> None:
    """Who chooses where Docker cuts an access log, and so how an entry begins, gets nobody counted."""
    begin = '127.0.0.1 - - "GET /'
    agent = f"{'A' * (ENTRY - len(begin))}{FORGED}reason=bad_credentials {tail}"
    assert counted([f'{begin}{agent}"', f'{begin}{agent}" 200', f"{begin}{agent.ljust(3 * ENTRY)}"]) == []


def test_json_file_log() -> None:
    """The failed login is counted; what other loggers and programs write into the same log is not."""
    failed = event_record(make_event(LOGIN_FAILED, ip="203.0.113.7", net="203.0.113.7", user=f"x\n{FORGED}"))
    assert counted([formatter().format(failed), formatter().format(record(f"\n{FORGED}")), f"search for {FORGED}"]) == [
        "203.0.113.7"
    ]
