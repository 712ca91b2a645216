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
    process; in a worker LOGGING takes over as soon as Django is set up.
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
    known = config["loggers"].get(prefix) or config["root"]
    handlers = list(known["handlers"])
    # No mail from here: Django's handler for it needs the settings, which the server itself does not load.
    config["handlers"].pop("mail_admins", None)
    config["filters"].pop("require_debug_false", None)
    config["loggers"] = {name: {"level": "INFO", "propagate": False, "handlers": list(handlers)} for name in loggers}
    return config
