"""The pages of the test project."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

# A second admin site, under a name and a path that nothing but the resolver tells from an ordinary page.
backoffice = AdminSite(name="backoffice")
backoffice.register(User, UserAdmin)


def home(request: HttpRequest) -> HttpResponse:
    """Answer anybody."""
    return HttpResponse("home")


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Answer users; send others to the login page."""
    return HttpResponse("account")


def forbidden(request: HttpRequest) -> HttpResponse:
    """Refuse everybody."""
    raise PermissionDenied


class WhoAmI(APIView):
    """Tell the user's name to who comes with a session, a token or a password."""

    def get(self, request: Request) -> Response:
        """Return the name."""
        return Response({"user": request.user.get_username()})
