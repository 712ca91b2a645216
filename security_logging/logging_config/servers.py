"""The logs of gunicorn and uvicorn, in the same form and files as the site's own."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from security_logging.logging_config.build import build_logging, build_logging_from_environment

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

    The arguments are those of `build_logging`; without profiles the environment decides. In each process that takes
    this configuration SIGTERM becomes an ordinary exit, so that what waits for a log server is still sent.
    """
    config = _config(_UVICORN, profiles, options)
    config["filters"]["security_exit"] = {"()": "security_logging.logging_config.exit_at_sigterm"}
    return config


def exit_at_sigterm() -> logging.Filter:
    """
    Let SIGTERM end this process as `sys.exit()` does, unless somebody handles it; return a filter, for dictConfig.

    Uvicorn closes its connections and then raises the signal again, which would kill the process before any queue in it
    is sent. A second SIGTERM kills it at once.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)
    return logging.Filter()


def _exit(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    sys.exit()


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
