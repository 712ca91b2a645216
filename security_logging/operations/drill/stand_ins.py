"""Stand-ins for what a rehearsal must not touch: the project's databases, caches and log handlers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from django.apps import apps
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper

from security_logging.conf import conf


@contextmanager
def databases() -> Iterator[None]:
    """Let every database be an empty one in memory, with the tables that SQLite can make of the models."""
    with ExitStack() as stack:
        for alias in list(connections):
            stack.callback(connections.__setitem__, alias, connections[alias])
            connections[alias] = stand_in = _database(alias)
            # SQLite's own close() keeps a database in memory open, and Python would complain of the leak.
            stack.callback(BaseDatabaseWrapper.close, stand_in)
            _make_tables(stand_in)
        yield


@contextmanager
def all_caches() -> Iterator[None]:
    """Let every cache be an empty one in memory."""
    with ExitStack() as stack:
        for alias in list(caches):
            stack.callback(caches.__setitem__, alias, caches[alias])
            caches[alias] = LocMemCache(f"security-drill-{alias}", {})
            stack.callback(caches[alias].clear)
        yield


@contextmanager
def handlers(*own: logging.Handler, others: logging.Handler) -> Iterator[None]:
    """Let security events go to our own handlers alone, and everything else to `others`."""
    security = logging.getLogger(conf.LOGGER_NAME)
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    with ExitStack() as stack:
        for logger in (logging.root, security, *known):
            stack.callback(_restore, logger, vars(logger).copy(), list(logger.handlers))
            logger.handlers, logger.propagate, logger.disabled = [], True, False
            logger.setLevel(logging.NOTSET)
        logging.root.addHandler(others)
        logging.root.setLevel(logging.INFO)
        security.propagate = False
        for handler in own:
            security.addHandler(handler)
            stack.callback(handler.close)
        stack.callback(others.close)
        yield


def _restore(logger: logging.Logger, state: dict[str, Any], kept: list[logging.Handler]) -> None:
    logger.handlers, logger.propagate, logger.disabled = kept, state["propagate"], state["disabled"]
    logger.setLevel(state["level"])


def _database(alias: str) -> DatabaseWrapper:
    described = connections.configure_settings(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )
    return DatabaseWrapper(described["default"], alias)


def _make_tables(connection: DatabaseWrapper) -> None:
    """Make the models' tables; one that only another database could make is not needed for a failed login."""
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            with suppress(Exception), connection.schema_editor() as editor:
                editor.create_model(model)
