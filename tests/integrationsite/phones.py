"""An adapter of django-allauth with phone numbers in memory, and the pages for them."""

from __future__ import annotations

from typing import Any

from allauth.account import views
from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import User
from django.urls import path

from integrationsite import urls

PHONES: dict[int, tuple[str, bool]] = {}

urlpatterns = [
    path("accounts/phone/verify/", views.verify_phone, name="account_verify_phone"),
    path("accounts/phone/change/", views.change_phone, name="account_change_phone"),
    *urls.urlpatterns,
]


class Adapter(DefaultAccountAdapter):
    """Keep the numbers of users, and send nothing."""

    def set_phone(self, user: Any, phone: str, verified: bool) -> None:
        """Keep the number."""
        PHONES[user.pk] = (phone, verified)

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        """Return the number, and whether it was verified."""
        return PHONES.get(user.pk)

    def set_phone_verified(self, user: Any, phone: str) -> None:
        """Keep that it is verified."""
        PHONES[user.pk] = (phone, True)

    def get_user_by_phone(self, phone: str) -> Any:
        """Return whose it is."""
        keys = [key for key, (number, _) in PHONES.items() if number == phone]
        return User.objects.filter(pk__in=keys).first()

    def send_verification_code_sms(self, user: Any, phone: str, code: str, **kwargs: Any) -> None:
        """Send nothing."""

    def send_unknown_account_sms(self, phone: str, **kwargs: Any) -> None:
        """Send nothing."""

    def send_account_already_exists_sms(self, phone: str) -> None:
        """Send nothing."""
