"""What became of the events of one process, in numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Counts:
    """
    Numbers of events since the process started.

    accepted = sent + spooled + dropped + rejected + those still in memory. `replayed` are events that left a spool
    for CloudWatch, also those of processes that are gone.
    """

    accepted: int = 0
    sent: int = 0
    spooled: int = 0
    replayed: int = 0
    dropped: int = 0  # lost: the spool was full or could not be written
    rejected: int = 0  # refused by CloudWatch; kept in the dead-letter file

    def since(self, earlier: Counts) -> Counts:
        """Return the difference to earlier numbers."""
        return Counts(**{name: value - getattr(earlier, name) for name, value in asdict(self).items()})

    def copy(self) -> Counts:
        """Return the numbers of this moment."""
        return Counts(**asdict(self))
