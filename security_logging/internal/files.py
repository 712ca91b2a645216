"""
Opening files as root without following another user's link.

A user who may write to a directory decides what the names in it mean. Where the log lies below a directory of the
site's user, that user can put a link in its place and let root create, change or append to another file. So root walks
a path by directory descriptors, one name after the other, and follows a link only where root alone can have made it.
Other users open paths as usual: the kernel lets them do no more than they may anyway.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none of these, and no root
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_LINKS = 40  # that are followed in one path, as the kernel does
_TRIES = 10  # while others create and remove the file
_OTHERS = stat.S_IWGRP | stat.S_IWOTH  # an access control list shows up as the group's rights

Make = Callable[[int, str, bool], None]


class UntrustedPathError(OSError):
    """Root does not open the path, because another user decides where it leads; the message says what to write."""

    def __init__(self, message: str) -> None:
        """Take the message."""
        super().__init__(errno.ELOOP, message)

    def __str__(self) -> str:
        """Return the message without a number."""
        return str(self.strerror)


@dataclass
class Place:
    """
    A name in a directory that is held open by its descriptor; the caller closes `directory`.

    `is_roots`: only root can change the directory and those that lead to it. `is_kernels`: the name is a link of /proc,
    such as /proc/self/fd/1, that stands for an open file and not for a path.
    """

    directory: int
    name: str
    is_roots: bool
    is_kernels: bool = False

    def stat(self) -> os.stat_result:
        """Return what the name stands for; a link stands for itself."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def exists(self) -> bool:
        """Return whether there is anything of this name, a link that leads nowhere too."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Close the directory."""
        os.close(self.directory)


def is_root() -> bool:
    """Return whether this process may do what other users may not."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def find(path: str | os.PathLike[str], make: Make | None = None) -> Place:
    """
    Walk to the directory of the path and return the place of its last name, which is not a link when this is root.

    `make(directory, name, is_last)` is called to make a missing directory. Raises UntrustedPathError for a link that
    root does not follow, FileNotFoundError for a directory that is missing.
    """
    walk = _Walk(os.path.abspath(path), make)  # noqa: PTH100 (resolve() would follow links)
    try:
        return walk.run()
    except BaseException:
        os.close(walk.here)
        raise


def open_file(path: str | os.PathLike[str], flags: int, mode: int = 0o640, like: os.stat_result | None = None) -> int:
    """
    Open a file as `os.open` does; as root follow no other user's link, and leave a new file to those who write there.

    A file that root creates gets owner, group and mode of `like`, the file that had this name before, or owner and
    group of its directory: the site must be able to go on with a log that root wrote first. Raises UntrustedPathError.
    """
    if not is_root():
        return os.open(path, flags, mode)
    place = find(path)
    try:
        return _open_at(place, os.fspath(path), flags, mode, like)
    finally:
        place.close()


def open_to_read(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading; never wait for the writer of a pipe. Raises OSError, for a directory too."""
    descriptor = open_file(path, os.O_RDONLY | _NONBLOCK | getattr(os, "O_BINARY", 0))
    try:
        if _NONBLOCK:
            os.set_blocking(descriptor, True)  # a pipe that is being written, e.g. standard input, is read to its end
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_file(path: str | os.PathLike[str], data: bytes, mode: int = 0o644) -> None:
    """Write a file in one step, with the directories above it; who may not read it never can, not even meanwhile."""
    place = find(path, lambda directory, name, is_last: os.mkdir(name, 0o755, dir_fd=directory))
    try:
        replace_at(place, data, mode)
    finally:
        place.close()


def replace_at(place: Place, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Put a new file in the place in one step; `owner` is user and group in numbers, None for this process's."""
    new = f"{place.name}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=place.directory)
    try:
        with os.fdopen(os.open(new, flags, 0o600, dir_fd=place.directory), "wb") as file:
            file.write(data)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
        os.replace(new, place.name, src_dir_fd=place.directory, dst_dir_fd=place.directory)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=place.directory)


def is_roots_alone(path: str | os.PathLike[str]) -> bool:
    """Return whether only root can change the directory and those above it; False where it is missing."""
    try:
        place = find(Path(path) / "_")
    except OSError:
        return False
    place.close()
    return place.is_roots


def is_roots_by_mistake(path: Path) -> bool:
    """
    Return whether only root can write a file of a site that another user runs, as its directory shows.

    Raises OSError when it cannot be looked at.
    """
    found, directory = path.stat(), path.parent.stat()
    is_of_others = bool(directory.st_uid or (directory.st_mode & stat.S_IWGRP and directory.st_gid))
    return is_of_others and not found.st_uid and not found.st_mode & stat.S_IWGRP


