"""Settings of the site: the test site's, with what a section of docs/proxies.md says and a log of its own."""

from __future__ import annotations

import os

from security_logging.logging_config import build_logging
from testsite.settings import *  # noqa: F403  # the test site, behind another front

ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "proxied_site.urls"
AUTHENTICATION_BACKENDS = ["proxied_site.nobody.NobodyBackend"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
LOGGING = build_logging("file", directory=os.environ["TEST_DIRECTORY"])

exec(os.environ["TEST_SETTINGS"])  # noqa: S102 (our own page)
