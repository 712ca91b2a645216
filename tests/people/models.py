"""The user model."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Person(AbstractBaseUser):
    """The least that Django calls a user: no staff, no groups, no permissions, a name of its own choice."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    objects = BaseUserManager()
