"""Formatters: the security line, ECS JSON, text formats and a coloured console."""

from __future__ import annotations

from security_logging.formatters.security import ConsoleFormatter, ECSFormatter, SecurityLineFormatter
from security_logging.formatters.text import TEXT_FORMATS, PipeFormatter, TextFormatter

__all__ = [
    "TEXT_FORMATS",
    "ConsoleFormatter",
    "ECSFormatter",
    "PipeFormatter",
    "SecurityLineFormatter",
    "TextFormatter",
]
