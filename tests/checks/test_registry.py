"""The system checks: each is declared, has a test that provokes it, and says what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from security_logging.checks import addresses, log_file
from security_logging.checks.problem import warning
from security_logging.checks.registry import DECLARED, check_log, check_settings
from security_logging.cloudwatch.checks import DECLARED as DECLARED_FOR_CLOUDWATCH
from security_logging.cloudwatch.checks import check_cloudwatch
from security_logging.conf import declared

TESTS = Path(__file__).parent.parent
PACKAGE = TESTS.parent / "security_logging"

# What provokes each check of the settings: the wrong setting, without its prefix, and its value.
PROVOKING: dict[str, tuple[str, object]] = {
    "E001": ("TRUSTED_PROXIES", ["10.0.0.0/33"]),
    "E002": ("CLIENT_IP_HEADER", "X Forwarded For"),
    "E003": ("CLIENT_IP_RESOLVER", "no.such.function"),
    "E004": ("BANNABLE_NETWORKS", ["10.0.0.0/33"]),
    "E005": ("PROXY_RANGES_FILE", "/no/such/file.json"),
    "E006": ("LOGGER_NAME", ""),
    "E007": ("SURFACE_NAMESPACES", {"api-1.0.0": "API"}),
    "E008": ("TRUSTED_PROXY", ["nginx"]),
    "E009": ("SHARED_PROXIES", ["192.0.2.0/33"]),
    "E010": ("ORIGIN_SECRET", ("X-Origin-Secret", "short")),
    "E101": ("REQUEST_ID_HEADER", "X Request ID"),
    "E102": ("REQUEST_ID_RESPONSE_HEADER", "X Request ID"),
    "E103": ("BAIT_PATHS_ADD", ["no-slash"]),
    "E104": ("BAIT_PATHS_REMOVE", "/wp-login.php"),
    "E105": ("FLOOD_WINDOW", -1),
    "E106": ("PRIOR_FAILURES_WINDOW", "1h"),
    "E107": ("HEARTBEAT", -1),
    "E201": ("EVENTS", {"coffee_made": False}),
    "E202": ("USER_NAMES", "maskd"),
    "E203": ("KNOWN_USERS", "yes"),
    "E204": ("HASH_KEY", 7),
    "W001": ("TRUSTED_PROXIES", ["0.0.0.0/0"]),
    "W002": ("TRUSTED_PROXIES", ["cloudflare"]),
    "W003": ("BANNABLE_NETWORKS", ["8.8.8.0/24"]),
    "W004": ("TRUSTED_PROXIES", ["198.51.100.0/23"]),
    "W005": ("TRUSTED_PROXIES", ["cloudflare"]),
    "W006": ("ORIGIN_SECRET", ("X-Front", "0123456789abcdef")),
    "W103": ("BAIT_PATHS_REMOVE", ["/no/such/bait.php"]),
    "W104": ("FLOOD_LINES", 1),
    "W201": ("EVENTS", {"login_failed": False}),
}
# What is not provoked by one setting, and the tests that provoke it.
ELSEWHERE = {
    "W020": "checks/test_log_file.py",
    "W021": "checks/test_log_file.py",
    "W022": "checks/test_log_file.py",
    "W023": "checks/test_log_file.py",
    "W024": "checks/test_log_file.py",
    "W025": "checks/test_log_file.py",
    "E110": "checks/test_requests.py",
    "W110": "checks/test_hosts.py",
    "W202": "integrations/test_integrations.py",
    "E301": "checks/test_logging_setting.py",
    "E302": "checks/test_logging_setting.py",
    "E303": "checks/test_logging_setting.py",
    "E304": "checks/test_logging_setting.py",
    "W301": "checks/test_logging_setting.py",
    "W302": "checks/test_logging_setting.py",
    "W101": "checks/test_requests.py",
    "W102": "checks/test_requests.py",
}

LEVELS = {"E": "Error", "W": "Warning"}

every_check = pytest.mark.parametrize("number", DECLARED)


class _InTenYears(datetime):
    """A clock on which every published range is old."""

    @classmethod
    def now(cls, tz: Any = None) -> _InTenYears:
        """Return a day in 2036."""
        return cls(2036, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[[str], list[django_checks.CheckMessage]]:
    """Return a function that provokes a check and returns the messages with its id."""

    def found(number: str) -> list[django_checks.CheckMessage]:
        name, value = PROVOKING[number]
        setattr(settings, f"SECURITY_LOGGING_{name}", value)
        if number == "W002":
            monkeypatch.setattr(addresses, "datetime", _InTenYears)
        return [message for message in check_settings() if message.id == f"security_logging.{number}"]

    return found


def test_good_settings() -> None:
    """About the settings of the test project there is nothing to say."""
    assert check_settings() == []


@pytest.mark.parametrize("number", PROVOKING)
def test_provoked(found: Callable[[str], list[django_checks.CheckMessage]], number: str) -> None:
    """A wrong setting is one message, of the level that its id says, which names it and says what to write instead."""
    (message,) = found(number)
    assert type(message).__name__ == LEVELS[number[0]]
    assert message.msg.startswith(f"SECURITY_LOGGING_{PROVOKING[number][0]}")
    assert message.hint


def test_how_a_message_reads(settings: Any) -> None:
    """The message names the entry, what is wrong with it, and its value; the hint says what to write."""
    settings.SECURITY_LOGGING_TRUSTED_PROXIES = ["nginx", "10.0.0.1/8"]
    assert check_settings() == [
        django_checks.Error(
            "SECURITY_LOGGING_TRUSTED_PROXIES[1] is not a CIDR range: '10.0.0.1/8'.",
            hint='Write "10.0.0.0/8", or a single address without "/".',
            id="security_logging.E001",
        )
    ]


@every_check
def test_has_a_test(number: str) -> None:
    """Each declared check is provoked here, or by the tests that are named here."""
    text = (TESTS / ELSEWHERE[number]).read_text("utf-8") if number in ELSEWHERE else ""
    assert number in PROVOKING or f'"{number}"' in text


@pytest.mark.parametrize(("number", "meaning"), [*DECLARED.items(), *DECLARED_FOR_CLOUDWATCH.items()])
def test_declaration(number: str, meaning: str) -> None:
    """An id is a letter and three digits, and what it means is one sentence."""
    assert re.fullmatch(r"[EW]\d{3}", number)
    assert re.fullmatch(r"[A-Z].+\.", meaning)


def _ids_in(path: Path) -> tuple[list[str], set[str]]:
    """Return the ids that a module declares as keys of its DECLARED, and those that it uses."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    declarations: list[ast.expr | None] = []
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            declarations += node.value.keys if getattr(node.targets[0], "id", "") == "DECLARED" else []
    an_id = re.compile(r"[EW]\d{3}")
    ids = [node for node in nodes if isinstance(node, ast.Constant) and an_id.fullmatch(str(node.value))]
    declared_ids = [str(constant.value) for constant in ids if constant in declarations]
    return declared_ids, {str(constant.value) for constant in ids if constant not in declarations}


