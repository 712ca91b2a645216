from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from security_logging.internal.queue import refused, spool
from security_logging.internal.queue.message import Message
from security_logging.internal.queue.spool import SpoolFile


def waiting(text: str, target: str = "web1/security") -> Message:
    """Return a message that waits."""
    return Message(target, 1, text)


def texts(file: SpoolFile) -> list[str]:
    """Return the texts of the messages that wait in the file."""
    chunk = file.chunk()
    return [message.text for message in chunk.messages] if chunk else []


def deliver(file: SpoolFile) -> None:
    """Note that all that waits first is delivered."""
    chunk = file.chunk()
    assert chunk is not None
    file.advance(chunk.length)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory for spools."""
    return tmp_path


def test_round_trip(directory: Path) -> None:
    """What is spooled comes back as it was, whatever it holds."""
    file = SpoolFile.create(directory)
    message = waiting('a\n\u2028\U0001f600"\\')
    file.append([message])
    chunk = file.chunk()
    assert chunk is not None
    assert chunk.messages == [message]
    file.remove()


def test_mode(directory: Path) -> None:
    """Only the owner may read a spool."""
    file = SpoolFile.create(directory)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.remove()


def test_advance(directory: Path) -> None:
    """What is delivered does not come back."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    deliver(file)
    file.append([waiting("b")])
    assert texts(file) == ["b"]
    file.remove()


def test_delivered_completely(directory: Path) -> None:
    """A spool in which nothing waits is gone once it is closed."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    deliver(file)
    assert (file.is_empty, texts(file)) == (True, [])
    file.close()
    assert list(directory.iterdir()) == []


def test_delivered_in_part(directory: Path) -> None:
    """A spool that is left to another process holds what waits and nothing that is delivered."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    deliver(file)
    file.append([waiting("b"), waiting("c")])
    file.close()
    [orphan] = spool.orphans(directory)
    assert (texts(orphan), orphan.path.read_text().count("\n"), len(list(directory.iterdir()))) == (["b", "c"], 2, 1)
    orphan.remove()


def test_torn_line(directory: Path) -> None:
    """A line that a crash has torn does not hide the others, nor does it keep the file from getting empty."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    with file.path.open("ab") as torn:
        torn.write(b'{"group": "x\n[]\n')
    found = texts(file)
    deliver(file)
    assert (found, file.is_empty) == (["a"], True)
    file.remove()


def test_rubbish_alone(directory: Path) -> None:
    """A file of nothing but rubbish is passed over."""
    file = SpoolFile.create(directory)
    file.path.write_bytes(b"rubbish\n")
    assert file.chunk() == ([], 8)
    file.remove()


def test_long_line(directory: Path) -> None:
    """A message longer than what is read at once is read all the same."""
    file = SpoolFile.create(directory)
    file.append([waiting("x" * 3_000_000)])
    assert list(map(len, texts(file))) == [3_000_000]
    file.remove()


def test_removed_under_a_process(directory: Path) -> None:
    """A spool that somebody has removed is known to have no name any more."""
    file = SpoolFile.create(directory)
    before = file.is_removed
    file.path.unlink()
    assert (before, file.is_removed) == (False, True)
    file.abandon()


def test_living_process(directory: Path) -> None:
    """The spool of a living process belongs to it alone."""
    file = SpoolFile.create(directory)
    assert list(spool.orphans(directory)) == []
    file.remove()


def test_orphan(directory: Path) -> None:
    """The spool of a process that is gone is found."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    file.close()
    orphans = list(spool.orphans(directory))
    assert [texts(orphan) for orphan in orphans] == [["a"]]
    orphans[0].remove()


def test_spool_that_vanished(directory: Path) -> None:
    """A spool that another process has replayed meanwhile is no error."""
    assert SpoolFile.adopt(directory / "spool-1-x.jsonl") is None


