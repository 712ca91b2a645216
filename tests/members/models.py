"""The user model."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Member(AbstractUser):
    """Django's user with another kind of key, which is there before the row is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
