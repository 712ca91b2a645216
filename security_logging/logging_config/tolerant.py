"""Configuring logging without failing over a key that a handler does not know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from logging.config import dictConfig
from logging.handlers import QueueHandler
from typing import Any

from django.utils.module_loading import import_string

_HANDLER = ("class", "()", "level", "formatter", "filters", ".")
_QUEUE = ("handlers", "listener", "respect_handler_level")  # what dictConfig itself takes from Python 3.12 on


def configure(logging: Mapping[str, Any]) -> None:
    """
    Configure logging as `logging.config.dictConfig` does, without the keys that a handler does not know.

    For LOGGING_CONFIG. Python refuses such a key when Django is set up, before any check can run, and does not say
    where it stands; so it is left out, and the system check E302 names it.
    """
    handlers = {name: _without_unknown(handler) for name, handler in logging.get("handlers", {}).items()}
    dictConfig({**logging, "handlers": handlers})


def keys_of(handler: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys that a handler may have, None when it takes any or its class cannot be looked at."""
    factory = handler.get("()", handler.get("class"))
    try:
        made_by: Any = import_string(factory) if isinstance(factory, str) else factory
        parameters = inspect.signature(made_by).parameters.values()
    except (ImportError, TypeError, ValueError):  # TypeError: nothing that can be called
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    of_queue = _QUEUE if isinstance(made_by, type) and issubclass(made_by, QueueHandler) else ()
    return (*_HANDLER, *of_queue, *(parameter.name for parameter in parameters))


def _without_unknown(handler: Any) -> Any:
    known = keys_of(handler) if isinstance(handler, Mapping) else None
    return handler if known is None else {key: value for key, value in handler.items() if key in known}
