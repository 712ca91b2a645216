"""The logs of gunicorn and uvicorn, in the same form and files as the site's own."""

from __future__ import annotations

from typing import Any

from security_logging.logging_config import build_logging, build_logging_from_environment

_GUNICORN = ("gunicorn.error", "gunicorn.access")
_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


def gunicorn_logging(*profiles: str, **options: Any) -> dict[str, Any]:
    """
    Return the `logconfig_dict` for gunicorn.conf.py; it logs accesses too.

    The arguments are those of `build_logging`; without profiles the environment decides. It serves gunicorn's own
    process, which forks and therefore sends nothing to CloudWatch; in a worker LOGGING takes over as soon as Django is
    set up.
    """
    return _config(_GUNICORN, profiles, options)


def uvicorn_logging(*profiles: str, **options: Any) -> dict[str, Any]:
    """
    Return the `log_config` for `uvicorn.run()`; it logs accesses too.

    The arguments are those of `build_logging`; without profiles the environment decides.
    """
    return _config(_UVICORN, profiles, options)


def _config(loggers: tuple[str, ...], profiles: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    config = build_logging(*profiles, **options) if profiles else build_logging_from_environment(**options)
    prefix = loggers[0].partition(".")[0]
    known = config["loggers"].get(prefix) or config.get("root", {})
    # Neither mail nor CloudWatch from here: both need Django's settings, and what forks should have no thread.
    for name in ("mail_admins", "security_cloudwatch"):
        config["handlers"].pop(name, None)
    config["filters"].pop("require_debug_false", None)
    handlers = [name for name in known.get("handlers", ()) if name in config["handlers"]] or [_add_console(config)]
    config["loggers"] = {name: {"level": "INFO", "propagate": False, "handlers": list(handlers)} for name in loggers}
    config["root"] = {"level": "WARNING", "handlers": list(handlers)}
    return config


def _add_console(config: dict[str, Any]) -> str:
    config["formatters"]["security_console"] = {"()": "security_logging.formatters.ConsoleFormatter"}
    config["handlers"]["security_console"] = {"class": "logging.StreamHandler", "formatter": "security_console"}
    return "security_console"
