"""Memory, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from security_logging.integrations import memory

MEMINFO = (
    "MemTotal: 2048000 kB\nMemAvailable: 1024000 kB\nSwapTotal: 20480 kB\nSwapFree: 10240 kB\nHugePages_Total: 0\n"
)


def proc(directory: Path, statm: str, meminfo: str) -> Path:
    """Write a /proc with these files."""
    (directory / "self").mkdir()
    (directory / "self" / "statm").write_text(statm)
    (directory / "meminfo").write_text(meminfo)
    return directory


def test_read(tmp_path: Path) -> None:
    """Memory is told in MiB."""
    pages = 50 * 1024**2 // os.sysconf("SC_PAGE_SIZE")
    assert memory.read(proc(tmp_path, f"99 {pages} 1", MEMINFO)) == {
        "memory_mb": 50,
        "available_mb": 1000,
        "swap_mb": 10,
    }


def test_this_process() -> None:
    """The process of the test needs some memory, and less than the machine has."""
    found = memory.read()
    assert 5 < found["memory_mb"] < 100_000


@pytest.mark.parametrize(
    ("statm", "meminfo"), [("", MEMINFO), ("1 x", MEMINFO), ("1 1", ""), ("1 1", "MemAvailable: much"), ("1 1", "\n")]
)
def test_other_systems(tmp_path: Path, statm: str, meminfo: str) -> None:
    """Where /proc says something else, nothing is told rather than something wrong."""
    assert memory.read(proc(tmp_path, statm, meminfo)) == {}


def test_no_proc(tmp_path: Path) -> None:
    """Where there is no /proc, nothing is told."""
    assert memory.read(tmp_path) == {}
