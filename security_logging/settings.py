"""
Take LOGGING from the environment: `from security_logging.settings import *` in your settings.

`build_logging_from_environment` reads the variables once, when this module is imported. You are looking for the
settings SECURITY_LOGGING_*? They are declared in `security_logging/conf.py`, and docs/settings.md lists them.
"""

from __future__ import annotations

from security_logging.logging_config import build_logging_from_environment

__all__ = ["LOGGING"]

LOGGING = build_logging_from_environment()
