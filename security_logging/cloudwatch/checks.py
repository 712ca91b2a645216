"""System checks for a project that sends to CloudWatch: registered by the handler and run by the command."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  # Django's name

from security_logging.cloudwatch import directory, names
from security_logging.conf import PREFIX, conf

# Id: what it says. Ids are never reused.
DECLARED = {
    "E401": "SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP gives no name that CloudWatch takes.",
    "E402": "SECURITY_LOGGING_CLOUDWATCH_LOG_STREAM has a placeholder that does not exist.",
    "E403": "A SECURITY_LOGGING_CLOUDWATCH_* number cannot be used.",
    "E404": "boto3 or watchtower is not installed.",
    "E405": "SECURITY_LOGGING_CLOUDWATCH_DIRECTORY cannot be used.",
    "E406": "A SECURITY_LOGGING_CLOUDWATCH_* text cannot be used.",
    "W401": "Long-lived AWS keys are in the settings.",
    "W402": "Events that wait for CloudWatch are kept where a reboot may delete them.",
    "W403": "LOGGING uses watchtower itself, which stops Django when AWS does not answer.",
}
_POSITIVE = ("CLOUDWATCH_SPOOL_LIMIT", "CLOUDWATCH_QUEUE_LIMIT", "CLOUDWATCH_INTERVAL")
_TEXTS = {
    "CLOUDWATCH_SITE": (".+", 'Write a name, e.g. "shop".'),
    "CLOUDWATCH_ENVIRONMENT": (".+", 'Write a name, e.g. "production".'),
    "CLOUDWATCH_REGION": ("[a-z]+(-[a-z0-9]+)+", 'Write a region, e.g. "eu-central-1".'),
    "CLOUDWATCH_ENDPOINT_URL": ("https?://.+", 'Write a URL, e.g. "http://127.0.0.1:5000".'),
}
_PLACEHOLDERS = ", ".join(f"{{{name}}}" for name in names.PLACEHOLDERS)


def register_checks() -> None:
    """Register the checks with Django; doing it twice registers them once."""
    register(check_cloudwatch, Tags.security)


def check_cloudwatch(app_configs: object = None, **kwargs: Any) -> list[CheckMessage]:
    """Check what concerns CloudWatch."""
    return [*_names(), *_numbers(), *_texts(), *_packages(), *_directory(), *_keys(), *_raw_watchtower()]


def _names() -> Iterator[CheckMessage]:
    try:
        names.log_group()
    except (ValueError, LookupError, TypeError, AttributeError):
        hint = 'Write e.g. "/{site}/{env}/security"; letters, digits and . - _ / # are allowed.'
        yield _error("E401", f"{_named('CLOUDWATCH_LOG_GROUP')} gives no name of a log group", hint)
    try:
        names.log_stream("security.auth")
    except (ValueError, LookupError, TypeError, AttributeError):
        hint = f'Write e.g. "{{host}}/{{function}}"; there are {_PLACEHOLDERS}.'
        yield _error("E402", f"{_named('CLOUDWATCH_LOG_STREAM')} cannot be filled in", hint)


def _numbers() -> Iterator[CheckMessage]:
    for name in (*_POSITIVE, "CLOUDWATCH_HEARTBEAT"):
        value = getattr(conf, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or value < 0 or (value == 0 and name in _POSITIVE):
            yield _error("E403", f"{_named(name)} is no number that can be used", "Write a positive number.")


def _texts() -> Iterator[CheckMessage]:
    for name, (pattern, hint) in _TEXTS.items():
        value = getattr(conf, name)
        if value not in (None, "") and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            yield _error("E406", f"{_named(name)} cannot be used", hint)
    if not _is_path(conf.CLOUDWATCH_FILE):
        yield _error("E406", f"{_named('CLOUDWATCH_FILE')} is no path", 'Write e.g. "/var/log/django/security.json".')


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike) and str(value) != ""


def _packages() -> Iterator[CheckMessage]:
    missing = [name for name in ("boto3", "watchtower") if importlib.util.find_spec(name) is None]
    if missing:
        hint = "Run pip install 'django-security-logging[cloudwatch]'; until then all events wait on disk."
        yield Error(f"{' and '.join(missing)} not installed.", hint=hint, id="security_logging.E404")


def _directory() -> Iterator[CheckMessage]:
    if conf.CLOUDWATCH_DIRECTORY and not _is_path(conf.CLOUDWATCH_DIRECTORY):
        hint = "Write e.g. /var/lib/django-security-logging."
        yield _error("E405", f"{_named('CLOUDWATCH_DIRECTORY')} is no path", hint)
        return
    where = directory.location()
    if where.exists() or where.is_symlink():
        try:
            directory.directory()
        except OSError as error:
            hint = "Give it to the user of the site with mode 0700."
            yield _error("E405", f"{_named('CLOUDWATCH_DIRECTORY')} cannot be used: {error}", hint)
    if where.is_relative_to(tempfile.gettempdir()):
        yield Warning(
            f"Events that wait for CloudWatch are kept in {where}, which a reboot may empty.",
            hint=f"Set {PREFIX}CLOUDWATCH_DIRECTORY, e.g. to /var/lib/django-security-logging.",
            id="security_logging.W402",
        )


def _keys() -> Iterator[CheckMessage]:
    if getattr(settings, "AWS_SECRET_ACCESS_KEY", None) and not getattr(settings, "AWS_SESSION_TOKEN", None):
        yield Warning(
            "The setting AWS_SECRET_ACCESS_KEY holds a key that does not expire.",
            hint="Give the server a role, with the policy of security_cloudwatch policy writer, and remove the keys.",
            id="security_logging.W401",
        )


def _raw_watchtower() -> Iterator[CheckMessage]:
    handlers = (getattr(settings, "LOGGING", None) or {}).get("handlers", {})
    for name, handler in handlers.items():
        if str(handler.get("class", "")).startswith("watchtower."):
            yield Warning(
                f"The handler {name!r} in LOGGING is watchtower itself: it keeps Django from starting.",
                hint='Write "class": "security_logging.cloudwatch.CloudWatchHandler", without arguments.',
                id="security_logging.W403",
            )


def _named(name: str) -> str:
    return f"{PREFIX}{name} = {getattr(conf, name)!r}"


def _error(identity: str, message: str, hint: str) -> CheckMessage:
    return Error(f"{message}.", hint=hint, id=f"security_logging.{identity}")
