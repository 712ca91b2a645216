"""Classes of views, compared without importing anything."""

from __future__ import annotations

import sys

import pytest
from django.contrib.auth.views import LoginView
from django.urls import resolve

from security_logging.request.views import is_of, view_class_of
from testsite.views import WhoAmI


class OwnLogin(LoginView):
    """A login view of a project."""


@pytest.mark.parametrize(
    ("path", "expected"), [("/accounts/login/", LoginView), ("/api/whoami/", WhoAmI), ("/forbidden/", None)]
)
def test_view_class(path: str, expected: type | None) -> None:
    """The class of a view is found, of Django's and of Django REST framework's; a function has none."""
    assert view_class_of(resolve(path)) is expected


def test_no_view() -> None:
    """Where no view was found there is no class."""
    assert view_class_of(None) is None


@pytest.mark.parametrize(
    ("view_class", "module", "name", "expected"),
    [
        (LoginView, "django.contrib.auth.views", "LoginView", True),
        (OwnLogin, "django.contrib.auth.views", "LoginView", True),
        (WhoAmI, "django.contrib.auth.views", "LoginView", False),
        (None, "django.contrib.auth.views", "LoginView", False),
        (LoginView, "django.contrib.auth.views", "NoSuchView", False),
        (LoginView, "this", "LoginView", False),
    ],
)
def test_is_of(view_class: object, module: str, name: str, expected: bool) -> None:
    """A class is compared with a module's, or with nothing where the module is not loaded."""
    assert is_of(view_class, module, name) is expected


def test_nothing_is_imported() -> None:
    """Asking for a module that nobody has loaded does not load it."""
    is_of(LoginView, "this", "LoginView")
    assert "this" not in sys.modules