class _Walk:
    """One walk along a path; `here` is the directory reached so far."""

    def __init__(self, path: str, make: Make | None) -> None:
        self.path = path
        self.make = make
        self.names = [name for name in path.split("/") if name]
        self.here = os.open("/", _DIRECTORY)
        self.real = Path("/")
        self.is_roots = _is_roots(self.here)
        self.links = 0

    def run(self) -> Place:
        while self.names:
            name = self.names.pop(0)
            if name in ("", "."):
                continue
            if is_root() and self._is_link(name):
                if self._is_kernels(name):
                    if not self.names:
                        return Place(self.here, name, self.is_roots, is_kernels=True)
                    self._enter(os.open(name, _DIRECTORY & ~_NOFOLLOW, dir_fd=self.here), name)
                    self.is_roots = False  # where it leads, others may decide
                else:
                    self._follow(name)
            elif not self.names and name != "..":
                return Place(self.here, name, self.is_roots)
            else:
                self._enter(self._open(name), name)
        return Place(self.here, ".", self.is_roots)

    def _is_link(self, name: str) -> bool:
        try:
            found = os.stat(name, dir_fd=self.here, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return stat.S_ISLNK(found.st_mode)

    def _is_kernels(self, name: str) -> bool:
        """Return whether the link is one of /proc that stands for an open file; its text need not be a path."""
        try:
            is_proc = os.fstat(self.here).st_dev == Path("/proc/self").stat().st_dev
        except FileNotFoundError:
            return False
        return is_proc and self.real != Path("/proc") and self.is_roots

    def _follow(self, name: str) -> None:
        found = os.stat(name, dir_fd=self.here, follow_symlinks=False)
        target = os.readlink(name, dir_fd=self.here)
        self.links += 1
        if found.st_uid or not self.is_roots:
            raise UntrustedPathError(
                f"{self.real / name} is a link to {target}, and others than root can change it, so root "
                f"does not follow it; if it leads where you want, write {os.path.realpath(self.path)}"
            )
        if self.links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
        if target.startswith("/"):
            self._enter(os.open("/", _DIRECTORY), "/")
        self.names[:0] = target.split("/")

    def _open(self, name: str) -> int:
        flags = _DIRECTORY if is_root() else _DIRECTORY & ~_NOFOLLOW
        try:
            return os.open(name, flags, dir_fd=self.here)
        except FileNotFoundError:
            if self.make is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.real / name)) from None
        self.make(self.here, name, len(self.names) == 1)
        return os.open(name, _DIRECTORY, dir_fd=self.here)

    def _enter(self, directory: int, name: str) -> None:
        os.close(self.here)
        self.here = directory
        self.real = self.real.parent if name == ".." else self.real / name
        self.is_roots = self.is_roots and _is_roots(directory)


def _is_roots(directory: int) -> bool:
    found = os.fstat(directory)
    return found.st_uid == 0 and not found.st_mode & _OTHERS


def _open_at(place: Place, path: str, flags: int, mode: int, like: os.stat_result | None) -> int:
    if place.is_kernels:
        return os.open(place.name, flags & ~os.O_CREAT, dir_fd=place.directory)
    for _ in range(_TRIES):
        with suppress(FileExistsError):
            if flags & os.O_CREAT and not place.exists():
                return _create(place, flags, mode, like)
        try:
            descriptor = _open_existing(place, flags)
        except FileNotFoundError:
            if flags & os.O_CREAT:
                continue
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from None
        if descriptor >= 0:
            return descriptor
    raise UntrustedPathError(
        f"{path} is a file with a second name (a hard link), or is replaced again and again; root does not open it in "
        "a directory of another user"
    )


def _open_existing(place: Place, flags: int) -> int:
    """Return the descriptor of the file in the place, -1 when others may have led us to another one."""
    existing = (flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)) | _NOFOLLOW
    descriptor = os.open(place.name, existing, dir_fd=place.directory)
    if not place.is_roots and not _has_one_name(place, descriptor):
        os.close(descriptor)
        return -1
    if flags & os.O_TRUNC:
        os.ftruncate(descriptor, 0)  # only now that it is known to be the right file
    return descriptor


def _create(place: Place, flags: int, mode: int, like: os.stat_result | None) -> int:
    descriptor = os.open(place.name, flags | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600, dir_fd=place.directory)
    directory = os.fstat(place.directory)
    owner = like or directory
    if like is not None:
        mode = stat.S_IMODE(like.st_mode) & 0o666
    elif not directory.st_uid and directory.st_mode & stat.S_IWGRP:
        mode |= 0o060  # the site is one of the group
    with suppress(OSError):  # a file system without owners, or a container without that right
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    with suppress(OSError):
        os.fchmod(descriptor, mode)
    return descriptor


def _has_one_name(place: Place, descriptor: int) -> bool:
    """
    Return whether the open file has this name and no other.

    A user may give root's file a second name where the kernel allows it (fs.protected_hardlinks = 0). Asked again at
    the end, because the name may go while we ask.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return True
    before = os.fstat(descriptor)
    try:
        named = place.stat()
    except FileNotFoundError:
        return False
    after = os.fstat(descriptor)
    return os.path.samestat(named, before) and {before.st_nlink, named.st_nlink, after.st_nlink} == {1}
