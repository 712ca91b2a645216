"""Ready-made logging configurations: one call in settings.py returns Django's whole LOGGING."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROFILES = ("console", "file", "json")
DEFAULT_DIRECTORY = "/var/log/django"
TEXT_FILE, JSON_FILE = "security.log", "security.json"


def build_logging(
    *profiles: str,
    directory: str | os.PathLike[str] = DEFAULT_DIRECTORY,
    site: str = "",
    env: str = "",
    logger_name: str = "security",
    level: str = "INFO",
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Return a LOGGING dictionary that writes the security events in each of the profiles.

    `console` is a coloured terminal, `file` the lines that Fail2ban reads in `security.log`, `json` ECS JSON lines in
    `security.json`, both below `directory`. `site` and `env` become `service.name` and `service.environment` in JSON.
    `logger_name` must equal SECURITY_LOGGING_LOGGER_NAME. `base` is the project's own dictionary; it is copied, its
    handlers and loggers stay, and where it configures the security logger already, ours are added to it. Raises
    ValueError for an unknown profile or none. Nothing is opened or created here.
    """
    unknown = [name for name in profiles if name not in PROFILES]
    if unknown or not profiles:
        wrong = repr(unknown[0]) if unknown else "no profile"
        raise ValueError(f"build_logging: {wrong} given; choose from {', '.join(map(repr, PROFILES))}.")
    config = _copy(base or {"version": 1, "disable_existing_loggers": False})
    config.setdefault("version", 1)
    config.setdefault("disable_existing_loggers", False)
    for profile in profiles:
        handler, formatter = _parts(profile, Path(directory), site, env)
        config.setdefault("formatters", {})[f"security_{profile}"] = formatter
        config.setdefault("handlers", {})[f"security_{profile}"] = handler
    logger = config.setdefault("loggers", {}).setdefault(logger_name, {"level": level, "propagate": False})
    logger["handlers"] = [*logger.get("handlers", []), *(f"security_{profile}" for profile in profiles)]
    return config


def _parts(profile: str, directory: Path, site: str, env: str) -> tuple[dict[str, Any], dict[str, Any]]:
    formatter: dict[str, Any] = {"()": "security_logging.formatters.SecurityLineFormatter"}
    handler: dict[str, Any] = {"class": "security_logging.handlers.SecurityFileHandler"}
    if profile == "console":
        formatter = {"()": "security_logging.formatters.ConsoleFormatter"}
        handler = {"class": "logging.StreamHandler"}
    elif profile == "file":
        handler["filename"] = str(directory / TEXT_FILE)
    else:
        formatter = {"()": "security_logging.formatters.ECSFormatter", "service": site, "environment": env}
        handler["filename"] = str(directory / JSON_FILE)
    return {**handler, "formatter": f"security_{profile}"}, formatter


def _copy(base: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the mappings and lists of a configuration; classes, filters and other objects in it are shared."""
    return {key: _copied(value) for key, value in base.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copy(value)
    return list(value) if isinstance(value, list | tuple) else value
