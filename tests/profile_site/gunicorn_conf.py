"""The configuration file of gunicorn."""

from __future__ import annotations

from profile_site.options import configured
from security_logging.logging_config import gunicorn_logging

logconfig_dict = configured(gunicorn_logging)