IDS = [_ids_in(path) for path in PACKAGE.rglob("*.py")]


def test_ids_are_unique() -> None:
    """No id stands for two things, in whatever module it is declared."""
    numbers = [number for declared_ids, _ in IDS for number in declared_ids]
    assert sorted(set(numbers)) == sorted(numbers)
    assert set(DECLARED) <= set(numbers)


def test_what_is_declared_is_used() -> None:
    """No module uses an id that is not declared, and none is declared for nothing."""
    declared_ids = {number for numbers, _ in IDS for number in numbers}
    assert set().union(*(used for _, used in IDS)) == declared_ids


@pytest.mark.parametrize("name", declared())
@pytest.mark.parametrize("value", [None, 5, -1, "", "x", b"x", [], [None], {}, {"x": None}, {1: [2]}, object, 1.5])
def test_any_value(settings: Any, name: str, value: object) -> None:
    """Whatever a setting is set to, the checks go on to the end and say something readable."""
    setattr(settings, name, value)
    assert [message for message in check_settings() if not message.msg.endswith(".")] == []


@pytest.mark.parametrize("name", declared())
def test_every_setting_is_checked(settings: Any, name: str) -> None:
    """No setting can be anything at all."""
    setattr(settings, name, object())
    found = check_cloudwatch() if "_CLOUDWATCH_" in name else check_settings()
    assert [message for message in found if str(message.id).startswith("security_logging.E")]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SECURITY_LOGGING_TRUSTED_PROXY", "Did you mean SECURITY_LOGGING_TRUSTED_PROXIES?"),
        ("SECURITY_LOGGING_LOGER_NAME", "Did you mean SECURITY_LOGGING_LOGGER_NAME?"),
        ("SECURITY_LOGGING_COFFEE_MACHINE_WATER_LEVEL_SENSOR_ON", "The settings are: SECURITY_LOGGING_LOGGER_NAME, "),
    ],
)
def test_unknown_setting(settings: Any, name: str, hint: str) -> None:
    """A setting that does not exist is found, with the one that was probably meant."""
    setattr(settings, name, 1)
    message = check_settings()[0]
    assert message.msg == f"{name} is not a setting of django-security-logging."
    assert str(message.hint).startswith(hint)


