"""The commands of manage.py, and what they share."""

from __future__ import annotations
