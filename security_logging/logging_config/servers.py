"""Configurations for gunicorn and uvicorn, so that they log in the form and to the files of the site."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from security_logging.internal.queue import heartbeat
from security_logging.logging_config.build import build_logging, build_logging_from_environment
from security_logging.logging_config.profiles import PROFILES, STREAM_HANDLER, handler_name

_GUNICORN = ("gunicorn.error", "gunicorn.access")
_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
# The processes of a server read no settings of Django.
_LEFT_OUT = ("mail_admins", *(handler_name(name) for name, profile in PROFILES.items() if profile.needs_django))


def gunicorn_logging(*profiles: str, **options: Any) -> dict[str, Any]:
    """
    Return the `logconfig_dict` for gunicorn.conf.py; it logs accesses too.

    The arguments are those of `build_logging`; without profiles it reads the environment. It is used by gunicorn's own
    process, which reads no settings and so sends nothing to CloudWatch. In a worker LOGGING replaces it as soon as
    Django is set up.
    """
    return _config(_GUNICORN, profiles, options)


def post_worker_init(worker: object) -> None:
    """
    Begin the heartbeats of a worker of gunicorn when it starts, not only at its first request.

    It is gunicorn's hook of that name: importing it in gunicorn.conf.py is all.
    """
    heartbeat.begin()


def uvicorn_logging(*profiles: str, **options: Any) -> dict[str, Any]:
    """
    Return the `log_config` for `uvicorn.run()`; it logs accesses too.

    The arguments are those of `build_logging`; without profiles it reads the environment. In each process that uses
    this configuration SIGTERM becomes an ordinary exit, so that records which wait for a log server are still sent.
    """
    config = _config(_UVICORN, profiles, options)
    config["filters"]["security_exit"] = {"()": "security_logging.logging_config.exit_at_sigterm"}
    return config


def exit_at_sigterm() -> logging.Filter:
    """
    Make SIGTERM end this process as `sys.exit()` does, unless it has a handler already; return a filter for dictConfig.

    Uvicorn closes its connections and raises the signal again, which would kill the process before its queues are sent.
    A second SIGTERM kills the process at once.
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
    for name in _LEFT_OUT:
        config["handlers"].pop(name, None)
    config["filters"].pop("require_debug_false", None)
    handlers = [name for name in known.get("handlers", ()) if name in config["handlers"]] or [_add_console(config)]
    config["loggers"] = {name: {"level": "INFO", "propagate": False, "handlers": list(handlers)} for name in loggers}
    config["root"] = {"level": "WARNING", "handlers": list(handlers)}
    return config


def _add_console(config: dict[str, Any]) -> str:
    config["formatters"]["security_console"] = {"()": "security_logging.formatters.ConsoleFormatter"}
    config["handlers"]["security_console"] = {"class": STREAM_HANDLER, "formatter": "security_console"}
    return "security_console"
