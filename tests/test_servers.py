"""The configurations for gunicorn and uvicorn themselves."""

from __future__ import annotations

import pytest

from security_logging.servers import gunicorn_logging, uvicorn_logging


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
