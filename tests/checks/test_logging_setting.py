"""Mistakes in LOGGING: each is found, named with its line, and nothing is found where there is none."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from security_logging.checks.logging_setting import problems
from security_logging.checks.problem import Problem, error, warning
from security_logging.checks.registry import check_logging
from security_logging.logging_config import build_logging, tolerant
from security_logging.logging_config.profiles import PROFILES
from security_logging.logging_config.tolerant import configure

GOOD: dict[str, Any] = {"version": 1, "disable_existing_loggers": False}


def found(**parts: Any) -> list[Problem]:
    """Return what is wrong in a LOGGING with these parts."""
    return list(problems({**GOOD, **parts}))


class Handler(logging.Handler):
    """A handler of a project's own, without annotations or a docstring that says more."""

    def __init__(self, colour: str = "") -> None:
        super().__init__()


class AnyHandler(logging.Handler):
    """A handler that takes whatever it is given."""

    def __init__(self, **options: object) -> None:
        super().__init__()


WRONG = [
    ({"handler": {}}, "E301", "LOGGING has an unknown key: 'handler'.", "Did you mean 'handlers'?"),
    (
        {"loggers": {"shop": {"propogate": False}}},
        "E301",
        "LOGGING[\"loggers\"]['shop'] has an unknown key: 'propogate'.",
        "Did you mean 'propagate'?",
    ),
    (
        {"root": {"xyz": 1}},
        "E301",
        "LOGGING[\"root\"] has an unknown key: 'xyz'.",
        "The keys are: level, handlers, filters, propagate.",
    ),
    (
        {"formatters": {"plain": {"fromat": "x"}}},
        "E301",
        "LOGGING[\"formatters\"]['plain'] has an unknown key: 'fromat'.",
        "Did you mean 'format'?",
    ),
    (
        {"handlers": {"file": {"class": "logging.FileHandler", "filname": "/tmp/x"}}},  # noqa: S108 (never opened)
        "E302",
        "LOGGING[\"handlers\"]['file'] has an unknown key: 'filname'.",
        "Did you mean 'filename'?",
    ),
    (
        {"handlers": {"mine": {"()": Handler, "color": "red"}}},
        "E302",
        "LOGGING[\"handlers\"]['mine'] has an unknown key: 'color'.",
        "Did you mean 'colour'?",
    ),
    (
        {"root": {"handlers": ["console"]}, "loggers": {"shop": {"handlers": ["console"]}, "shop.cart": {}}},
        "W302",
        "Records of 'shop' reach ['console'] twice, because they propagate to 'root'.",
        'Write "propagate": False, or remove its handlers.',
    ),
    (
        {"loggers": {"shop": {"handlers": ["console"]}, "shop.cart.total": {"handlers": ["console", "file"]}}},
        "W302",
        "Records of 'shop.cart.total' reach ['console'] twice, because they propagate to 'shop'.",
        'Write "propagate": False, or remove its handlers.',
    ),
]


@pytest.mark.parametrize(("parts", "number", "message", "fix"), WRONG)
def test_mistake(parts: dict[str, Any], number: str, message: str, fix: str) -> None:
    """Each mistake is one problem that says what it is and what to write."""
    assert found(**parts) == [{"E": error, "W": warning}[number[0]](number, message, fix)]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"loggers": {"shop": {"level": "INFO", "handlers": [], "filters": [], "propagate": False}}},
        {"formatters": {"own": {"()": "shop.Formatter", "anything": 1}}},
        {"handlers": {"x": {"class": "no.such.Handler", "anything": 1}}},
        {"handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", ".": {"name": "y"}}}},
        {"handlers": {"x": {"class": "logging.NullHandler", "level": "INFO"}}},
        {"handlers": {"x": {"()": 7}}},
        {"handlers": {"x": {"()": AnyHandler, "anything": 1}}},
        {"handlers": {"x": {"class": "logging.handlers.SMTPHandler", "mailhost": "h", "fromaddr": "a"}}},
        {"root": {"handlers": ["a"]}, "loggers": {"shop": {"handlers": ["a"], "propagate": False}}},
        {"root": {"handlers": ["a"]}, "loggers": {"shop": {"handlers": [logging.NullHandler()]}}},
        {"handlers": {"x": {"class": "logging.handlers.QueueHandler", "handlers": ["y"], "listener": "z"}}},
        {"handlers": "nonsense", "loggers": {"shop": None}},
    ],
)
def test_no_mistake(parts: dict[str, Any]) -> None:
    """What is right, or cannot be judged, is left alone."""
    assert found(**parts) == []


