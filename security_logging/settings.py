"""
Settings for a site that is configured by its environment: `from security_logging.settings import *`.

LOGGING comes from SECURITY_LOGGING_PROFILE, LOG_FILE_PATH and the other variables that
`logging_config.build_logging_from_environment` reads, once, when this module is imported.
"""

from __future__ import annotations

from security_logging.logging_config.build import build_logging_from_environment

__all__ = ["LOGGING"]

LOGGING = build_logging_from_environment()
