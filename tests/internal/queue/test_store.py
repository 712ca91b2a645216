"""What a process keeps on disk: written, read, removed when it is delivered, and inherited."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from security_logging.internal import errors
from security_logging.internal.queue import store as stores
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.spool import SpoolFile
from security_logging.internal.queue.store import Store

MEGABYTE = 1024 * 1024


def message(text: str, timestamp: int = 1) -> Message:
    """Return a message."""
    return Message("", timestamp, text)


def texts(store: Store) -> list[str]:
    """Return what waits in the store."""
    chunk = store.chunk()
    return [found.text for found in chunk.messages] if chunk else []


def deliver(store: Store, *unsent: Message) -> None:
    """Note that all but the unsent messages is delivered."""
    chunk = store.chunk()
    assert chunk is not None
    store.advance(chunk, unsent)


def made(directory: Path) -> Path:
    """Return the directory, which is made where it is missing."""
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of the store."""
    return tmp_path / "spools"


@pytest.fixture
def store(directory: Path) -> Store:
    """Return a store with room for a megabyte, which makes its directory as often as is needed."""
    return Store(lambda: made(directory), MEGABYTE)


def test_keep(store: Store) -> None:
    """What is kept waits, with the time of the oldest."""
    store.keep([message("a", 7), message("b", 8)])
    assert (texts(store), store.waiting, store.oldest) == (["a", "b"], 2, 7)
    store.close()


def test_delivered(store: Store, directory: Path) -> None:
    """A spool that is delivered is gone at once, not only when its process ends."""
    store.keep([message("a")])
    deliver(store)
    assert (list(directory.iterdir()), store.waiting, store.oldest) == ([], 0, None)


def test_delivered_in_part(store: Store) -> None:
    """What was not sent waits on, and what was does not come back."""
    store.keep([message("a"), message("b", 9)])
    deliver(store, message("b", 9))
    assert (texts(store), store.waiting, store.oldest) == (["b"], 1, 9)
    store.close()


def test_delivered_in_part_on_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was delivered of a chunk is not sent again when the disk has no room to set the rest of it aside."""
    sent, unsent = message("sent"), message("unsent")
    store.keep([sent, unsent])

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fail)
        deliver(store, unsent)
    assert (texts(store), store.waiting) == (["unsent"], 1)
    deliver(store)
    assert (texts(store), store.waiting) == ([], 0)


def test_full(directory: Path, store: Store) -> None:
    """What does not fit is refused."""
    store.keep([message("a")])
    full = Store(lambda: directory, 10)
    with pytest.raises(OSError, match="the spool is full"):
        full.keep([message("b")])
    store.close()


def test_directory_that_is_removed(store: Store, directory: Path) -> None:
    """A directory that is removed under a living process is made again, with what waited in it."""
    store.keep([message("a")])
    shutil.rmtree(directory)
    store.keep([message("b")])
    assert [path.read_text().count("\n") for path in directory.iterdir()] == [2]
    assert (texts(store), store.waiting) == (["a", "b"], 2)
    store.close()


def test_directory_that_is_removed_while_nothing_comes(store: Store, directory: Path) -> None:
    """It is made again without a new message, too."""
    store.keep([message("a")])
    shutil.rmtree(directory)
    store.make_sure()
    store.make_sure()
    assert len(list(directory.iterdir())) == 1
    store.close()


def test_directory_that_is_removed_during_a_delivery(directory: Path) -> None:
    """A chunk that is under way while the spool moves to a new file takes nothing with it but itself."""
    given = [f"{number} {'x' * 500_000}" for number in range(6)]
    store = Store(lambda: made(directory), 4 * MEGABYTE)
    for text in given:  # a chunk of about a megabyte holds two of them
        store.keep([message(text)])
    delivered = texts(store)
    deliver(store)
    chunk = store.chunk()
    assert chunk is not None
    shutil.rmtree(directory)
    store.make_sure()
    store.advance(chunk, [])
    delivered += [found.text for found in chunk.messages]
    assert delivered + texts(store) == given
    store.close()


def test_directory_that_cannot_be_made_again(store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new file has no room, what waits can be delivered from the old one still."""
    store.keep([message("a")])
    shutil.rmtree(directory)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpoolFile, "append_lines", full)
    with pytest.raises(OSError, match="No space"):
        store.make_sure()
    assert (texts(store), list(directory.iterdir())) == (["a"], [])
    store.abandon()


def test_directory_in_which_nothing_can_be_removed(
    directory: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivered spool that cannot be removed is left empty: no process delivers it again."""
    store.keep([message("once")])

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "the directory belongs to another user by now")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError):
        deliver(store)
    heir = Store(lambda: directory, MEGABYTE)
    assert [orphan.chunk() for orphan in heir.orphans()] == [None]


def test_orphan(store: Store, directory: Path) -> None:
    """The spool of a process that is gone is found, and is gone when it is delivered."""
    leave(directory, "a")
    for orphan in store.orphans():
        chunk = orphan.chunk()
        assert chunk is not None
        orphan.advance(chunk.length)
    assert list(directory.iterdir()) == []


def test_orphan_that_is_not_delivered(store: Store, directory: Path) -> None:
    """A spool of another process that cannot be delivered now stays."""
    leave(directory, "a")
    found = [orphan.path for orphan in store.orphans()]
    assert list(directory.iterdir()) == found


def test_pause_between_looks(store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spools of other processes are looked for every 30 seconds at most."""
    leave(directory, "a")
    looks = [len(list(store.orphans())) for _ in range(2)]
    monkeypatch.setattr(stores, "_ORPHAN_INTERVAL", 0)
    store._next_look = 0
    assert (looks, len(list(store.orphans()))) == ([1, 0], 1)


def leave(directory: Path, text: str) -> None:
    """Leave the spool of a process that is gone."""
    directory.mkdir(exist_ok=True)
    orphan = SpoolFile.create(directory)
    orphan.append([message(text)])
    orphan.close()


def test_no_directory(caplog: pytest.LogCaptureFixture) -> None:
    """Without a place on disk nothing is kept; dead letters and orphans raise nothing and are reported."""
    errors._reported.clear()

    def broken() -> Path:
        raise PermissionError("no")

    store = Store(broken, MEGABYTE)
    with pytest.raises(PermissionError):
        store.keep([message("a")])
    kept = store.refuse([(message("b"), "bad")])
    assert (kept, list(store.orphans()), len(caplog.records)) == (0, [], 2)


def test_refuse(store: Store, directory: Path) -> None:
    """What the destination refuses is put aside."""
    assert (store.refuse([(message("a"), "bad")]), store.refuse([])) == (1, 0)
    assert "bad" in (directory / "refused.jsonl").read_text()


def test_close_with_messages(store: Store, directory: Path) -> None:
    """A spool in which something waits is left for the next process."""
    store.keep([message("a")])
    store.close()
    store.close()
    adopted = SpoolFile.adopt(next(directory.iterdir()))
    assert adopted is not None
    adopted.remove()


def test_close_on_a_read_only_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool that cannot be read any more raises nothing at the end, and its descriptor is closed."""
    store.keep([message("a")])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a generator would be one of them)

    def broken(*_: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(SpoolFile, "is_empty", property(broken))
    store.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1  # noqa: PTH208 (the same)


def test_nothing_to_do(store: Store, directory: Path) -> None:
    """Where nothing waits no file is made."""
    store.make_sure()
    store.abandon()
    store.close()
    assert (store.chunk(), directory.exists()) == (None, False)