@pytest.mark.parametrize("logging", [None, {"version": 1, "incremental": True}])
def test_nothing_to_check(logging: object) -> None:
    """Without a dictionary of handlers there is nothing to say."""
    assert list(problems(logging)) == []


@pytest.mark.parametrize("streams", ["security", "functions", "split"])
def test_own_configuration(streams: str) -> None:
    """What build_logging returns has no mistake."""
    assert list(problems(build_logging(*PROFILES, streams=streams, rotate_bytes=10**6, rate_limit=5))) == []


def test_silenced_loggers() -> None:
    """Without disable_existing_loggers every logger that exists is silent."""
    assert [problem.id for problem in problems({"version": 1})] == ["W301"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATIC_ROOT", "{}/www"),
        ("MEDIA_ROOT", "{}/www"),
        ("STATICFILES_DIRS", ["{}/else", ("prefix", "{}/www")]),
        ("WHITENOISE_ROOT", "{}/www"),
    ],
)
def test_web_root(settings: Any, tmp_path: Path, name: str, value: Any) -> None:
    """A log below a directory that the web server serves is found, whatever the setting that says so."""
    fill = str(tmp_path)
    setattr(
        settings,
        name,
        value.format(fill)
        if isinstance(value, str)
        else [entry.format(fill) if isinstance(entry, str) else (entry[0], entry[1].format(fill)) for entry in value],
    )
    path = tmp_path / "www" / "x" / "debug.log"
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(path)}}
    message = f"LOGGING[\"handlers\"]['file'] writes {str(path)!r} into {name}, which the web server serves."
    fix = "Write it to a directory of its own, e.g. /var/log/django."
    assert found(handlers=handlers) == [error("E303", message, fix)]


def test_beside_the_web_root(settings: Any, tmp_path: Path) -> None:
    """A log beside it is not meant."""
    settings.MEDIA_ROOT = str(tmp_path / "www")
    path = str(tmp_path / "wwwlog" / "debug.log")
    assert found(handlers={"file": {"class": "logging.FileHandler", "filename": path}}) == []


def rotating(**extra: Any) -> dict[str, Any]:
    """Return a handler that rotates its file."""
    kind = "logging.handlers.RotatingFileHandler"
    return {"class": kind, "filename": "/var/log/shop.log", "maxBytes": 1000, **extra}


def test_two_handlers_on_one_rotating_file() -> None:
    """Two handlers on one file that one of them renames are found, also where the path is written otherwise."""
    plain = {"class": "logging.FileHandler", "filename": "/var/log/../log/shop.log"}
    message = "The handlers 'a' and 'b' of LOGGING write the same file '/var/log/shop.log', and one of them rotates it."
    fix = "Use one handler for both, or a file for each."
    assert found(handlers={"a": rotating(), "b": plain}) == [error("E304", message, fix)]


@pytest.mark.parametrize(
    "handlers",
    [
        {"a": rotating(), "b": rotating(filename="/var/log/other.log")},
        {
            "a": {"class": "logging.FileHandler", "filename": "x"},
            "b": {"class": "logging.FileHandler", "filename": "x"},
        },
        {"a": rotating()},
    ],
)
def test_files_that_do_not_collide(handlers: dict[str, Any]) -> None:
    """Other files, or one that nobody renames, are no mistake."""
    assert found(handlers=handlers) == []


