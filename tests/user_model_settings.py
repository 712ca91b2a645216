"""Settings of a project whose user model is the one that AUTH_USER_MODEL in the environment names."""

from __future__ import annotations

import os

SECRET_KEY = "for tests only"
AUTH_USER_MODEL = os.environ["AUTH_USER_MODEL"]
INSTALLED_APPS = ["django.contrib.contenttypes", *os.environ["APPS"].split(), "security_logging"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LOGGING = {
    "version": 1,
    "formatters": {"bare": {"()": "security_logging.formatters.SecurityLineFormatter", "bare": True}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "bare", "stream": "ext://sys.stdout"}},
    "loggers": {"security": {"handlers": ["out"], "level": "DEBUG"}, "security_logging": {"handlers": ["out"]}},
}