def test_spool_removed_while_waiting(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool removed between opening and locking is not replayed twice."""
    path = directory / "spool-1-x.jsonl"
    path.write_bytes(b"")
    monkeypatch.setattr("fcntl.flock", lambda *_: path.unlink())
    assert SpoolFile.adopt(path) is None


def test_closed(directory: Path) -> None:
    """A closed spool is no other file's, though the number of its descriptor may be."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    file.close()
    other = (directory / "other").open("w+b")
    other.write(b"precious")
    other.flush()
    with other, pytest.raises(OSError, match="Bad file descriptor"):
        file.advance(1000)
    assert (directory / "other").read_bytes() == b"precious"


def open_files() -> int:
    """Return how many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a generator would be one of them


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be locked, as on NFS without lockd."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)


def test_create_without_locks(directory: Path, no_locks: None) -> None:
    """Where nothing can be locked, neither a descriptor nor a file is left of the attempt."""
    before = open_files()
    with pytest.raises(OSError, match="No locks"):
        SpoolFile.create(directory)
    assert (open_files(), list(directory.iterdir())) == (before, [])


def test_create_without_a_name(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has no room for the name, and then gets read-only, costs no descriptor, and says why at first."""
    fail_with(monkeypatch, "rename", errno.ENOSPC)
    fail_with(monkeypatch, "unlink", errno.EROFS)
    before = open_files()
    with pytest.raises(OSError, match="No space left"):
        SpoolFile.create(directory)
    assert open_files() == before


def fail_with(monkeypatch: pytest.MonkeyPatch, method: str, number: int) -> None:
    """Let a method of paths fail."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, method, fail)


def test_orphan_without_locks(directory: Path, no_locks: None) -> None:
    """Where nothing can be locked no spool is taken over, and no descriptor left."""
    (directory / "spool-1-a.jsonl").write_bytes(b"")
    before = open_files()
    assert (list(spool.orphans(directory)), open_files()) == ([], before)


def test_orphan_behind_a_trap(directory: Path) -> None:
    """A spool that cannot be opened, such as a link that somebody has planted, does not hide the others."""
    (directory / "spool-1-a.jsonl").symlink_to(directory / "spool-2-b.jsonl")
    (directory / "spool-2-b.jsonl").write_bytes(b"")
    found = list(spool.orphans(directory))
    assert [orphan.path.name for orphan in found] == ["spool-2-b.jsonl"]
    found[0].close()


def test_used_bytes(directory: Path) -> None:
    """The bytes of all spools count."""
    (directory / "spool-1-a.jsonl").write_bytes(b"123")
    (directory / "spool-2-b.jsonl").write_bytes(b"45")
    assert spool.used_bytes(directory) == 5


def test_used_bytes_while_one_vanishes(directory: Path) -> None:
    """A spool that vanishes while the bytes are counted is no error."""
    (directory / "spool-1-a.jsonl").symlink_to(directory / "gone")
    assert spool.used_bytes(directory) == 0


def test_disk_full(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that do not fit on the disk leave no torn line behind."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    write = os.write

    def half(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr("os.write", full)
        return write(descriptor, data[:5])

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", half)
    with pytest.raises(OSError, match="No space"):
        file.append([waiting("b")])
    assert texts(file) == ["a"]
    file.remove()


def test_refused(directory: Path) -> None:
    """The dead-letter file holds the event and the reason, for its owner only."""
    kept = refused.keep(directory, [(Message("g:s", 1, "m"), "too old")])
    path = directory / refused.FILE_NAME
    line = '{"reason": "too old", "target": "g:s", "timestamp": 1, "message": "m"}\n'
    assert (kept, path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (1, line, 0o600)


def test_refused_limit(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead-letter file does not fill the disk."""
    monkeypatch.setattr(refused, "_MAX_BYTES", 10)
    message = (Message("g:s", 1, "m"), "too old")
    assert (refused.keep(directory, [message, message]), refused.count(directory)) == (1, 1)


def test_nothing_refused(directory: Path) -> None:
    """Without a dead-letter file nothing was refused."""
    assert refused.count(directory) == 0


def test_waiting_seconds(directory: Path) -> None:
    """The oldest message of all files says for how long something waits; a torn one, for ever."""
    none = spool.waiting_seconds(directory)
    file = SpoolFile.create(directory)
    file.append([Message("", round((time.time() - 100) * 1000), "a"), Message("", round(time.time() * 1000), "b")])
    (directory / "spool-1-a.jsonl").write_bytes(b"")
    (directory / "spool-1-gone.jsonl").symlink_to(directory / "gone")
    found = spool.waiting_seconds(directory)
    (directory / "spool-2-b.jsonl").write_bytes(b"torn")
    assert (none, round(found / 10), spool.waiting_seconds(directory)) == (0, 10, float("inf"))
    file.remove()
