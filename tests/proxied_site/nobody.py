"""A backend without a database."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend


class NobodyBackend(BaseBackend):
    """Know nobody, so that each login fails: the base class does that."""
