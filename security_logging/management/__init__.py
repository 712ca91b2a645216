"""What manage.py finds of this package."""

from __future__ import annotations
