"""The memory of this process and of its machine, from Linux' /proc."""

from __future__ import annotations

import os
from pathlib import Path

_KIB_PER_MIB = 1024


def read(proc: Path = Path("/proc")) -> dict[str, int]:
    """
    Return the resident memory of this process, the available memory and the used swap of the machine, in MiB.

    {} where there is no such /proc: on macOS and Windows, and where a sandbox hides it.
    """
    try:
        pages = int((proc / "self" / "statm").read_text("ascii").split()[1])
        machine = _kibibytes((proc / "meminfo").read_text("ascii"))
        return {
            "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") // _KIB_PER_MIB**2,
            "available_mb": machine["MemAvailable"] // _KIB_PER_MIB,
            "swap_mb": (machine["SwapTotal"] - machine["SwapFree"]) // _KIB_PER_MIB,
        }
    except (OSError, ValueError, IndexError, KeyError):
        return {}


def _kibibytes(text: str) -> dict[str, int]:
    pairs = (line.split(":") for line in text.splitlines())
    return {name: int(value.split()[0]) for name, value in pairs}
