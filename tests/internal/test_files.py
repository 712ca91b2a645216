"""Nobody leads root to another file: links of all kinds, second names, and directories that are swapped meanwhile."""

from __future__ import annotations

import functools
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from private_root import run_as_root
from security_logging.internal.files import open_file, open_to_read, write_file

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "paths.json").read_text())
_OPEN = """
import shutil
from security_logging.internal.files import open_file
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
USERS = {"root": 0, "site": SITE}

def make(kind, *words):
    path = words[-1]
    if kind == "link":
        os.symlink(words[1], path)
        os.chown(path, USERS[words[0]], USERS[words[0]], follow_symlinks=False)
    elif kind == "hard":
        os.link(words[0], path)
    elif kind == "group":
        mode = stat.S_IMODE(os.stat(path).st_mode)
        os.chown(path, -1, int(words[0]))
        os.chmod(path, mode)
    else:
        {"dir": os.mkdir, "pipe": os.mkfifo, "file": lambda path: open(path, "w").close()}[kind](path)
        os.chown(path, USERS[words[0]], USERS[words[0]])
        os.chmod(path, int(words[1], 8))

def everything():
    return [(top, sorted(names), sorted(files)) for place in ("/srv", "/var") for top, names, files in os.walk(place)]

def owner(number):
    return {0: "root", SITE: "site"}.get(number, str(number))

def opened(path):
    before = everything()
    try:
        descriptor = open_file(path, FLAGS)
    except OSError as error:
        return {"error": str(error), "is_untouched": everything() == before}
    found = os.fstat(descriptor)
    if stat.S_ISFIFO(found.st_mode):
        return {"opened": "pipe"}
    real = os.readlink(f"/proc/self/fd/{descriptor}")
    return {"opened": f"{real} {owner(found.st_uid)}:{owner(found.st_gid)} {stat.S_IMODE(found.st_mode):o}"}

found = []
for vector in json.loads(sys.argv[1]):
    for line in vector["tree"]:
        make(*line.split())
    found.append(opened(vector["open"]))
    for place in ("/srv", "/var"):
        for name in os.listdir(place):
            path = os.path.join(place, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
print(json.dumps(found))
"""


@functools.cache
def found() -> list[dict[str, Any]]:
    """Return what came of each vector, all of them in one process."""
    result: list[dict[str, Any]] = json.loads(run_as_root(_OPEN, json.dumps(VECTORS)).stdout)
    return result


@pytest.mark.parametrize("number", range(len(VECTORS)), ids=[vector["desc"][:60] for vector in VECTORS])
def test_path(number: int) -> None:
    """Root opens the file that was meant, or none, and then nothing has changed."""
    vector, result = VECTORS[number], found()[number]
    if "opened" in vector:
        assert result == {"opened": vector["opened"]}
    else:
        assert (vector["refused"] in result["error"], result["is_untouched"]) == (True, True), result
        assert vector.get("instead", "") in result["error"]


_RACE = """
from security_logging.internal.files import open_file
ROUNDS = int(sys.argv[1])
os.makedirs("/srv/target")
os.chmod("/srv/target", 0o700)
site_directory("/srv/site")
site_directory("/srv/site/real")

def swap():
    '''The site's user puts a link in the directory's place, and the directory back, as fast as it can.'''
    os.symlink("/srv/target", "/srv/site/link")
    os.rename("/srv/site/real", "/srv/site/aside")
    os.rename("/srv/site/link", "/srv/site/real")
    os.unlink("/srv/site/real")
    os.rename("/srv/site/aside", "/srv/site/real")

attacker = as_site(swap)
written = refused = number = 0
end = time.monotonic() + 40
while number < ROUNDS or not (written and refused):
    if time.monotonic() > end:
        break
    number += 1
    try:
        os.close(open_file(f"/srv/site/real/{number}.log", os.O_WRONLY | os.O_CREAT))
        written += 1
    except OSError:
        refused += 1
stop(attacker)
print(json.dumps([bool(written), bool(refused), os.listdir("/srv/target"), os.stat("/srv/target").st_mode & 0o7777]))
"""


