"""Ready-made logging configurations: one call in settings.py returns Django's whole LOGGING."""

from __future__ import annotations

from security_logging.logging_config.build import build_logging, build_logging_from_environment
from security_logging.logging_config.servers import (
    exit_at_sigterm,
    gunicorn_logging,
    post_worker_init,
    uvicorn_logging,
)
from security_logging.logging_config.tolerant import configure

__all__ = [
    "build_logging",
    "build_logging_from_environment",
    "configure",
    "exit_at_sigterm",
    "gunicorn_logging",
    "post_worker_init",
    "uvicorn_logging",
]
