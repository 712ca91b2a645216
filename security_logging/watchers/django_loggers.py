"""The records of Django's own loggers, read whatever the project's LOGGING makes of them."""

from __future__ import annotations

import logging

from security_logging.watchers.refusals import REQUEST_LOGGER, SECURITY_LOGGER, log_record

# What we set so that warnings pass. Both work like WARNING and False, and show later whether other code changed them.
_OPENED = logging.WARNING - 1
_ENABLED = 0


def connect() -> None:
    """
    Listen to Django's records of requests and of security; doing it twice listens once.

    Called when Django starts and again when the server has, since a server may configure logging in between. Makes
    no logger before its time: one that exists is disabled by a configuration that says disable_existing_loggers.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        is_ours = name == REQUEST_LOGGER or name.startswith(f"{SECURITY_LOGGER}.")
        if is_ours and isinstance(logger, logging.Logger):
            _listen(logger)
    security = logging.getLogger(SECURITY_LOGGER)
    if not any(isinstance(handler, _Latecomers) for handler in security.handlers):
        security.addHandler(_Latecomers())


class _Listener(logging.Filter):
    """
    Hear each record of one logger, before its handlers and whether or not it has any.

    A filter and no handler: it hears a logger that does not propagate, and a handler of ours would keep Python from
    printing warnings without a handler. A logger that the project has closed - disabled, or set to a level above
    WARNING - is opened for us; what the project did not want to see goes no further.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._level = logger.level

    def open(self) -> None:
        """Let warnings pass."""
        if self._logger.disabled:
            self._logger.disabled = _ENABLED  # type: ignore[assignment]  # false, but not False
        if self._logger.getEffectiveLevel() > logging.WARNING:
            self._level = self._logger.level
            self._logger.setLevel(_OPENED)

    def filter(self, record: logging.LogRecord) -> bool:
        """Log what the record stands for, and return whether the project wants the record too."""
        log_record(record)
        return self._logger.disabled is False and record.levelno >= self._wanted_level()

    def _wanted_level(self) -> int:
        if self._logger.level != _OPENED:
            return logging.NOTSET  # the logger itself has decided
        parent = self._logger.parent
        return self._level or (logging.NOTSET if parent is None else parent.getEffectiveLevel())


class _Latecomers(logging.Handler):
    """Listen to the loggers that did not exist when we began: Django names one after each exception it refuses."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log what the record stands for, if no other listener has logged it."""
        logger = logging.getLogger(record.name)
        if not any(isinstance(heard, _Listener) for heard in logger.filters):
            log_record(record)
        if logging.lastResort is not None and self._is_alone(logger) and record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)  # as Python would, were we not here

    def _is_alone(self, logger: logging.Logger | None) -> bool:
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


def _listen(logger: logging.Logger) -> None:
    listener = next((known for known in logger.filters if isinstance(known, _Listener)), None)
    if listener is None:
        listener = _Listener(logger)
        logger.filters.insert(0, listener)  # before a filter of the project's that drops the record
    listener.open()
