"""A table of results, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Table:
    """A title, a header and rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """Return the table with its columns aligned, readable as it is."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        text = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        text.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
        return f"## {self.title}\n\n" + "\n".join(text) + "\n"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the range in which the middle four fifths of the values lie."""
    tenths = quantiles(values, n=10)
    return f"{tenths[0]:.{digits}f} to {tenths[-1]:.{digits}f}"
