"""System checks for a project that sends to CloudWatch: registered by the handler and run by the command."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from security_logging.checks.messages import as_message
from security_logging.checks.problem import Problem, error, warning
from security_logging.cloudwatch import directory, names
from security_logging.conf import PREFIX, conf

# What each check means, by its id. Ids are never reused.
DECLARED = {
    "E401": "SECURITY_LOGGING_CLOUDWATCH_LOG_GROUP does not make a name that CloudWatch accepts.",
    "E402": "SECURITY_LOGGING_CLOUDWATCH_LOG_STREAM has a placeholder that does not exist.",
    "E403": "A SECURITY_LOGGING_CLOUDWATCH_* setting is not a usable number.",
    "E404": "The package boto3 or watchtower is not installed.",
    "E405": "SECURITY_LOGGING_CLOUDWATCH_DIRECTORY cannot be used.",
    "E406": "A SECURITY_LOGGING_CLOUDWATCH_* setting is not a usable text.",
    "W401": "Long-lived AWS keys are in the settings.",
    "W402": "Events that wait for CloudWatch are in a directory that a reboot may empty.",
    "W403": "LOGGING uses watchtower itself, so Django does not start when AWS does not answer.",
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
    checks = (_names(), _numbers(), _texts(), _packages(), _directory(), _keys(), _raw_watchtower())
    return [as_message(problem) for found in checks for problem in found]


def _names() -> Iterator[Problem]:
    try:
        names.log_group()
    except (ValueError, LookupError, TypeError, AttributeError):
        fix = 'Write e.g. "/{site}/{env}/security"; letters, digits and . - _ / # are allowed.'
        yield _wrong("E401", "CLOUDWATCH_LOG_GROUP", "does not make the name of a log group", fix)
    try:
        names.log_stream("security.auth")
    except (ValueError, LookupError, TypeError, AttributeError):
        fix = f'Write e.g. "{{host}}/{{function}}"; the placeholders are {_PLACEHOLDERS}.'
        yield _wrong("E402", "CLOUDWATCH_LOG_STREAM", "has an unknown placeholder", fix)


def _numbers() -> Iterator[Problem]:
    for name in (*_POSITIVE, "CLOUDWATCH_HEARTBEAT"):
        value = getattr(conf, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or value < 0 or (value == 0 and name in _POSITIVE):
            fix = "Write a positive number." if name in _POSITIVE else "Write 0 or a positive number."
            yield _wrong("E403", name, "is not a usable number", fix)


def _texts() -> Iterator[Problem]:
    for name, (pattern, fix) in _TEXTS.items():
        value = getattr(conf, name)
        if value not in (None, "") and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            yield _wrong("E406", name, "is not a usable text", fix)
    if not _is_path(conf.CLOUDWATCH_FILE):
        yield _wrong("E406", "CLOUDWATCH_FILE", "is not a path", 'Write e.g. "/var/log/django/security.json".')


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike) and str(value) != ""


def _packages() -> Iterator[Problem]:
    missing = [name for name in ("boto3", "watchtower") if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        fix = "Run pip install 'django-security-logging[cloudwatch]'; until then all events wait on disk."
        yield error("E404", f"{' and '.join(missing)} {verb} not installed.", fix)


def _directory() -> Iterator[Problem]:
    if conf.CLOUDWATCH_DIRECTORY and not _is_path(conf.CLOUDWATCH_DIRECTORY):
        yield _wrong("E405", "CLOUDWATCH_DIRECTORY", "is not a path", "Write e.g. /var/lib/django-security-logging.")
        return
    where = directory.location()
    if where.exists() or where.is_symlink():
        try:
            directory.directory()
        except OSError as problem:
            fix = "Give it to the user that runs the site, with mode 0700."
            yield _wrong("E405", "CLOUDWATCH_DIRECTORY", f"cannot be used ({problem})", fix)
    if where.is_relative_to(tempfile.gettempdir()):
        message = f"Events that wait for CloudWatch are kept in {where}, which a reboot may empty."
        yield warning("W402", message, f"Set {PREFIX}CLOUDWATCH_DIRECTORY, e.g. to /var/lib/django-security-logging.")


def _keys() -> Iterator[Problem]:
    if getattr(settings, "AWS_SECRET_ACCESS_KEY", None) and not getattr(settings, "AWS_SESSION_TOKEN", None):
        message = "The setting AWS_SECRET_ACCESS_KEY is a key that does not expire."
        fix = "Give the server a role with the policy of `security_cloudwatch policy writer`, and remove the key."
        yield warning("W401", message, fix)


def _raw_watchtower() -> Iterator[Problem]:
    handlers = (getattr(settings, "LOGGING", None) or {}).get("handlers", {})
    for name, handler in handlers.items():
        if str(handler.get("class", "")).startswith("watchtower."):
            message = f"The handler {name!r} in LOGGING is watchtower's own, so Django does not start without AWS."
            fix = 'Write "class": "security_logging.cloudwatch.CloudWatchHandler", without arguments.'
            yield warning("W403", message, fix)


def _wrong(problem_id: str, name: str, what: str, fix: str) -> Problem:
    return error(problem_id, f"{PREFIX}{name} {what}: {getattr(conf, name)!r}.", fix)
