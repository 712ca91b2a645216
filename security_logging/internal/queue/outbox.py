"""The messages of one process that are not delivered yet: in memory first, then on disk where there is a store."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from security_logging.internal.errors import report
from security_logging.internal.queue.counts import Counts
from security_logging.internal.queue.message import Message, Receipt
from security_logging.internal.queue.spool import SpoolFile
from security_logging.internal.queue.store import Store

STRETCH = 400  # messages that go to disk together: one write for all
_DISK_SECONDS = 1.0  # for which the end of a process waits for a thread that is at the disk
Send = Callable[[Sequence[Message]], Receipt]


class Outbox:
    """
    Nothing leaves memory or disk before it is in another place: delivered, refused, on disk or given back.

    A message may be in two places when the process is killed in between; it is never in none.
    """

    def __init__(self, store: Store | None, limit: int, batch: int) -> None:
        """`limit` and `batch` are messages: those that memory holds, and those of one delivery from memory."""
        self.counts = Counts()
        self.is_late = False  # the last delivery failed: what is on disk counts as spooled
        self.is_closed = False
        self._store = store
        self._limit, self._batch = limit, batch
        self._memory: deque[Message] = deque()
        self._disk = threading.RLock()  # a signal may interrupt the thread that has it, and want it too
        self._late = 0  # messages on disk that are counted as spooled

    @property
    def in_memory(self) -> int:
        """How many messages are in memory alone."""
        return len(self._memory)

    @property
    def waiting(self) -> int:
        """How many messages are in memory or on disk."""
        return len(self._memory) + (self._store.waiting if self._store else 0)

    @property
    def has_store(self) -> bool:
        """Whether messages are kept on disk."""
        return self._store is not None

    @property
    def is_full(self) -> bool:
        """Whether memory holds as much as it may."""
        return len(self._memory) >= self._limit

    @property
    def lag(self) -> int:
        """Age of what waits longest, in seconds; 0 when nothing waits."""
        times = [message.timestamp for message in self._first(1)]
        if self._store is not None and self._store.oldest is not None:
            times.append(self._store.oldest)
        return max(0, int(time.time() - min(times) / 1000)) if times else 0

    def add(self, message: Message) -> bool:
        """Take the message; return False, with the loss counted, when there is no room for it."""
        self.counts.accepted += 1
        if not self.is_closed and self.is_full and not (self.move_to_disk() and not self.is_full):
            self.counts.dropped += 1
            return False
        self._memory.append(message)
        # Asked behind it: a signal handler, or another thread, may have closed us in the meantime.
        return not self.is_closed or self._is_kept(message)

    def move_to_disk(self) -> bool:
        """Move the first messages from memory to disk; return whether they are there."""
        if self._store is None:
            return False
        with self._disk:
            first = self._first(STRETCH)
            try:
                self._store.make_sure()
                if first:
                    self._store.keep(first)
            except OSError:
                report("spool")
                return False
            self._remove(first)
            if self.is_late:
                self.count_late()
        return True

    def deliver(self, send: Send) -> bool:
        """Deliver what waits first; return whether all of it was delivered."""
        if self.is_closed:
            return False
        has_gone_well = self._deliver_from_disk(send)
        return self._deliver_from_memory(send) if has_gone_well is None else has_gone_well

    def orphans(self) -> Iterator[SpoolFile]:
        """Yield the spools of processes that are gone, one after the other, every 30 seconds at most."""
        if self._store is not None and not self.is_late:
            yield from self._store.orphans()

    def replay(self, orphan: SpoolFile, send: Send) -> bool:
        """Do the same with the spool of a process that is gone."""
        chunk = orphan.chunk()
        if chunk is None:
            return False
        receipt = send(chunk.messages)
        if len(receipt.unsent) == len(chunk.messages) > 0:
            return False
        with self._disk:
            self.counts.replayed += len(receipt.sent)
            self._refuse(receipt)
            orphan.settle(chunk, receipt.unsent)
        return not receipt.unsent

    def count_late(self) -> None:
        """Count what is on disk as spooled: it could not be sent at the first attempt."""
        if self._store is not None:
            self.counts.spooled += max(0, self._store.waiting - self._late)
            self._late = self._store.waiting

    def close(self, *, has_thread: bool) -> list[Message]:
        """
        Move to disk what is in memory, and return what found no place there, which is counted as lost.

        `has_thread` leaves the spool open, for a thread that is still at its delivery.
        """
        self.is_closed = True
        has_lock = self._disk.acquire(timeout=_DISK_SECONDS)
        try:
            while self._memory and self.move_to_disk():
                pass
            rest = list(self._memory)
            self.counts.dropped += len(rest)
            self._memory.clear()
            self.count_late()
            if self._store is not None and not has_thread:
                self._store.close()
            return rest
        finally:
            if has_lock:
                self._disk.release()

    def close_store(self) -> None:
        """Leave what is on disk to another process."""
        with self._disk:
            if self._store is not None:
                self.count_late()
                self._store.close()

    def abandon(self) -> None:
        """Leave everything to the parent process, in a forked child. Takes no lock: this is a copy of it."""
        if self._store is not None:
            self._store.abandon()

    def _is_kept(self, message: Message) -> bool:
        """Move a message that comes after the end straight to disk, and return whether it is there."""
        if not self.move_to_disk():
            with suppress(ValueError):  # another thread was as late, and has counted it
                self._memory.remove(message)
                self.counts.dropped += 1
            return False
        self.count_late()
        return True

    def _first(self, count: int) -> list[Message]:
        found: list[Message] = []
        with suppress(IndexError):  # moved in the meantime, at the very end
            found.extend(self._memory[number] for number in range(min(count, len(self._memory))))
        return found

    def _remove(self, messages: Sequence[Message]) -> None:
        with suppress(IndexError):  # a signal handler has just moved all to disk
            for message in messages:
                if self._memory[0] is message:  # else it was moved to disk during the delivery
                    self._memory.popleft()

    def _deliver_from_disk(self, send: Send) -> bool | None:
        """Return None when nothing is there."""
        if self._store is None:
            return None
        with self._disk:
            chunk = self._store.chunk()
        if chunk is None:
            return None
        receipt = send(chunk.messages)
        if len(receipt.unsent) == len(chunk.messages) > 0:
            return False
        with self._disk:
            late = min(self._late, len(receipt.sent))
            self.counts.replayed += late
            self.counts.sent += len(receipt.sent) - late
            self._refuse(receipt)
            self._store.advance(chunk, receipt.unsent)
            self._late = min(self._late - late, self._store.waiting)
        return not receipt.unsent

    def _deliver_from_memory(self, send: Send) -> bool:
        first = self._first(self._batch)
        if not first:
            return False
        receipt = send(first)
        with self._disk:
            if self.is_closed:  # what was in memory is on disk or given back
                return False
            self.counts.sent += len(receipt.sent)
            self._refuse(receipt)
            self._settle(first, receipt)
        return not receipt.unsent

    def _settle(self, first: Sequence[Message], receipt: Receipt) -> None:
        if not (self._memory and self._memory[0] is first[0]):  # a full memory was moved to disk during the delivery
            return
        unsent = set(map(id, receipt.unsent))
        self._remove(first)
        self._memory.extendleft(message for message in reversed(first) if id(message) in unsent)

    def _refuse(self, receipt: Receipt) -> None:
        kept = self._store.refuse(receipt.refused) if self._store else 0
        self.counts.rejected += kept
        self.counts.dropped += len(receipt.refused) - kept
