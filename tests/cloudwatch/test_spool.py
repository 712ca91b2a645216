from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from django.test import override_settings

from security_logging.cloudwatch import directory as directories
from security_logging.cloudwatch import refused, spool
from security_logging.cloudwatch.batches import LogEvent
from security_logging.cloudwatch.spool import SpoolFile, Waiting


def waiting(message: str, stream: str = "web1/security") -> Waiting:
    """Return an event that waits."""
    return Waiting("/shop/test/security", stream, LogEvent(timestamp=1, message=message))


def messages(file: SpoolFile) -> list[list[str]]:
    """Return the messages of the file's runs."""
    return [[event["message"] for event in run.events] for run in file.runs()]


def test_round_trip(directory: Path) -> None:
    """What is spooled comes back as it was, whatever it holds."""
    file = SpoolFile.create(directory)
    file.append([waiting('a\n\u2028\U0001f600"\\')])
    assert [run.events for run in file.runs()] == [[waiting('a\n\u2028\U0001f600"\\').event]]
    file.remove()


def test_mode(directory: Path) -> None:
    """Only the owner may read a spool."""
    file = SpoolFile.create(directory)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.remove()


def test_runs(directory: Path) -> None:
    """Neighbours with one destination are sent together, in the order of writing."""
    file = SpoolFile.create(directory)
    file.append([waiting("a"), waiting("b"), waiting("c", "other"), waiting("d")])
    assert messages(file) == [["a", "b"], ["c"], ["d"]]
    file.remove()


def test_advance(directory: Path) -> None:
    """What is delivered does not come back."""
    file = SpoolFile.create(directory)
    file.append([waiting("a"), waiting("b", "other")])
    file.advance(file.runs()[0].end)
    assert messages(file) == [["b"]]
    file.remove()


def test_delivered_completely(directory: Path) -> None:
    """A spool that is delivered takes no space."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    file.advance(file.runs()[-1].end)
    assert (file.is_empty, file.path.stat().st_size, messages(file)) == (True, 0, [])
    file.remove()


def test_torn_line(directory: Path) -> None:
    """A line that a crash has torn does not hide the others, nor does it keep the file from getting empty."""
    file = SpoolFile.create(directory)
    file.append([waiting("a")])
    with file.path.open("ab") as torn:
        torn.write(b'{"group": "x\n[]\n')
    found = messages(file)
    file.advance(file.runs()[-1].end)
    assert (found, file.is_empty) == ([["a"]], True)
    file.remove()


def test_rubbish_alone(directory: Path) -> None:
    """A file of nothing but rubbish is passed over."""
    file = SpoolFile.create(directory)
    file.path.write_bytes(b"rubbish\n")
    assert [(run.events, run.end) for run in file.runs()] == [([], 8)]
    file.remove()


def test_long_line(directory: Path) -> None:
    """An event longer than what is read at once is read all the same."""
    file = SpoolFile.create(directory)
    file.append([waiting("x" * 3_000_000)])
    assert len(file.runs()[0].events[0]["message"]) == 3_000_000
    file.remove()


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
    assert [messages(orphan) for orphan in orphans] == [[["a"]]]
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
    assert messages(file) == [["a"]]
    file.remove()


def test_refused(directory: Path) -> None:
    """The dead-letter file holds the event and the reason, for its owner only."""
    kept = refused.keep(directory, "g", "s", [(LogEvent(timestamp=1, message="m"), "too old")])
    path = directory / refused.FILE_NAME
    line = '{"reason": "too old", "group": "g", "stream": "s", "timestamp": 1, "message": "m"}\n'
    assert (kept, path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (1, line, 0o600)


def test_refused_limit(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead-letter file does not fill the disk."""
    monkeypatch.setattr(refused, "_MAX_BYTES", 10)
    event = (LogEvent(timestamp=1, message="m"), "too old")
    assert (refused.keep(directory, "g", "s", [event, event]), refused.count(directory)) == (1, 1)


def test_nothing_refused(directory: Path) -> None:
    """Without a dead-letter file nothing was refused."""
    assert refused.count(directory) == 0


def test_new_directory(tmp_path: Path) -> None:
    """The directory is made for its owner alone."""
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(tmp_path / "a" / "b")):
        assert stat.S_IMODE(directories.directory().stat().st_mode) == 0o700


def test_default_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the directory is one of this user, below that for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert directories.location() == tmp_path / f"django-security-logging-{os.geteuid()}"


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_directory_of_somebody_else(tmp_path: Path, trap: str) -> None:
    """A directory that another user may have prepared is not trusted."""
    path = tmp_path / "trap"
    if trap == "link":
        path.symlink_to(tmp_path)
    elif trap == "open":
        path.mkdir()
        path.chmod(0o777)
    else:
        path.write_text("")
    with override_settings(SECURITY_LOGGING_CLOUDWATCH_DIRECTORY=str(path)), pytest.raises(OSError, match="trap"):
        directories.directory()
