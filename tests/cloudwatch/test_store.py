from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from security_logging.cloudwatch import refused
from security_logging.cloudwatch.batches import LogEvent
from security_logging.cloudwatch.counts import Counts
from security_logging.cloudwatch.sender import Receipt, Sender
from security_logging.cloudwatch.spool import SpoolFile, Waiting
from security_logging.cloudwatch.store import Store
from security_logging.internal import errors

MEGABYTE = 1024 * 1024


def waiting(message: str, timestamp: int = 1) -> Waiting:
    """Return an event that waits."""
    return Waiting("g", "s", LogEvent(timestamp=timestamp, message=message))


class FakeSender(Sender):
    """A sender without a network: it is down when told so, and refuses the message "bad"."""

    def __init__(self, *, up: bool = True) -> None:
        super().__init__(lambda: None)
        self.up = up
        self.got: list[str] = []

    def send(self, group: str, stream: str, events: object) -> Receipt:
        receipt = Receipt()
        for event in list(events):  # type: ignore[call-overload]  # always a list here
            if not self.up:
                receipt.unsent.append(event)
            elif event["message"] == "bad":
                receipt.refused.append((event, "bad"))
            else:
                receipt.sent.append(event)
                self.got.append(event["message"])
        return receipt


@pytest.fixture
def store(directory: Path) -> Store:
    """Return a store with room for a megabyte."""
    return Store(lambda: directory, MEGABYTE, Counts())


def test_keep_and_replay(store: Store) -> None:
    """What was kept is sent later, once."""
    sender = FakeSender()
    store.keep([waiting("a"), waiting("b")])
    store.replay(sender)
    store.replay(sender)
    assert (sender.got, store._counts) == (["a", "b"], Counts(spooled=2, replayed=2))
    store.close()


def test_replay_that_fails(store: Store) -> None:
    """What cannot be sent yet stays."""
    sender = FakeSender(up=False)
    store.keep([waiting("a")])
    store.replay(sender)
    sender.up = True
    store.replay(sender)
    assert sender.got == ["a"]
    store.close()


def test_replay_of_a_refused_event(store: Store, directory: Path) -> None:
    """An event that is refused when it is replayed is put aside, and the rest is sent."""
    sender = FakeSender()
    store.keep([waiting("bad"), waiting("a")])
    store.replay(sender)
    assert (sender.got, refused.count(directory), store._counts.rejected) == (["a"], 1, 1)
    store.close()


def test_events_of_a_dead_process(store: Store, directory: Path) -> None:
    """A process replays what another one left, and removes its file."""
    orphan = SpoolFile.create(directory)
    orphan.append([waiting("a")])
    orphan.close()
    sender = FakeSender()
    store.replay(sender)
    assert (sender.got, list(directory.iterdir())) == (["a"], [])


def test_orphan_that_cannot_be_replayed(store: Store, directory: Path) -> None:
    """What a dead process left stays on disk while CloudWatch is down."""
    orphan = SpoolFile.create(directory)
    orphan.append([waiting("a")])
    orphan.close()
    store.replay(FakeSender(up=False))
    assert [path.name for path in directory.iterdir()] == [orphan.path.name]


def read_once_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next read fail, and no other."""
    pread = os.pread

    def fail(*_: int) -> bytes:
        monkeypatch.setattr(os, "pread", pread)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)


def test_replay_with_a_read_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool that cannot be read now is read again the next time."""
    sender = FakeSender()
    store.keep([waiting("a")])
    read_once_badly(monkeypatch)
    store.replay(sender)
    store.replay(sender)
    assert (sender.got, store._counts.replayed) == (["a"], 1)
    store.close()


def test_orphan_with_a_read_error(store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool of another process that cannot be read is let go, and those behind it are replayed."""
    for message in ("a", "b"):
        orphan = SpoolFile.create(directory)
        orphan.append([waiting(message)])
        orphan.close()
    sender = FakeSender()
    read_once_badly(monkeypatch)
    store.replay(sender)
    after_one = len(sender.got)
    store._next_look = 0
    store.replay(sender)
    assert (after_one, sorted(sender.got), list(directory.iterdir())) == (1, ["a", "b"], [])


def test_full(directory: Path) -> None:
    """What does not fit into the spool is counted as dropped."""
    store = Store(lambda: directory, 10, Counts())
    store.keep([waiting("a")])
    store.keep([waiting("b"), waiting("c")])
    assert store._counts == Counts(spooled=1, dropped=2)
    store.close()


def test_no_directory(caplog: pytest.LogCaptureFixture) -> None:
    """Without a place on disk the events are dropped, counted and reported; nothing is raised."""
    errors._reported.clear()

    def broken() -> Path:
        raise PermissionError("no")

    store = Store(broken, MEGABYTE, Counts())
    store.keep([waiting("a")])
    store.refuse("g", "s", [(waiting("b").event, "bad")])
    store.replay(FakeSender())
    assert (store._counts, len(caplog.records)) == (Counts(dropped=2), 2)


def test_lag(store: Store) -> None:
    """The lag is the age of the oldest event that waits."""
    before = store.lag
    store.keep([waiting("a", int((time.time() - 60) * 1000))])
    found = store.lag
    store.replay(FakeSender())
    assert (before, round(found / 10), store.lag) == (0, 6, 0)
    store.close()


def test_close_of_an_empty_spool(store: Store, directory: Path) -> None:
    """An empty spool is not left behind."""
    store.keep([waiting("a")])
    store.replay(FakeSender())
    store.close()
    assert list(directory.iterdir()) == []


def test_close_with_events(store: Store, directory: Path) -> None:
    """A spool with events is left for the next process."""
    store.keep([waiting("a")])
    store.close()
    store.close()
    adopted = SpoolFile.adopt(next(directory.iterdir()))
    assert adopted is not None
    adopted.remove()


def test_close_on_a_read_only_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool that cannot be removed any more raises nothing, and its descriptor is closed."""
    store.keep([waiting("a")])
    store.replay(FakeSender())
    file = store._file
    assert file is not None
    descriptor = file._descriptor

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", read_only)
    store.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_nothing_to_do(store: Store, directory: Path) -> None:
    """Where nothing waits no file is made."""
    store.keep([])
    store.refuse("g", "s", [])
    store.abandon()
    store.close()
    assert list(directory.iterdir()) == []
