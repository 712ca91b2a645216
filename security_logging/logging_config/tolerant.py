"""Configure logging although a handler has a key that its class does not know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from logging.config import dictConfig
from logging.handlers import QueueHandler
from typing import Any

from django.utils.module_loading import import_string

_HANDLER = ("class", "()", "level", "formatter", "filters", ".")
_QUEUE = ("handlers", "listener", "respect_handler_level")  # keys that dictConfig itself handles since Python 3.12


def configure(logging: Mapping[str, Any]) -> None:
    """
    Configure logging as `logging.config.dictConfig` does, but leave out keys that a handler does not know.

    Use it as LOGGING_CONFIG. Python refuses such a key while Django is set up, before any system check can run, and
    does not say where the key is. With this function the site starts, and the system check E302 names the key.
    """
    handlers = {name: _without_unknown(handler) for name, handler in logging.get("handlers", {}).items()}
    dictConfig({**logging, "handlers": handlers})


def keys_of(handler: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys that a handler may have, or None if it takes any key or its class has no signature."""
    factory = handler.get("()", handler.get("class"))
    try:
        made_by: Any = import_string(factory) if isinstance(factory, str) else factory
        parameters = inspect.signature(made_by).parameters.values()
    except (ImportError, TypeError, ValueError):  # TypeError: it cannot be called
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    of_queue = _QUEUE if isinstance(made_by, type) and issubclass(made_by, QueueHandler) else ()
    return (*_HANDLER, *of_queue, *(parameter.name for parameter in parameters))


def _without_unknown(handler: Any) -> Any:
    known = keys_of(handler) if isinstance(handler, Mapping) else None
    return handler if known is None else {key: value for key, value in handler.items() if key in known}
