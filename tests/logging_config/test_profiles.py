"""One call returns the whole LOGGING: what is in it, and that Python takes every combination."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from security_logging.formatters.text import TEXT_FORMATS
from security_logging.logging_config.build import build_logging, build_logging_from_environment
from security_logging.logging_config.profiles import ALIASES, PROFILES
from security_logging.logging_config.streams import NOISY, PRESETS


def files(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the files by the names of their handlers."""
    handlers = config["handlers"].items()
    return {name: Path(handler["filename"]).name for name, handler in handlers if "filename" in handler}


def test_functions() -> None:
    """Without a dictionary of the project's own, security, requests and the application each have a file."""
    assert files(build_logging("file")) == {
        "security_file": "security.log",
        "django_file": "django.log",
        "application_file": "application.log",
    }


def test_loggers_of_functions() -> None:
    """Each stream's loggers write to its own file and propagate no further."""
    config = build_logging("file")
    loggers = {"": config["root"], **config["loggers"]}
    assert {name: loggers[name]["handlers"] for name in ("", "security", "django", "gunicorn")} == {
        "": ["application_file"],
        "security": ["security_file"],
        "django": ["django_file", "mail_admins"],
        "gunicorn": ["django_file"],
    }


def test_security_only() -> None:
    """Other loggers can be left alone."""
    config = build_logging("file", streams="security")
    assert ([name for name in config["loggers"] if name not in NOISY], "root" in config) == (["security"], False)


def test_files_first() -> None:
    """Files get each record first and the console gets it last, whatever the order in which they are named."""
    config = build_logging("console", "syslog", "json", "file", base=BASE, streams="functions")
    assert config["loggers"]["security"]["handlers"] == [
        "security_json",
        "security_file",
        "mine",
        "security_syslog",
        "security_console",
    ]
    assert config["root"]["handlers"][0] == "application_json"


def test_console_of_the_project() -> None:
    """A console handler of the project's own, which may wait for its reader, comes after our files."""
    base = {"handlers": {"out": {"class": "logging.StreamHandler"}}, "loggers": {"security": {"handlers": ["out"]}}}
    handlers = build_logging("file", "journald", base=base)["loggers"]["security"]["handlers"]
    assert handlers == ["security_file", "out", "security_journald"]


def test_split() -> None:
    """The finest preset has a file for each kind of logger."""
    names = ["security", "django", "server", "system", "aws", "network", "app"]
    assert list(files(build_logging("json", streams="split")).values()) == [f"{name}.json" for name in names]


def test_noise() -> None:
    """Talkative libraries are silent, unless they have a stream of their own: then their warnings are kept."""
    levels = [build_logging("file", streams=name)["loggers"]["botocore"]["level"] for name in ("functions", "split")]
    assert levels == ["CRITICAL", "WARNING"]


def test_feedback() -> None:
    """What sends to CloudWatch does not log about it there."""
    loggers = build_logging("file", "cloudwatch", streams="split")["loggers"]
    assert [loggers[name]["handlers"] for name in ("botocore", "urllib3")] == [["aws_file"], ["network_file"]]


def test_own_streams() -> None:
    """A project names streams of its own; what none of them names goes to the application's."""
    config = build_logging("file", streams={"payments": ["shop.payments"]})
    assert list(files(config).values()) == ["security.log", "payments.log", "application.log"]


def test_own_root() -> None:
    """A stream of the project's own may take all that no other names."""
    config = build_logging("file", streams={"shop": [""]})
    assert (list(files(config).values()), config["root"]["handlers"]) == (["security.log", "shop.log"], ["shop_file"])


BASE: dict[str, Any] = {
    "version": 1,
    "handlers": {"mine": {"class": "logging.NullHandler"}},
    "loggers": {"security": {"handlers": ("mine",), "level": "DEBUG"}, "boto3": {"level": "DEBUG"}},
    "root": {"handlers": ["mine"]},
}


def test_base() -> None:
    """With a dictionary of the project's own ours is added for the security logger alone, and theirs stays."""
    config = build_logging("file", base=BASE)
    assert (config["loggers"], config["root"], config["disable_existing_loggers"]) == (
        {"security": {"handlers": ["security_file", "mine"], "level": "DEBUG"}, "boto3": {"level": "DEBUG"}},
        {"handlers": ["mine"]},
        False,
    )


def test_base_is_not_changed() -> None:
    """The project's dictionary is copied."""
    before = json.dumps(BASE)
    build_logging("file", base=BASE, streams="split")
    assert json.dumps(BASE) == before


def test_base_with_streams() -> None:
    """Who asks for streams gets them next to the project's own handlers."""
    assert build_logging("file", base=BASE, streams="functions")["root"]["handlers"] == ["application_file", "mine"]


def test_mail() -> None:
    """Django's mail to ADMINS about errors in requests stays as it is without our LOGGING."""
    config = build_logging("console")
    assert (config["handlers"]["mail_admins"], config["filters"]["require_debug_false"]) == (
        {"class": "django.utils.log.AdminEmailHandler", "level": "ERROR", "filters": ["require_debug_false"]},
        {"()": "django.utils.log.RequireDebugFalse"},
    )


def test_alias() -> None:
    """The name ecs stands for json; twice the same is once."""
    assert build_logging("ecs", "json") == build_logging("json")


def test_context() -> None:
    """Site, environment and streams are on each record that any of our handlers writes."""
    config = build_logging("file", "console", site="shop.example.com", env="prod", tenant="shop.tenants.current")
    described = config["filters"]["security_context"]
    names = ("service", "env", "group", "tenant")
    expected = ["shop.example.com", "prod", "/shop.example.com/prod", "shop.tenants.current"]
    assert [described[name] for name in names] == expected


