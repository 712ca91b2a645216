"""Kinds of users that a project may derive from the one it logs in with."""

from __future__ import annotations

from django.contrib.auth.models import User


class Employee(User):
    """A child: its rows are in two tables, and Django saves it as a model of its own."""


class Colleague(User):
    """A proxy: the same row under another class."""

    class Meta:
        """No table of its own."""

        proxy = True
