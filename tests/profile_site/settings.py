"""Settings of a site whose logging the environment chooses."""

from __future__ import annotations

import os

from profile_site.options import configured
from security_logging.logging_config import build_logging
from testsite.settings import *  # noqa: F403  # the test site, with another way of logging

ROOT_URLCONF = "profile_site.urls"
LOGGING = configured(build_logging)

AWS_ACCESS_KEY_ID = AWS_SECRET_ACCESS_KEY = "testing"
AWS_REGION = "eu-central-1"
SECURITY_LOGGING_CLOUDWATCH_SITE = "shop"
SECURITY_LOGGING_CLOUDWATCH_ENDPOINT_URL = os.environ.get("TEST_ENDPOINT")
SECURITY_LOGGING_CLOUDWATCH_DIRECTORY = os.environ["TEST_DIRECTORY"]
SECURITY_LOGGING_CLOUDWATCH_INTERVAL = float(os.environ.get("TEST_INTERVAL", "0.1"))
