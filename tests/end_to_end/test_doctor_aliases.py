"""security_doctor --site: another spelling of the header, sent to a real server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.test import override_settings

from attacked_site import logging_to
from fail2ban_server import short_directory
from free_port import free_port
from proxied_place import running
from security_logging.checks.problem import Level, Problem
from security_logging.events.line import parse
from security_logging.operations.doctor.aliases import check_aliases
from waiting import status_of, wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SERVERS = {
    "gunicorn": ("gunicorn", "--bind", "127.0.0.1:{port}", "proxied_site.wsgi:application"),
    "Hypercorn, ASGI": ("hypercorn", "--bind", "127.0.0.1:{port}", "proxied_site.asgi:application"),
    "Hypercorn, WSGI": ("hypercorn", "--bind", "127.0.0.1:{port}", "wsgi:proxied_site.wsgi:application"),
}


@contextmanager
def served(name: str, more: str = "") -> Iterator[tuple[str, Path]]:
    """Run a server; yield its address and the site's log, which this process reads too."""
    port = free_port()
    site = f"http://127.0.0.1:{port}/"
    with short_directory() as directory:
        log = directory / "security.log"
        variables = {
            "DJANGO_SETTINGS_MODULE": "proxied_site.settings",
            "TEST_DIRECTORY": str(directory),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TEST_SETTINGS": f'SECURITY_LOGGING_TRUSTED_PROXIES = ["nginx"]\n{more}',
        }
        words = [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[name])]
        with running(words, directory, variables), logging_to(log):
            assert wait_until(lambda: status_of(site), 60), (directory / "output").read_text()
            yield site, log


def found(site: str) -> Problem:
    """Return what the doctor finds."""
    with override_settings(ALLOWED_HOSTS=["shop.test"]):
        (problem,) = check_aliases(site)
    return problem


@pytest.mark.parametrize(
    ("name", "level"),
    [("gunicorn", Level.OK), ("Hypercorn, ASGI", Level.OK), ("Hypercorn, WSGI", Level.ERROR)],
)
def test_server(name: str, level: Level) -> None:
    """A server that takes X_Forwarded_For for X-Forwarded-For is found, and the line of it is counted by no jail."""
    with served(name) as (site, log):
        assert found(site).level is level
        assert [parse(line).type.name for line in log.read_text().splitlines()][-1] == "crosssite_request"


@pytest.mark.parametrize("site", ["http://203.0.113.7/", "ftp://127.0.0.1/", "http://shop.test/", "127.0.0.1"])
def test_another_machine(tmp_path: Path, site: str) -> None:
    """Only this machine is asked."""
    with logging_to(tmp_path / "security.log"):
        assert found(site).level is Level.UNKNOWN


def test_nobody_there(tmp_path: Path) -> None:
    """A site that cannot be asked is not called right."""
    with logging_to(tmp_path / "security.log"):
        assert "could not be asked" in found("http://127.0.0.1:9/").message


def test_no_log(tmp_path: Path) -> None:
    """Without a log there is nothing to see."""
    with logging_to(tmp_path / "security.log") as log:
        log.unlink()
        assert found("http://127.0.0.1:9/").level is Level.UNKNOWN


def test_name_without_a_hyphen(tmp_path: Path) -> None:
    """A header without a hyphen has no other spelling."""
    with logging_to(tmp_path / "security.log"), override_settings(SECURITY_LOGGING_CLIENT_IP_HEADER="Clientip"):
        assert found("http://127.0.0.1:9/").level is Level.OK


def test_line_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that logs nothing of it is not called right."""
    monkeypatch.setattr("security_logging.operations.doctor.aliases.SECONDS", 0.2)
    with served("gunicorn", 'SECURITY_LOGGING_EVENTS = {"crosssite_request": False}') as (site, _):
        assert found(site).level is Level.UNKNOWN
