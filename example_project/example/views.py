"""The pages of Harbour that Django does not bring along, and its one API endpoint."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.views.generic import TemplateView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView

from example.berths import BERTHS


class HomeView(TemplateView):
    """Show the public home page."""

    template_name = "home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context with the berths on offer."""
        return super().get_context_data(berths=BERTHS, **kwargs)


class AccountView(LoginRequiredMixin, TemplateView):
    """Show users their own account."""

    template_name = "account/account.html"


class ProfileSerializer(ModelSerializer[User]):
    """What a profile shows of a user."""

    class Meta:
        """Name the fields."""

        model = User
        fields = ("username", "email", "date_joined")


class ProfileView(APIView):
    """Return the profile of the user whose token, password or session came with the request."""

    def get(self, request: Request) -> Response:
        """Return the profile as JSON."""
        user = cast("User", request.user)  # IsAuthenticated, the default in the settings, refuses all others
        return Response(ProfileSerializer(user).data)
