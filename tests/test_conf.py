"""The settings: each declared once, and read where it is used."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from django.test import override_settings

from security_logging.conf import PREFIX, Setting, Settings, conf, declared

every_setting = pytest.mark.parametrize("setting", declared().values(), ids=declared())


@every_setting
def test_declaration(setting: Setting[Any]) -> None:
    """A setting has the name of its attribute, says its type, and what it means in sentences."""
    attribute = setting.name.removeprefix(PREFIX)
    assert getattr(Settings, attribute) is setting
    assert re.fullmatch("[A-Z][A-Z_]+", attribute)
    assert setting.type_name
    assert re.fullmatch(r"[A-Z].+\.", setting.meaning)


@every_setting
def test_default(setting: Setting[Any]) -> None:
    """Where the project says nothing, there is the default."""
    assert getattr(conf, setting.name.removeprefix(PREFIX)) == setting.default


@every_setting
def test_value_of_the_project(setting: Setting[Any], settings: Any) -> None:
    """What the project says wins, whatever it is."""
    value = object()
    setattr(settings, setting.name, value)
    assert getattr(conf, setting.name.removeprefix(PREFIX)) is value


@every_setting
def test_default_cannot_be_changed_by_accident(setting: Setting[Any]) -> None:
    """A default that is a list would be shared by everybody who reads it."""
    assert not isinstance(setting.default, list | set)


def test_value_is_kept() -> None:
    """Django's settings are asked once."""
    kept = Settings()
    assert [kept.LOGGER_NAME, vars(kept)] == ["security", {"LOGGER_NAME": "security"}]


def test_override() -> None:
    """A test may change a setting for a while."""
    assert conf.LOGGER_NAME == "security"
    with override_settings(SECURITY_LOGGING_LOGGER_NAME="audit"):
        assert conf.LOGGER_NAME == "audit"
    assert conf.LOGGER_NAME == "security"


def test_deleted_setting(settings: Any) -> None:
    """A setting that a test deletes has its default again."""
    settings.SECURITY_LOGGING_LOGGER_NAME = "audit"
    del settings.SECURITY_LOGGING_LOGGER_NAME
    assert conf.LOGGER_NAME == "security"


def test_all_are_declared() -> None:
    """The list of settings is in the order of their declaration and holds full names."""
    assert next(iter(declared())) == "SECURITY_LOGGING_LOGGER_NAME"
    assert list(declared()) == [setting.name for setting in declared().values()]


def test_unknown_setting() -> None:
    """A setting that is not declared is no attribute."""
    with pytest.raises(AttributeError):
        conf.COFFEE  # type: ignore[attr-defined]  # noqa: B018 (asking is the test)


_CONFIGURED_BY_HAND = """
from django.conf import settings
settings.configure(SECURITY_LOGGING_LOGGER_NAME="audit")
from security_logging.conf import conf
print(conf.LOGGER_NAME, conf.TRUSTED_PROXIES)
"""


def test_settings_that_are_configured_by_hand() -> None:
    """A script without a settings module may configure Django itself."""
    run = subprocess.run(
        [sys.executable, "-c", _CONFIGURED_BY_HAND], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "audit ()\n"
