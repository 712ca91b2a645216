"""What Harbour has to offer: the berths on the home page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Berth:
    """A place for one boat: lengths in metres, the price in euros a night."""

    name: str
    quay: str
    length: float
    depth: float
    price: int
    free: bool


BERTHS = (
    Berth("A 04", "North quay", 8.0, 2.1, 24, free=True),
    Berth("A 11", "North quay", 10.0, 2.4, 31, free=False),
    Berth("B 02", "Old slipway", 6.5, 1.6, 18, free=True),
    Berth("C 07", "Lighthouse pier", 14.0, 3.2, 46, free=True),
)
