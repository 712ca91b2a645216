"""Settings of a site that logs failed logins in the way that the environment variable VARIANT names."""

from __future__ import annotations

import os
from pathlib import Path

VARIANT = os.environ["VARIANT"]
DIRECTORY = Path(os.environ["BENCHMARK_DIRECTORY"])

SECRET_KEY = "for the benchmark only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "login_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one would hide everything else
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / f"{VARIANT}.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {"init_command": "PRAGMA journal_mode=wal;"},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"], "level": "INFO"},
}

if VARIANT in ("ours", "ours_middleware"):
    from security_logging.logging_config import build_logging

    INSTALLED_APPS.append("security_logging")
    LOGGING = build_logging("file", directory=DIRECTORY, base=LOGGING)
if VARIANT == "ours_middleware":
    MIDDLEWARE.insert(0, "security_logging.middleware.SecurityLoggingMiddleware")
if VARIANT.startswith("axes"):
    INSTALLED_APPS.append("axes")
    MIDDLEWARE.append("axes.middleware.AxesMiddleware")
    AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
    AXES_FAILURE_LIMIT = 10**9  # each attempt is to be recorded, none refused
    if VARIANT == "axes_cache":
        AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
if VARIANT == "defender":
    INSTALLED_APPS.append("defender")
    MIDDLEWARE.append("defender.middleware.FailedLoginMiddleware")
    DEFENDER_LOGIN_FAILURE_LIMIT = 10**9
    DEFENDER_REDIS_URL = os.environ["BENCHMARK_REDIS"]
if VARIANT == "easyaudit":
    INSTALLED_APPS.append("easyaudit")
    MIDDLEWARE.append("easyaudit.middleware.easyaudit.EasyAuditMiddleware")
