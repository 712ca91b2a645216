"""What became of the messages of one process, in numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Counts:
    """
    Numbers of messages since the process started.

    accepted = sent + spooled + dropped + rejected + those still waiting for their first delivery. `replayed` are
    messages that left a spool for their destination, also those of processes that are gone.
    """

    accepted: int = 0
    sent: int = 0  # at the first attempt
    spooled: int = 0  # could not be sent at the first attempt, and wait on disk
    replayed: int = 0
    dropped: int = 0  # lost: neither memory nor disk had room, or the process ended
    rejected: int = 0  # refused by the destination; kept in the dead-letter file

    def since(self, earlier: Counts) -> Counts:
        """Return the difference to earlier numbers."""
        return Counts(**{name: value - getattr(earlier, name) for name, value in asdict(self).items()})

    def copy(self) -> Counts:
        """Return the numbers of this moment."""
        return Counts(**asdict(self))
