"""Settings of a site that logs to CloudWatch; the environment says where that is and how the events get there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from testsite.settings import *  # noqa: F403  # the test site, with another way of logging

AWS_ACCESS_KEY_ID = os.environ.get("TEST_ACCESS_KEY", "")
AWS_SECRET_ACCESS_KEY = os.environ.get("TEST_SECRET_KEY", "")
AWS_REGION = "eu-central-1"
SECURITY_LOGGING_CLOUDWATCH_SITE = "shop"
SECURITY_LOGGING_CLOUDWATCH_ENVIRONMENT = "test"
SECURITY_LOGGING_CLOUDWATCH_ENDPOINT_URL = os.environ["TEST_ENDPOINT"]
SECURITY_LOGGING_CLOUDWATCH_DIRECTORY = os.environ["TEST_DIRECTORY"]
SECURITY_LOGGING_CLOUDWATCH_INTERVAL = float(os.environ.get("TEST_INTERVAL", "0.1"))
SECURITY_LOGGING_CLOUDWATCH_FILE = str(Path(os.environ["TEST_DIRECTORY"]) / "security.json")

HANDLERS: dict[str, dict[str, Any]] = {
    "guarded": {"class": "security_logging.cloudwatch.CloudWatchHandler"},
    "raw": {
        "class": "watchtower.CloudWatchLogHandler",
        "log_group_name": "/shop/test/security",
        "create_log_group": "TEST_CREATE_GROUP" in os.environ,
        "formatter": "ecs",
    },
    "file": {
        "class": "security_logging.handlers.SecurityFileHandler",
        "filename": SECURITY_LOGGING_CLOUDWATCH_FILE,
        "formatter": "ecs",
    },
    "syslog": {
        "class": "security_logging.handlers.SyslogHandler",
        "address": f"tcp://127.0.0.1:{os.environ.get('TEST_SYSLOG', '514')}",
    },
    "none": {"class": "logging.NullHandler"},
}
HANDLER = os.environ.get("TEST_HANDLER", "guarded")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ecs": {"()": "security_logging.formatters.ECSFormatter"}},
    "handlers": {"sink": HANDLERS[HANDLER]},
    "loggers": {"security": {"handlers": ["sink"], "level": "INFO"}},
}
if os.environ.get("TEST_ROOT_DEBUG"):
    LOGGING["root"] = {"handlers": ["sink"], "level": "DEBUG"}
