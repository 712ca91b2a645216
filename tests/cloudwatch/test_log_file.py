from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from security_logging.cloudwatch.shipping import log_file
from security_logging.cloudwatch.shipping.log_file import LogFile, Position

OLD = time.time() - 60  # a file that was written then is finished


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log."""
    return tmp_path / "security.json"


def rotate(path: Path, modified: float = OLD) -> None:
    """Rename the log as logrotate does, with older ones moving up."""
    for number in (3, 2, 1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    os.utime(path, (modified, modified))
    path.rename(path.with_name(f"{path.name}.1"))


def read_all(file: LogFile) -> bytes:
    """Return what there is to read."""
    found = b""
    while lines := file.read():
        found += lines
    return found


def test_lines(path: Path) -> None:
    """Complete lines are read, each once."""
    path.write_bytes(b"a\nb\n")
    file = LogFile(path)
    assert (file.read(), file.read()) == (b"a\nb\n", b"")
    file.close()


def test_incomplete_line(path: Path) -> None:
    """A line that is still being written is read when it is complete."""
    path.write_bytes(b"a\nb")
    file = LogFile(path)
    first = file.read()
    path.write_bytes(b"a\nbc\n")
    assert (first, file.read()) == (b"a\n", b"bc\n")
    file.close()


def test_missing_file(path: Path) -> None:
    """A log that is not there yet is waited for."""
    file = LogFile(path)
    before = (file.read(), file.backlog)
    path.write_bytes(b"a\n")
    assert (before, file.backlog, file.read()) == ((b"", 0), 2, b"a\n")
    file.close()
    file.close()


def test_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log is read in chunks, and a line longer than a chunk as one."""
    monkeypatch.setattr(log_file, "CHUNK_BYTES", 4)
    path.write_bytes(b"a\nb\nc\n" + b"d" * 20 + b"\n")
    file = LogFile(path)
    assert [file.read(), file.read(), file.read()] == [b"a\nb\n", b"c\n", b"d" * 20 + b"\n"]
    file.close()


def test_resume(path: Path) -> None:
    """Reading goes on behind the position."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    position = file.position
    file.close()
    path.write_bytes(b"a\nb\n")
    file = LogFile(path, position)
    assert (file.read(), file.gaps) == (b"b\n", 0)
    file.close()


def test_position_before_the_first_line(path: Path) -> None:
    """The position of an empty log is its beginning."""
    path.write_bytes(b"")
    file = LogFile(path)
    file.read()
    position = file.position
    file.close()
    path.write_bytes(b"a\n")
    file = LogFile(path, position)
    assert (file.read(), file.gaps) == (b"a\n", 0)
    file.close()


def test_rotation_while_reading(path: Path) -> None:
    """A renamed log is read to its end before the new one is begun."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    with path.open("ab") as late:
        rotate(path)
        late.write(b"b\n")
    os.utime(path.with_name("security.json.1"), (OLD, OLD))
    path.write_bytes(b"c\n")
    assert (file.backlog, read_all(file), file.gaps) == (4, b"b\nc\n", 0)
    file.close()


def test_renamed_before_it_was_looked_at(path: Path) -> None:
    """A log that comes and is renamed between two looks is read, and what was renamed before the first is not."""
    path.write_bytes(b"old\n")
    rotate(path)
    file = LogFile(path)
    assert file.read() == b""
    path.write_bytes(b"a\n")
    rotate(path, OLD + 1)
    path.write_bytes(b"b\n")
    assert (read_all(file), file.gaps) == (b"a\nb\n", 0)
    file.close()


def test_grace(path: Path) -> None:
    """A log that was renamed just now may get a last line, so the new one has to wait."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    rotate(path, time.time())
    path.write_bytes(b"b\n")
    assert (file.read(), file.is_waiting) == (b"", True)
    file.close()


def test_several_rotations_while_away(path: Path) -> None:
    """After a pause all logs since then are read in their order."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    position = file.position
    file.close()
    for number, text in enumerate((b"b\n", b"c\n", b"d\n")):
        rotate(path, OLD + number)
        path.write_bytes(text)
    file = LogFile(path, position)
    assert (read_all(file), file.gaps) == (b"b\nc\nd\n", 0)
    file.close()


