"""Turn the signals that end a program into one exception, raised where it can do no harm."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The demo was asked to end."""


class Interrupts:
    """
    Raises `Interrupted` at the first signal; further ones are ignored, because then the cleaning up is under way.

    Signals are handled by functions and never by SIG_IGN, which started programs would inherit.
    """

    def __init__(self) -> None:
        """Leave the signals as they are until `install`."""
        self._held = False
        self._pending = False
        self._over = False

    def install(self) -> None:
        """Take the signals over, for the rest of the program's life."""
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def ignore(self) -> None:
        """Ignore signals from now on."""
        self._over = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Postpone a signal to the end of the block: a process must not be started and then forgotten."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._pending:
                self._raise()

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            self._raise()

    def _raise(self) -> None:
        self._pending = False
        if not self._over:
            self._over = True
            raise Interrupted
