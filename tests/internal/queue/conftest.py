"""What the tests of the queue have at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from queue_destination import Destination
from security_logging.internal.queue import pauses
from security_logging.internal.queue.per_process import Queue
from security_logging.internal.queue.store import Store
from security_logging.internal.queue.worker import Options


@pytest.fixture
def destination() -> Iterator[Destination]:
    """Yield a destination that works."""
    found = Destination()
    yield found
    found.released.set()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause be longer than a moment."""
    monkeypatch.setattr(pauses, "LONGEST", 0.02)


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    """Return the directory for spools."""
    return tmp_path / "spools"


@pytest.fixture
def given_back() -> list[str]:
    """Return the list of texts that were given back."""
    return []


@pytest.fixture
def make(destination: Destination, spools: Path, given_back: list[str]) -> Iterator[Callable[..., Queue]]:
    """Yield a function that makes a queue to the destination; with `spooled` what waits is kept on disk."""
    made: list[Queue] = []

    def directory() -> Path:
        spools.mkdir(exist_ok=True)
        return spools

    def _make(*, spooled: bool = False, **options: object) -> Queue:
        options.setdefault("store", (lambda: Store(directory, 100_000_000)) if spooled else None)
        options.setdefault("give_back", lambda rest: given_back.extend(message.text for message in rest))
        made.append(Queue(lambda: Options("test", destination, **options)))  # type: ignore[arg-type]
        return made[-1]

    yield _make
    destination.released.set()
    for queue in made:
        queue.close()
