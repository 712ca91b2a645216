"""
Settings of Harbour in production: behind nginx on the same machine, with HTTPS only.

Values that differ between machines are environment variables HARBOUR_...; their defaults are safe.
To try the site without nginx:  HARBOUR_DEBUG=on HARBOUR_HTTPS=off python example_project/manage.py runserver
"""

from __future__ import annotations

from pathlib import Path

import django

from example import environment
from security_logging.logging_config import build_logging

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(environment.text("DATA", str(PROJECT / "data")))  # database, secret key and collected files
LOG_DIRECTORY = Path(environment.text("LOG_DIRECTORY", str(DATA / "log")))
LOG_DIRECTORY.mkdir(parents=True, exist_ok=True)

DEBUG = environment.flag("DEBUG", default=False)
SECRET_KEY = environment.secret_from(DATA / "secret_key")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "example",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "security_logging",
]

MIDDLEWARE = [
    "security_logging.middleware.SecurityLoggingMiddleware",  # first, so that it sees every request
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# ---- django-security-logging needs these two statements -------------------------------------------------------------

# The proxies whose X-Forwarded-For is trusted: nginx on this machine. Without a trusted proxy the header is ignored,
# since an attacker could name any address in it.
SECURITY_LOGGING_TRUSTED_PROXIES = environment.words("TRUSTED_PROXIES", "127.0.0.1/32,::1/128,unix:")

# systemd's journal keeps "console"; "file" is <directory>/security.log, which Fail2ban reads.
LOGGING = build_logging("console", "file", directory=str(LOG_DIRECTORY))

# For CloudWatch, "json" writes <directory>/security.json, and `manage.py security_cloudwatch ship --follow` sends it.
if environment.flag("CLOUDWATCH", default=False):
    LOGGING = build_logging("console", "file", "json", directory=str(LOG_DIRECTORY))
    SECURITY_LOGGING_CLOUDWATCH_SITE = "harbour"
    SECURITY_LOGGING_CLOUDWATCH_FILE = LOG_DIRECTORY / "security.json"
    SECURITY_LOGGING_CLOUDWATCH_DIRECTORY = DATA / "cloudwatch"

# ---------------------------------------------------------------------------------------------------------------------

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.BasicAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# HTTPS ends at nginx, which says so in X-Forwarded-Proto and removes what a client wrote there (deploy/).
HTTPS = environment.flag("HTTPS", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0  # one year
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"  # filled by collectstatic, served by nginx

_MAIL = environment.text("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": _MAIL}}
else:
    EMAIL_BACKEND = _MAIL
DEFAULT_FROM_EMAIL = environment.text("FROM_EMAIL", "harbour@example.org")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
