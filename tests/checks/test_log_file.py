"""What `check --deploy` finds wrong with the place that the security log is written to."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler, WatchedFileHandler
from pathlib import Path
from typing import Any

import pytest

from security_logging.checks.log_file import problems
from security_logging.checks.problem import warning
from security_logging.events.ecs import render_json
from security_logging.events.event import make_event
from security_logging.events.line import render
from security_logging.events.types import LOGIN_FAILED
from security_logging.handlers.file import SecurityFileHandler

CLAIMED = make_event(LOGIN_FAILED, ip="203.0.113.7", claimed="198.51.100.1")
QUIET = make_event(
    LOGIN_FAILED, ip="203.0.113.7", user='x" claimed=1 ,"network":{"forwarded_ip":"', path=" claimed=198.51.100.1"
)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Yield a function that gives the security logger, or another one, these handlers and no others."""
    root = logging.Logger("root")  # noqa: LOG001 (pytest has handlers of its own at the real one)
    for name in ("security", "audit"):
        monkeypatch.setattr(logging.getLogger(name), "parent", root)
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    opened: list[logging.Handler] = []

    def use(*handlers: logging.Handler, logger: str = "security") -> None:
        opened.extend(handlers)
        target = root if logger == "root" else logging.getLogger(logger)
        monkeypatch.setattr(target, "handlers", list(handlers))

    yield use
    for handler in opened:
        handler.close()


def _ids() -> list[str]:
    return [problem.id for problem in problems()]


def test_good_log(use: Callable[..., None], tmp_path: Path) -> None:
    """About a file that can be written there is nothing to say, and it is not made by asking."""
    use(SecurityFileHandler(tmp_path / "security.log"))
    assert (_ids(), list(tmp_path.iterdir())) == ([], [])


def test_console(use: Callable[..., None]) -> None:
    """A handler without a file is fine."""
    use(logging.StreamHandler())
    assert _ids() == []


@pytest.mark.parametrize("handlers", [[], [logging.NullHandler()]], ids=["none", "null"])
def test_no_handler(use: Callable[..., None], handlers: list[logging.Handler]) -> None:
    """A logger that keeps nothing is found."""
    use(*handlers)
    assert list(problems()) == [
        warning(
            "W020",
            "The logger 'security' has no handler, so events are lost.",
            'Write e.g. LOGGING = build_logging("file"), from security_logging.logging_config.',
        )
    ]


@pytest.mark.parametrize("logger", ["root", "security.auth"])
def test_handler_elsewhere(use: Callable[..., None], logger: str) -> None:
    """A handler that only the root has, or only one class of events, keeps something too."""
    use(logging.StreamHandler(), logger=logger)
    assert _ids() == []