def test_renamed_with_a_date(path: Path) -> None:
    """The names of logrotate's dateext are understood too."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    with path.open("ab") as late:
        late.write(b"b\n")
    os.utime(path, (OLD, OLD))
    path.rename(path.with_name("security.json-20261121"))
    path.write_bytes(b"c\n")
    assert read_all(file) == b"b\nc\n"
    file.close()


def test_last_words(path: Path) -> None:
    """A last line without an end, whose writer has died, is read when its file is finished."""
    path.write_bytes(b"a\ntorn")
    file = LogFile(path)
    file.read()
    rotate(path)
    path.write_bytes(b"b\n")
    assert (file.read(), file.read()) == (b"torn", b"b\n")
    file.close()


@pytest.mark.parametrize("new", [b"x\n", b"a different and longer beginning\n"])
def test_cut_short(path: Path, new: bytes) -> None:
    """A log that is emptied in place (copytruncate) is read from its beginning, and the gap is counted."""
    path.write_bytes(b"a\nb\n")
    file = LogFile(path)
    file.read()
    path.write_bytes(new)
    assert (file.read(), file.gaps) == (new, 1)
    file.close()


def test_inode_given_away_again(path: Path) -> None:
    """A new file with the inode of the old one is not taken for it."""
    path.write_bytes(b"a\nb\n")
    file = LogFile(path)
    file.read()
    position = file.position
    file.close()
    path.write_bytes(b"another file, longer than the first\n")
    file = LogFile(path, position)
    assert (file.read(), file.gaps) == (b"another file, longer than the first\n", 1)
    file.close()


def test_removed_while_away(path: Path) -> None:
    """When the log of the position is gone, the oldest one that is newer comes next, and the gap is counted."""
    path.write_bytes(b"a\n")
    os.utime(path, (OLD - 9, OLD - 9))
    file = LogFile(path)
    file.read()
    position = file.position
    file.close()
    path.unlink()
    path.with_name("security.json.1").write_bytes(b"b\n")
    os.utime(path.with_name("security.json.1"), (OLD, OLD))
    path.write_bytes(b"c\n")
    file = LogFile(path, position)
    assert (read_all(file), file.gaps) == (b"b\nc\n", 1)
    file.close()


def test_everything_removed_while_away(path: Path) -> None:
    """When no log is left at all, the next one is waited for."""
    file = LogFile(path, Position(1, 2, 3, 4, "", 0))
    path.write_bytes(b"a\n")
    assert (file.read(), file.gaps) == (b"a\n", 1)
    file.close()


def test_removed_while_reading(path: Path) -> None:
    """A log that is removed, or compressed, while it is open is read to its end."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    with path.open("ab") as late:
        late.write(b"b\n")
    os.utime(path, (OLD, OLD))
    path.with_name("security.json.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    path.write_bytes(b"c\n")
    assert read_all(file) == b"c\n"
    file.close()


def test_compressed_under_an_open_log(path: Path) -> None:
    """The compressed copy of a log is not read as if it were text."""
    path.write_bytes(b"a\n")
    file = LogFile(path)
    file.read()
    os.utime(path, (OLD, OLD))
    path.with_name("security.json.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    path.write_bytes(b"c\n")
    assert read_all(file) == b"c\n"
    file.close()


def test_oldest_first(path: Path) -> None:
    """Of two logs changed at the same moment the one with the higher number is older."""
    path.write_bytes(b"a\n")
    os.utime(path, (OLD - 9, OLD - 9))
    file = LogFile(path)
    file.read()
    for text in (b"b\n", b"c\n", b"d\n"):
        rotate(path)
        path.write_bytes(text)
    assert read_all(file) == b"b\nc\nd\n"
    file.close()
