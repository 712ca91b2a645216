"""Files written so that each can be taken back: the old one stays beside it until all is done."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from types import FrameType

from security_logging.fail2ban.installing.changes import Change
from security_logging.internal.files import Place, UntrustedPathError, find, replace_at

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Undoing:
    """What was done so far, and how to take it back; every directory stays open until the end, whatever its name."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.kept: list[Path] = []
        self._undo: list[Callable[[], object]] = []
        self._last: list[Callable[[], object]] = []
        self._spare: list[Callable[[], object]] = []
        self._places: list[Place] = []

    def write(self, change: Change) -> None:
        """Replace the file in one step; a full disk leaves the old one."""
        place = self.place(change.path)
        name, here = place.name, place.directory
        if change.old is None:
            self.undo_with(lambda: os.unlink(name, dir_fd=here))
        else:
            copy = _beside(place)
            self.undo_with(lambda: os.replace(copy, name, src_dir_fd=here, dst_dir_fd=here))
            # The very file, with its owner and mode.
            os.link(name, copy, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
            if change.is_edited:
                self.kept.append(change.path.with_name(copy))
            else:
                self._spare.append(lambda: os.unlink(copy, dir_fd=here))
        _replace(place, change)

    def place(self, path: Path, mode: int = 0o755, owner: tuple[int, int] = (-1, -1)) -> Place:
        """
        Return the place of a file, and make the directories above it that are missing.

        `mode` and `owner`, user and group in numbers with -1 for this process's, are those of a directory that the file
        lies in. Raises UntrustedPathError when this is root and another user's link leads there.
        """

        def make(parent: int, name: str, is_last: bool) -> None:
            self._make_directory(parent, name, mode if is_last else 0o755, owner if is_last else (-1, -1))

        found = find(path, make)
        self._places.append(found)
        return found

    def _make_directory(self, parent: int, name: str, mode: int, owner: tuple[int, int]) -> None:
        above = os.dup(parent)
        self._places.append(Place(above, name, is_roots=False))
        os.mkdir(name, 0o700, dir_fd=above)
        self.undo_with(lambda: os.rmdir(name, dir_fd=above))
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        try:
            if os.fstat(made).st_uid != os.geteuid() or os.listdir(made):  # noqa: PTH208 (of a descriptor)
                raise UntrustedPathError(f"the new directory {name} was replaced by another one")
            os.fchown(made, *owner)
            os.fchmod(made, mode)
        finally:
            os.close(made)

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
        """Remove the old files, except those that were edited."""
        for remove in self._spare:
            with suppress(FileNotFoundError):
                remove()

    def close(self) -> None:
        """Close the directories."""
        for place in self._places:
            place.close()


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
        done.close()
        for number, handler in before.items():
            with suppress(ValueError):
                signal.signal(number, handler)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    with suppress(ValueError):  # not in the main thread, which alone gets signals
        for number in _ENDING:
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _beside(place: Place) -> str:
    """Return a name that Fail2ban does not read, and that no file has."""
    name = f"{place.name}.{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    names = (f"{name}{_more(number)}~" for number in count(1))
    return next(free for free in names if not replace(place, name=free).exists())


def _more(number: int) -> str:
    return "" if number == 1 else f"-{number}"


def _replace(place: Place, change: Change) -> None:
    data = change.new.encode("utf-8", "surrogateescape")
    if change.mode is None:
        found = place.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedPathError(f"{change.path} is no file any more")
        replace_at(place, data, stat.S_IMODE(found.st_mode) & 0o777, (found.st_uid, found.st_gid))
    else:
        replace_at(place, data, change.mode)
