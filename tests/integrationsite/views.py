"""Views of the project itself, one for each way to come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.views import TokenViewBase


def home(request: HttpRequest) -> HttpResponse:
    """Answer anybody."""
    return HttpResponse("home")


class WhoAmI(APIView):
    """Tell the user's name."""

    def get(self, request: Request) -> Response:
        """Return the name."""
        return Response({"user": request.user.get_username()})

    post = get


class BasicWhoAmI(WhoAmI):
    """Tell it to who comes with a password."""

    authentication_classes = [BasicAuthentication]


class JWTWhoAmI(WhoAmI):
    """Tell it to who comes with a JSON web token."""

    authentication_classes = [JWTAuthentication]


class OwnLogin(GenericAPIView[Any]):
    """A login of the project with the framework's serializer, as django-rest-knox documents it."""

    permission_classes = []
    serializer_class = AuthTokenSerializer

    def post(self, request: Request) -> Response:
        """Check the password."""
        self.get_serializer(data=request.data).is_valid(raise_exception=True)
        return Response({})


class OAuth2WhoAmI(WhoAmI):
    """Tell it to who comes with an access token."""

    authentication_classes = [OAuth2Authentication]


class AdminsOnly(WhoAmI):
    """Tell it to administrators."""

    permission_classes = [IsAdminUser]


class Refused(WhoAmI):
    """Refuse with Django's own exception."""

    def get(self, request: Request) -> Response:
        """Refuse."""
        raise PermissionDenied


class Never(BaseThrottle):
    """A throttle that is always closed."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Refuse."""
        return False


class Busy(WhoAmI):
    """A view whose rate limit has been reached."""

    throttle_classes = [Never]


def shrug(error: Exception, context: dict[str, Any]) -> Response:
    """Answer every exception alike."""
    return Response({"error": type(error).__name__}, status=418)


class OwnHandler(WhoAmI):
    """A view with an exception handler of its own."""

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Return it."""
        return shrug


class OwnObtainView(TokenViewBase):
    """A view of the project's that obtains a token."""

    serializer_class = TokenObtainPairSerializer


class AddressAuthentication(BaseAuthentication):
    """Take the token from the address, as links to downloads do."""

    def authenticate(self, request: Request) -> None:
        """Refuse every token."""
        if "token" in request.query_params:
            raise AuthenticationFailed


class AnyToken(ObtainAuthToken):
    """A login where each default authenticator is asked first."""

    authentication_classes = [SessionAuthentication, AddressAuthentication, JWTAuthentication]


class LazyToken(AnyToken):
    """The same, but who asks is not looked at before it must be."""

    def perform_authentication(self, request: Request) -> None:
        """Look later."""

    def check_permissions(self, request: Request) -> None:
        """Let anybody in."""

    def get(self, request: Request) -> Response:
        """Look now."""
        return Response({"user": str(request.user)})

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look now, then log in."""
        str(request.user)
        return super().post(request, *args, **kwargs)


class RefusingToken(ObtainAuthToken):
    """A login that refuses everybody after the right password."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Refuse."""
        super().post(request, *args, **kwargs)
        raise AuthenticationFailed