def test_root_that_is_not_reached(use: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The root's handlers do not count where the logger does not propagate."""
    use(logging.StreamHandler(), logger="root")
    monkeypatch.setattr(logging.getLogger("security"), "propagate", False)
    assert _ids() == ["W020"]


def test_each_handler_once(use: Callable[..., None], tmp_path: Path) -> None:
    """A handler that several loggers share is found wrong once."""
    handler = SecurityFileHandler(tmp_path / "missing/security.log")
    use(handler)
    use(handler, logger="security.auth")
    assert _ids() == ["W021"]


def test_logger_of_the_project(use: Callable[..., None], settings: Any) -> None:
    """The logger is the one that the project names."""
    settings.SECURITY_LOGGING_LOGGER_NAME = "audit"
    use(logging.StreamHandler())
    assert [problem.message for problem in problems()] == ["The logger 'audit' has no handler, so events are lost."]


@pytest.mark.parametrize("name", [None, 5, "", "."])
def test_wrong_logger_name(settings: Any, name: object) -> None:
    """A name that is none is another check's matter and no reason to fail."""
    settings.SECURITY_LOGGING_LOGGER_NAME = name
    assert set(_ids()) <= {"W020"}


def test_missing_directory(use: Callable[..., None], tmp_path: Path) -> None:
    """A directory that does not exist is found, with the command that makes it."""
    path = tmp_path / "missing/security.log"
    use(SecurityFileHandler(path))
    fix = f"Create it for the web server's user, e.g. with: install -d -o www-data -g adm -m 2750 {path.parent}"
    assert list(problems()) == [
        warning("W021", f"The directory of the security log {str(path)!r} does not exist.", fix)
    ]


@pytest.mark.parametrize("directory", ["a file", "x" * 300], ids=["file", "too long"])
def test_no_directory(use: Callable[..., None], tmp_path: Path, directory: str) -> None:
    """What is no directory, or can be none, is found like a missing one."""
    (tmp_path / "a file").touch()
    use(SecurityFileHandler(tmp_path / directory / "security.log"))
    assert _ids() == ["W021"]


@pytest.mark.parametrize("exists", [True, False])
def test_not_writable(use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    """A log that this user may not write, or not make, is found, with the command that lets them."""
    path = tmp_path / "security.log"
    path.touch() if exists else None
    asked: list[Path] = []

    def access(which: Path, mode: int) -> bool:
        asked.append(which)
        return exists and mode == os.F_OK

    monkeypatch.setattr(os, "access", access)  # root may write everything
    monkeypatch.setattr(getpass, "getuser", lambda: "www-data")
    use(SecurityFileHandler(path))
    message = f"The user 'www-data' cannot write the security log {str(path)!r}."
    fix = f"Run this check as the user that runs the site; if this is that user: chown www-data {path}"
    assert list(problems()) == [warning("W022", message, fix)]
    assert asked[-1] == (path if exists else tmp_path)


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_user_without_a_name(
    use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A user that the password file does not know, as in a container, is named by number."""

    def getuser() -> str:
        raise error

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(getpass, "getuser", getuser)
    use(SecurityFileHandler(tmp_path / "security.log"))
    assert [problem.message.split()[2] for problem in problems()] == [f"'{os.getuid()}'"]


@pytest.mark.parametrize("name", ["STATIC_ROOT", "MEDIA_ROOT"])
@pytest.mark.parametrize("kind", [str, Path])
def test_served(
    use: Callable[..., None], tmp_path: Path, settings: Any, name: str, kind: Callable[[Path], object]
) -> None:
    """A log that the web server would hand out is found."""
    setattr(settings, name, kind(tmp_path))
    use(SecurityFileHandler(tmp_path / "security.log"))
    message = f"The security log {str(tmp_path / 'security.log')!r} is in {name}, which the web server serves."
    assert list(problems()) == [warning("W023", message, "Write it to a directory of its own, e.g. /var/log/django.")]


def test_served_through_a_link(use: Callable[..., None], tmp_path: Path, settings: Any) -> None:
    """A link does not hide where it lies."""
    (tmp_path / "media").mkdir()
    (tmp_path / "log").symlink_to(tmp_path / "media")
    settings.MEDIA_ROOT = str(tmp_path / "media")
    use(SecurityFileHandler(tmp_path / "log/security.log"))
    assert _ids() == ["W023"]


def test_beside_what_is_served(use: Callable[..., None], tmp_path: Path, settings: Any) -> None:
    """A directory whose name begins alike is another directory."""
    settings.MEDIA_ROOT = str(tmp_path / "med")
    use(SecurityFileHandler(tmp_path / "security.log"))
    assert _ids() == []


class _OwnRotation(RotatingFileHandler):
    """A handler that rotates in its own way, as that of concurrent-log-handler does."""

    def doRollover(self) -> None:  # noqa: N802 (the standard library's name)
        """Rotate under a lock."""


class _Renamed(RotatingFileHandler):
    """A handler that rotates as the standard library does."""


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        (RotatingFileHandler, ["W024"]),
        (TimedRotatingFileHandler, ["W024"]),
        (_Renamed, ["W024"]),
        (_OwnRotation, []),
        (WatchedFileHandler, []),
        (logging.FileHandler, []),
    ],
)
def test_rotation(use: Callable[..., None], tmp_path: Path, kind: type[logging.FileHandler], ids: list[str]) -> None:
    """The standard library's rotation, which loses lines, is found under whatever name."""
    use(kind(tmp_path / "security.log", delay=True))
    assert _ids() == ids


def test_what_is_said_of_rotation(use: Callable[..., None], tmp_path: Path) -> None:
    """It is said which handler it is, and what to use instead."""
    path = tmp_path / "security.log"
    use(_Renamed(path, delay=True))
    message = f"_Renamed loses lines of the security log {str(path)!r} when several processes write to it."
    fix = "Use security_logging.handlers.SecurityFileHandler, and rotate the file with logrotate."
    assert list(problems()) == [warning("W024", message, fix)]


@pytest.mark.parametrize("render_event", [render, render_json])
@pytest.mark.parametrize(
    ("events", "ids"),
    [
        ([], []),
        ([QUIET], []),
        ([CLAIMED], ["W025"]),
        ([QUIET, CLAIMED, QUIET], ["W025"]),
        ([CLAIMED, *[QUIET] * 300], []),
        ([*[QUIET] * 300, CLAIMED], ["W025"]),
    ],
    ids=["empty", "claimed by a user name", "claimed", "among others", "long ago", "lately"],
)
def test_claims(
    use: Callable[..., None], tmp_path: Path, render_event: Callable[..., str], events: list[Any], ids: list[str]
) -> None:
    """Forwarding headers in the last lines of the log are found, in both forms, and not where a user name says so."""
    path = tmp_path / "security.log"
    path.write_text("".join(f"{render_event(event)}\n" for event in events))
    use(SecurityFileHandler(path))
    assert _ids() == ids


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRUSTED_PROXIES", ["nginx"]), ("CLIENT_IP_RESOLVER", "address_resolvers.first_forwarded")],
)
def test_claims_behind_a_proxy(
    use: Callable[..., None], tmp_path: Path, settings: Any, name: str, value: object
) -> None:
    """Where the project says whom it trusts, a claim is no news."""
    path = tmp_path / "security.log"
    path.write_text(render(CLAIMED) + "\n")
    setattr(settings, f"SECURITY_LOGGING_{name}", value)
    use(SecurityFileHandler(path))
    assert _ids() == []


def test_what_is_said_of_claims(use: Callable[..., None], tmp_path: Path) -> None:
    """It is said where they were seen, and how to name the proxy."""
    path = tmp_path / "security.log"
    path.write_text(render(CLAIMED) + "\n")
    use(SecurityFileHandler(path))
    message = f"Requests in {str(path)!r} have forwarding headers, but no proxy is trusted."
    fix = 'If a proxy of yours sends them, trust it, e.g. SECURITY_LOGGING_TRUSTED_PROXIES = ("nginx",).'
    assert list(problems()) == [warning("W025", message, fix)]


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/dev/full"])
def test_device(use: Callable[..., None], path: str) -> None:
    """A device is not read."""
    use(SecurityFileHandler(path))
    assert _ids() == []


def test_fifo(use: Callable[..., None], tmp_path: Path) -> None:
    """A FIFO is not opened: asking would wait for its writer."""
    os.mkfifo(tmp_path / "security.log")
    use(SecurityFileHandler(tmp_path / "security.log"))
    assert _ids() == []


def test_unreadable(use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that this user may write but not read says nothing about claims."""
    path = tmp_path / "security.log"
    path.write_text(render(CLAIMED) + "\n")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(os, "open", refuse)
    use(SecurityFileHandler(path))
    assert _ids() == []
