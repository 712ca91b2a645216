"""The configurations for gunicorn and uvicorn themselves."""

from __future__ import annotations

import logging.config
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from security_logging.logging_config.servers import exit_at_sigterm, gunicorn_logging, uvicorn_logging


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Begin and end with nobody who handles SIGTERM."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_gunicorn() -> None:
    """The two loggers of gunicorn write to the stream of requests."""
    loggers = gunicorn_logging("file")["loggers"]
    assert {name: logger["handlers"] for name, logger in loggers.items()} == {
        "gunicorn.error": ["django_file"],
        "gunicorn.access": ["django_file"],
    }


def test_uvicorn() -> None:
    """Those of uvicorn write to the stream of servers where there is one."""
    loggers = uvicorn_logging("file", streams="split")["loggers"]
    assert [logger["handlers"] for logger in loggers.values()] == [["server_file"]] * 3


def test_own_streams() -> None:
    """Where no stream names the server, it writes to that of all others."""
    loggers = gunicorn_logging("file", streams={"payments": ["shop.payments"]})["loggers"]
    assert loggers["gunicorn.access"]["handlers"] == ["application_file"]


def test_no_mail() -> None:
    """The server's own process loads no Django settings, so it sends no mail."""
    config = gunicorn_logging("console")
    assert ("mail_admins" in config["handlers"], "require_debug_false" in config["filters"]) == (False, False)


@pytest.mark.parametrize(("profile", "streams"), [("cloudwatch", None), ("file", "security")])
def test_nowhere_else(profile: str, streams: str | None) -> None:
    """Where nothing is left for the server itself, it writes to its terminal."""
    config = gunicorn_logging(profile, streams=streams)
    assert (config["loggers"]["gunicorn.error"]["handlers"], "security_cloudwatch" in config["handlers"]) == (
        ["security_console"],
        False,
    )


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without profiles the environment decides."""
    monkeypatch.setenv("SECURITY_LOGGING_PROFILE", "json")
    assert uvicorn_logging(directory="/data")["handlers"]["django_json"]["filename"] == "/data/django.json"


def test_exit(sigterm: None) -> None:
    """Where uvicorn takes our configuration, SIGTERM is an ordinary exit, and a second one kills."""
    logging.config.DictConfigurator({"version": 1, "incremental": False}).configure_filter(
        uvicorn_logging("console")["filters"]["security_exit"]
    )
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_of_somebody_else(sigterm: None) -> None:
    """Who handles SIGTERM already, as uvicorn's parent of workers does, goes on to handle it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    exit_at_sigterm()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_sigterm_of_another_thread(sigterm: None) -> None:
    """Where a server runs in a thread, which must not touch signals, nothing changes and nothing fails."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(exit_at_sigterm).result()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