SOURCE = """from logging_of_the_shop import *
from nowhere import *
X = {"version": 1}
Y = {"version": 1}
Z = {
    "propogate": False,
}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a settings module that imports another one."""
    (tmp_path / "settings_of_the_shop.py").write_text(SOURCE)
    (tmp_path / "logging_of_the_shop.py").write_text('L = {"fromat": 1}\nfrom settings_of_the_shop import *\n')
    (tmp_path / "broken_settings.py").write_text("def\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def line_of(key: str, module: str = "settings_of_the_shop") -> str:
    """Return what the message about an unknown key says behind it."""
    (problem,) = problems({**GOOD, "loggers": {"shop": {key: 1}}}, module)
    return problem.message.partition(f"{key!r}")[2]


def test_line(shop: Path) -> None:
    """The message names file and line of the mistake."""
    assert line_of("propogate") == f" ({shop / 'settings_of_the_shop.py'}, line 6)."


def test_line_in_an_imported_module(shop: Path) -> None:
    """Settings that are imported with a star are read too."""
    lines = [line for line in line_of("fromat").split(" ") if "logging_of" in line]
    assert lines == [f"({shop / 'logging_of_the_shop.py'},"]


@pytest.mark.parametrize("key", ["version_", "versio"])
def test_no_line(shop: Path, key: str) -> None:
    """A key that the source does not have is named without a line."""
    assert line_of(key) == "."


def test_several_lines(shop: Path) -> None:
    """Where a key stands at several places none is named."""
    (problem,) = problems({**GOOD, "loggers": {"shop": {"version": 1}}}, "settings_of_the_shop")
    assert problem.message.endswith("'version'.")


@pytest.mark.parametrize("module", ["broken_settings", "no_such_module", "no.such.module", "builtins"])
def test_unreadable_settings(shop: Path, module: str) -> None:
    """Settings that cannot be read cost the line, not the message."""
    assert line_of("propogate", module) == "."


@pytest.mark.parametrize("module", ["shop_settings.prod", "shop_settings"])
def test_relative_import(shop: Path, module: str) -> None:
    """Settings in a package may import each other by a dot, also from the package itself."""
    package = shop / "shop_settings"
    package.mkdir()
    (package / "__init__.py").write_text("from .base import *\n")
    (package / "prod.py").write_text("from .base import *\nfrom . import *\n")
    (package / "base.py").write_text('L = {"propogate": 1}\n')
    try:
        assert line_of("propogate", module) == f" ({package / 'base.py'}, line 1)."
    finally:
        for name in ("shop_settings", "shop_settings.base"):
            sys.modules.pop(name, None)


def test_system_check(settings: Any) -> None:
    """The problems are messages of `manage.py check`, errors and warnings as their ids say."""
    settings.LOGGING = {"version": 1, "loggers": {"shop": {"propogate": False}}}
    messages = [(type(message).__name__, message.id) for message in check_logging()]
    assert messages == [("Error", "security_logging.E301"), ("Warning", "security_logging.W301")]


def test_test_project() -> None:
    """The test project's own LOGGING is fine."""
    assert check_logging() == []


PROJECT = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["security_logging"],
    MIDDLEWARE=["security_logging.middleware.SecurityLoggingMiddleware"],
    LOGGING_CONFIG="security_logging.logging_config.configure",
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler", "leveel": "INFO"}},
        "loggers": {"security": {"handlers": ["console"]}},
    },
)
django.setup()
from security_logging import log_event
from security_logging.checks import logging_setting
from security_logging.checks.registry import check_logging
log_event("login_failed", ip="203.0.113.7")
print([(message.id, message.hint) for message in check_logging()])
"""


def test_handler_with_an_unknown_key() -> None:
    """With our LOGGING_CONFIG a site starts and logs although a handler has an unknown key; a check names it."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    run = subprocess.run(
        [sys.executable, "-c", PROJECT], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "[('security_logging.E302', \"Did you mean 'level'?\")]\n"
    assert "login_failed ip=203.0.113.7 " in run.stderr


def test_configuration_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right, or cannot be looked at, is handed on as it is, and nothing of the project's is changed."""
    given: list[Any] = []
    monkeypatch.setattr(tolerant, "dictConfig", given.append)
    config = {"version": 1, "handlers": {"x": {"class": "no.such.Handler", "anything": 1}, "y": None}}
    configure(config)
    configure({"version": 1, "incremental": True})
    assert given == [config, {"version": 1, "incremental": True, "handlers": {}}]
