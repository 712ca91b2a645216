"""The bait paths: what only a scanner asks a Django site for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from security_logging.conf import conf

MAX_DEPTH = 16  # folders; no bait lies deeper, and a path of 8 KB of slashes must not keep us busy


@dataclass(frozen=True)
class BaitPath:
    """
    A path of the shipped list, in small letters.

    A final slash means everything below it, a first "*/" any folder. `source` is where its use by attackers, or what
    they gain, is described.
    """

    path: str
    why: str
    source: str


@lru_cache(maxsize=1)
def shipped() -> tuple[BaitPath, ...]:
    """Return the list that comes with the package."""
    text = files("security_logging").joinpath("data/bait_paths.json").read_text("ascii")
    return tuple(BaitPath(**entry) for entry in json.loads(text)["paths"])


def is_bait(path: str) -> bool:
    """Return whether the path, attacker-controlled and without the query, is one of the bait paths of this site."""
    segments = [segment for segment in path.lower().split("/", 2 * MAX_DEPTH) if segment]
    baits = _baits(_texts(conf.BAIT_PATHS_ADD), _texts(conf.BAIT_PATHS_REMOVE))
    return 0 < len(segments) <= MAX_DEPTH and not baits.isdisjoint(_forms(segments))


def _texts(value: object) -> tuple[str, ...]:
    # A single text where a list belongs would be read letter by letter.
    return tuple(str(entry).lower() for entry in value) if isinstance(value, (tuple, list, set, frozenset)) else ()


@lru_cache(maxsize=8)
def _baits(added: tuple[str, ...], removed: tuple[str, ...]) -> frozenset[str]:
    return frozenset({bait.path for bait in shipped()}.union(added).difference(removed))


def _forms(segments: list[str]) -> set[str]:
    """Return every entry that would stand for the path: itself, its end, and the folders it lies in."""
    found = {"/" + "/".join(segments)}
    for first in range(len(segments)):
        found.add("*/" + "/".join(segments[first:]))
        for last in range(first + 1, len(segments) + 1):
            folder = "/".join(segments[first:last]) + "/"
            found.update([f"*/{folder}", f"/{folder}"] if first == 0 else [f"*/{folder}"])
    return found