@pytest.mark.parametrize("name", ["security_logging_trusted_proxy", "SECURITY_LOGGINGX", "SECURE_LOGGING_X"])
def test_setting_of_somebody_else(settings: Any, name: str) -> None:
    """Settings that do not begin with our prefix are not looked at."""
    setattr(settings, name, 1)
    assert check_settings() == []


@pytest.mark.parametrize("name", ["security", "audit.security", "s"])
def test_good_logger_name(settings: Any, name: str) -> None:
    """Any name of a logger will do."""
    settings.SECURITY_LOGGING_LOGGER_NAME = name
    assert check_settings() == []


@pytest.mark.parametrize("name", ["", ".", ".security", "security.", None, 5])
def test_bad_logger_name(settings: Any, name: object) -> None:
    """What is no name of a logger is found."""
    settings.SECURITY_LOGGING_LOGGER_NAME = name
    assert check_settings() == [
        django_checks.Error(
            f"SECURITY_LOGGING_LOGGER_NAME is not the name of a logger: {name!r}.",
            hint='Write e.g. "security".',
            id="security_logging.E006",
        )
    ]


def test_good_surfaces(settings: Any) -> None:
    """The three surfaces are accepted."""
    settings.SECURITY_LOGGING_SURFACE_NAMESPACES = {"a": "site", "b": "admin", "c": "api"}
    assert check_settings() == []


@pytest.mark.parametrize(
    ("mapping", "message", "hint"),
    [
        ({"a": "API"}, "['a'] is not a surface: 'API'", 'Write "site", "admin" or "api".'),
        ({"a": ["api"]}, "['a'] is not a surface: ['api']", 'Write "site", "admin" or "api".'),
        (["api"], " is not a mapping: ['api']", 'Write e.g. {"api-1.0.0": "api"}.'),
    ],
)
def test_bad_surfaces(settings: Any, mapping: object, message: str, hint: str) -> None:
    """What is no surface is found."""
    settings.SECURITY_LOGGING_SURFACE_NAMESPACES = mapping
    assert check_settings() == [
        django_checks.Error(f"SECURITY_LOGGING_SURFACE_NAMESPACES{message}.", hint=hint, id="security_logging.E007")
    ]


def test_check_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the log is a warning with the same words."""
    monkeypatch.setattr(log_file, "problems", lambda: iter([warning("W020", "It is wrong.", "Put it right.")]))
    assert check_log() == [django_checks.Warning("It is wrong.", hint="Put it right.", id="security_logging.W020")]


def test_check_command(settings: Any) -> None:
    """`manage.py check` runs them."""
    settings.SECURITY_LOGGING_LOGGER_NAME = ""
    with pytest.raises(SystemCheckError, match=re.escape("(security_logging.E006)")):
        call_command("check")


@pytest.mark.parametrize("deploy", [False, True])
def test_log_is_checked_for_deployment(monkeypatch: pytest.MonkeyPatch, deploy: bool) -> None:
    """The log is looked at with `--deploy` only: on a developer's machine there is none."""
    monkeypatch.setattr(log_file, "problems", lambda: iter([warning("W020", "It is wrong.", "Put it right.")]))
    messages = django_checks.run_checks(tags=["security"], include_deployment_checks=deploy)
    assert ("security_logging.W020" in [message.id for message in messages]) is deploy


def test_settings_of_the_test_project() -> None:
    """The other tests here prove something only if that project sets none of ours."""
    assert [name for name in dir(django_settings) if name.startswith("SECURITY_LOGGING_")] == []
