"""The command that makes a fresh site ready to serve: database, static files and people."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Migrate, collect the static files and create the users that standard input names."""

    help = (
        "Migrate, collect the static files and create users, read from standard input as JSON: "
        '[{"username": "maren", "password": "...", "is_staff": false, "is_superuser": false}].'
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all three, quietly."""
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        for person in json.load(sys.stdin):
            User.objects.create_user(**person)