@pytest.mark.parametrize("profile", PROFILES)
def test_filters(profile: str) -> None:
    """Each of our handlers has all of our filters, but the security log, which has neither context nor access log."""
    config = build_logging(profile, rate_limit=100)
    assert config["handlers"].get("security_file", {}).get("filters", ["security_rate"]) == ["security_rate"]
    ours = [handler for name, handler in config["handlers"].items() if name not in ("mail_admins", "security_file")]
    wanted = ["security_context", "security_health", "security_rate"]
    assert all(handler["filters"] == wanted for handler in ours)


def test_no_filters() -> None:
    """Health checks can be left in, and nothing is limited unless it is asked for."""
    assert list(build_logging("file", health_paths=())["filters"]) == ["security_context", "require_debug_false"]


def test_rotation() -> None:
    """Where there is no logrotate, files are rotated by a handler that several processes can share."""
    handler = build_logging("file", rotate_bytes=10_000_000, rotate_files=5)["handlers"]["security_file"]
    assert handler["class"] == "security_logging.handlers.SecurityFileHandler"
    assert (handler["rotate_bytes"], handler["rotate_files"]) == (10_000_000, 5)


@pytest.mark.parametrize(
    ("profiles", "options", "message"),
    [
        ((), {}, f"no profile given; choose from {', '.join(map(repr, [*PROFILES, *ALIASES]))}"),
        (("file", "flie"), {}, "'flie' given; choose from"),
        (("file",), {"streams": "finest"}, "streams='finest'; choose from 'security', 'functions', 'split'"),
        (("file",), {"text": "xml"}, "text='xml'; choose from 'verbose', 'simple', 'located', 'pipe', 'line'"),
        (("syslog",), {"syslog": "http://h"}, "not a syslog address: 'http://h'"),
    ],
)
def test_wrong_argument(profiles: tuple[str, ...], options: dict[str, Any], message: str) -> None:
    """What does not exist is refused, with the choice there is."""
    with pytest.raises(ValueError, match=message):
        build_logging(*profiles, **options)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {"console": None}),
        ({"SECURITY_LOGGING_PROFILE": "console, json"}, {"console": None, "json": "/var/log/django/security.json"}),
        ({"LOG_FILE_PATH": "/data/log"}, {"file": "/data/log/security.log"}),
        ({"LOG_FILE_PATH": "/data/log/shop.log"}, {"file": "/data/log/shop.log"}),
        ({"LOG_FILE_PATH": "/data/shop.log", "SECURITY_LOGGING_PROFILE": "json"}, {"json": "/data/security.json"}),
    ],
)
def test_environment(variables: dict[str, str], expected: dict[str, str | None]) -> None:
    """The environment chooses profiles and files."""
    handlers = build_logging_from_environment({**variables, "SECURITY_LOGGING_STREAMS": "security"})["handlers"]
    ours = {name: handler for name, handler in handlers.items() if name != "mail_admins"}
    found = {name.removeprefix("security_"): handler.get("filename") for name, handler in ours.items()}
    assert found == expected


def test_environment_wins() -> None:
    """What the environment says wins over the arguments, which are defaults."""
    variables = {"SECURITY_LOGGING_SITE": "shop", "SECURITY_LOGGING_ENVIRONMENT": "stage"}
    config = build_logging_from_environment(variables, env="prod", directory="/data")
    described = config["filters"]["security_context"]
    assert (described["service"], described["env"]) == ("shop", "stage")


def test_environment_directory() -> None:
    """The directory of the arguments is taken where the environment names none."""
    config = build_logging_from_environment({"SECURITY_LOGGING_PROFILE": "file"}, directory="/data")
    assert config["handlers"]["security_file"]["filename"] == "/data/security.log"


def test_wrong_environment() -> None:
    """A wrong variable is named."""
    with pytest.raises(ValueError, match=r"'flie' given.*environment variables SECURITY_LOGGING_PROFILE"):
        build_logging_from_environment({"SECURITY_LOGGING_PROFILE": "flie"})


def test_settings_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ready settings module offers LOGGING and nothing else."""
    monkeypatch.setenv("SECURITY_LOGGING_PROFILE", "json")
    names: dict[str, Any] = {}
    sys.modules.pop("security_logging.settings", None)
    exec("from security_logging.settings import *", names)  # noqa: S102 (it is how a project does it)
    assert [name for name in names if name != "__builtins__"] == ["LOGGING"]


def combinations() -> list[dict[str, Any]]:
    """Return the arguments of every combination of profiles, and every preset and format."""
    chosen = [
        {"profiles": list(names)} for count in range(1, len(PROFILES) + 1)
        for names in itertools.combinations(PROFILES, count)
    ]  # fmt: skip
    presets = [{"profiles": ["file", "json", "syslog"], "streams": name} for name in PRESETS]
    formats = [{"profiles": ["file"], "text": name} for name in TEXT_FORMATS]
    return [*chosen, *presets, *formats, {"profiles": ["file"], "rate_limit": 10, "rotate_bytes": 10**6}]


_CONFIGURE = """
import json, logging, logging.config, sys, django
from security_logging.logging_config import build_logging
django.setup()
directory, combinations = json.loads(sys.stdin.read())
for options in combinations:
    profiles = options.pop("profiles")
    logging.config.dictConfig(build_logging(*profiles, directory=directory, syslog=f"{directory}/log", **options))
    print(len(logging.getLogger("security").handlers))
logging.config.dictConfig({"version": 1})
"""


def test_every_combination(tmp_path: Path) -> None:
    """Python's logging takes every combination of profiles, every preset and format, and opens nothing for it."""
    wanted = combinations()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CONFIGURE],
        input=json.dumps([str(tmp_path), wanted]),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.stderr, [int(line) for line in run.stdout.split()]) == ("", [len(each["profiles"]) for each in wanted])
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
