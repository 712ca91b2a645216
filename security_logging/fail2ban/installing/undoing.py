"""Files written so that each can be taken back: the old one stays beside it until all is done."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from types import FrameType

from security_logging.fail2ban.installing.changes import Change

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Undoing:
    """What was done so far, and how to take it back."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.kept: list[Path] = []
        self._undo: list[Callable[[], object]] = []
        self._last: list[Callable[[], object]] = []
        self._spare: list[Path] = []

    def write(self, change: Change) -> None:
        """Replace the file in one step; a full disk leaves the old one."""
        path = change.path
        self.make_directory(path.parent)
        if change.old is None:
            self.undo_with(lambda: path.unlink(missing_ok=True))
        else:
            copy = _beside(path)
            self.undo_with(lambda: copy.replace(path))
            os.link(path, copy, follow_symlinks=False)  # the very file, with its owner and mode
            (self.kept if change.is_edited else self._spare).append(copy)
        _replace(change)

    def make_directory(self, path: Path, mode: int = 0o755) -> bool:
        """Make a directory and those above it; tell whether it was not there."""
        if path.is_dir():
            return False
        self.make_directory(path.parent)
        path.mkdir()
        self.undo_with(path.rmdir)
        path.chmod(mode)
        return True

    def undo_with(self, step: Callable[[], object]) -> None:
        """Remember how to take back what is done next."""
        self._undo.append(step)

    def at_last(self, step: Callable[[], object]) -> None:
        """Remember what to do after everything was taken back."""
        self._last.append(step)

    def take_back(self) -> None:
        """Undo everything, the last first; what cannot be undone does not keep the rest."""
        for step in (*reversed(self._undo), *self._last):
            with suppress(OSError):
                step()

    def finish(self) -> None:
        """Remove the old files, but for those that somebody had edited."""
        for path in self._spare:
            path.unlink(missing_ok=True)


@contextmanager
def undoing() -> Iterator[Undoing]:
    """Yield what remembers how to undo; whatever ends the block, Ctrl-C, a hangup or SIGTERM too, undoes it."""
    done = Undoing()
    before = {number: signal.getsignal(number) for number in _ENDING}
    try:
        _handle(_end)
        try:
            yield done
        except BaseException:
            _handle(signal.SIG_IGN)  # impatience must not leave half of it
            done.take_back()
            raise
        done.finish()
    finally:
        for number, handler in before.items():
            with suppress(ValueError):
                signal.signal(number, handler)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    with suppress(ValueError):  # not in the main thread, which alone gets signals
        for number in _ENDING:
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _beside(path: Path) -> Path:
    """Return a name that Fail2ban does not read, and that no file has."""
    name = f"{path.name}.{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    return next(free for number in count(1) if not os.path.lexists(free := path.with_name(f"{name}{_more(number)}~")))


def _more(number: int) -> str:
    return "" if number == 1 else f"-{number}"


def _replace(change: Change) -> None:
    new = change.path.with_name(f"{change.path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(change.new.encode("utf-8", "surrogateescape"))
        if change.mode is None:
            shutil.copymode(change.path, new)
            owner = change.path.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        else:
            new.chmod(change.mode)
        new.replace(change.path)
    finally:
        new.unlink(missing_ok=True)