def test_race() -> None:
    """While the site's user swaps the directory for a link, root writes into the directory or not at all."""
    assert json.loads(run_as_root(_RACE, "3000").stdout) == [True, True, [], 0o700]


_RACE_OF_NAMES = """
from security_logging.internal.files import open_file
with open("/srv/secret", "w") as file:
    file.write("secret")
os.chmod("/srv/secret", 0o666)  # so that the kernel lets the attacker link it, as others do with any file
site_directory("/srv/site")

def swap():
    '''The log is root's file, the site's own, or nothing.'''
    os.link("/srv/secret", "/srv/site/log")
    os.unlink("/srv/site/log")
    os.close(os.open("/srv/site/log", os.O_CREAT | os.O_EXCL))
    os.unlink("/srv/site/log")

attacker = as_site(swap)
written = refused = 0
end = time.monotonic() + 40
for number in range(int(sys.argv[1])):
    if time.monotonic() > end:
        break
    try:
        descriptor = open_file("/srv/site/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, b"x")
        os.close(descriptor)
        written += 1
    except OSError:
        refused += 1
stop(attacker)
print(json.dumps([bool(written), open("/srv/secret").read()]))
"""


def test_race_of_names() -> None:
    """While the site's user gives root's file a second name and takes it away again, root writes nothing into it."""
    assert json.loads(run_as_root(_RACE_OF_NAMES, "3000").stdout) == [True, "secret"]


def test_other_users_open_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not root follows links: the kernel allows no more than that user may do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.close(open_file(tmp_path / "link" / "log", os.O_WRONLY | os.O_CREAT, 0o600))
    write_file(tmp_path / "link" / "new" / "file", b"text")
    assert (stat.S_IMODE((tmp_path / "real" / "log").stat().st_mode), (tmp_path / "real/new/file").read_bytes()) == (
        0o600,
        b"text",
    )


def test_reading_a_pipe(tmp_path: Path) -> None:
    """A pipe without a writer is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with open_to_read(tmp_path / "pipe") as file:
        assert file.read() == b""


def test_reading_a_directory(tmp_path: Path) -> None:
    """A directory is an error, and leaves no descriptor behind."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(IsADirectoryError):
        open_to_read(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_writing_in_one_step(tmp_path: Path) -> None:
    """A file is replaced with its mode, and nothing is left beside it."""
    write_file(tmp_path / "file", b"old", 0o644)
    write_file(tmp_path / "file", b"new", 0o600)
    found = [(path.name, path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()]
    assert found == [("file", b"new", 0o600)]


def test_reading_a_pipe_that_is_being_written() -> None:
    """What comes through standard input is read to its end, however late it comes."""
    script = """
from security_logging.internal.files import open_to_read
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.close(reader)
    for part in (b"one ", b"two"):
        time.sleep(0.05)
        os.write(writer, part)
    os._exit(0)
os.close(writer)
with open_to_read(f"/proc/self/fd/{reader}") as file:
    print(file.read())
os.waitpid(child, 0)
"""
    assert run_as_root(script).stdout == "b'one two'\n"


def test_emptying() -> None:
    """Emptying a log empties no other file that has a second name there."""
    script = """
from security_logging.internal.files import open_file
site_directory("/srv/site")
for name in ("/srv/secret", "/srv/site/own"):
    with open(name, "w") as file:
        file.write("text")
os.link("/srv/secret", "/srv/site/log")
for name in ("log", "own"):
    try:
        os.close(open_file(f"/srv/site/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    except OSError:
        print("refused")
print([open(name).read() for name in ("/srv/secret", "/srv/site/own")])
"""
    assert run_as_root(script).stdout == "refused\n['text', '']\n"
