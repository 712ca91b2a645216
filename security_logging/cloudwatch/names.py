"""The names of log group and log stream, from the templates in the settings."""

from __future__ import annotations

import platform
import re

from django.conf import settings

from security_logging.conf import conf

PLACEHOLDERS = ("site", "env", "host", "function")
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")  # CreateLogGroup
_NOT_STREAM = re.compile(r"[:*]")  # CreateLogStream


def log_group() -> str:
    """Return the name of the log group; raises ValueError when CloudWatch would refuse it."""
    name = conf.CLOUDWATCH_LOG_GROUP.format(site=site(), env=environment())
    if not _GROUP.fullmatch(name):
        raise ValueError(f"not the name of a log group: {name!r}")
    return name


def log_stream(logger_name: str) -> str:
    """
    Return the name of the log stream for a logger.

    One stream for each function of the loggers - security, django, ... - and host: CloudWatch takes parallel writers,
    so a process id would only leave thousands of streams behind.
    """
    function = logger_name.partition(".")[0]
    name = conf.CLOUDWATCH_LOG_STREAM.format(site=site(), env=environment(), host=platform.node(), function=function)
    return _NOT_STREAM.sub("_", name)[:512]


def site() -> str:
    """Return what {site} stands for."""
    return conf.CLOUDWATCH_SITE or str(getattr(settings, "ROOT_URLCONF", "")).partition(".")[0] or "django"


def environment() -> str:
    """Return what {env} stands for."""
    return conf.CLOUDWATCH_ENVIRONMENT or ("development" if settings.DEBUG else "production")
