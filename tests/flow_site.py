"""The test project with views that end an attempt in unusual ways, for the table of flows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import path

from testsite import urls


class UnknownExperiment(SuspiciousOperation):
    """A project's own kind of suspicion, whose logger does not exist before it is raised."""


class OnlyOnSundays(AuthenticationForm):
    """A form with a rule of the project."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse everybody."""
        raise ValidationError("closed", code="closed")


class JsonLogin(LoginView):
    """A login view for scripts, which answers without a page."""

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Tell the errors."""
        return JsonResponse(form.errors, status=400)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in without sending anywhere."""
        super().form_valid(form)
        return JsonResponse({})


class BusyLogin(LoginView):
    """A login view whose rate limit has been reached."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Refuse."""
        return HttpResponse(status=429)


class BrokenLogin(LoginView):
    """A login view with a bug."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Fail."""
        return HttpResponse(status=500)


def batch(request: HttpRequest) -> HttpResponse:
    """Try several credentials in one request, as GraphQL allows, and do not pass the request on."""
    for user in ("alice", "bob", "carol"):
        authenticate(username=user, password="guess")
    return HttpResponse("batch")


def other_credentials(request: HttpRequest) -> HttpResponse:
    """Try a credential that comes without a user name."""
    authenticate(request, email="alice@example.com", password="guess")
    authenticate(request, one_time_code="123456")
    return HttpResponse("other")


async def batch_async(request: HttpRequest) -> HttpResponse:
    """Do the same in an async view."""
    await aauthenticate(username="alice", password="guess")
    return HttpResponse("batch")


def batch_threads(request: HttpRequest) -> HttpResponse:
    """Try credentials in a thread of the view's own, each with a copy of the context."""
    with ThreadPoolExecutor(1) as pool:  # in order
        futures = [
            pool.submit(copy_context().run, authenticate, username=user, password="guess") for user in ("alice", "bob")
        ]
    return HttpResponse(f"{sum(future.result() is not None for future in futures)}")


def batch_bare_thread(request: HttpRequest) -> HttpResponse:
    """Try a credential in a thread that has no copy of the context."""
    with ThreadPoolExecutor() as pool:
        pool.submit(authenticate, username="alice", password="guess").result()
    return HttpResponse("batch")


async def batch_insensitive(request: HttpRequest) -> HttpResponse:
    """Try a credential in a thread of asgiref's pool."""
    await sync_to_async(authenticate, thread_sensitive=False)(username="alice", password="guess")
    return HttpResponse("batch")


async def forbidden_async(request: HttpRequest) -> HttpResponse:
    """Refuse a user whom an async view has looked at."""
    await request.auser()
    raise PermissionDenied


def status(request: HttpRequest, code: int) -> HttpResponse:
    """Answer with that status."""
    return HttpResponse(status=code)


def suspicious(request: HttpRequest) -> HttpResponse:
    """Find the request suspicious."""
    raise UnknownExperiment("line one\nline two")


def step(request: HttpRequest) -> HttpResponse:
    """Send on to a page that has to know the way back, but is no login page."""
    return HttpResponseRedirect("/account/?next=/somewhere/")


urlpatterns = [
    *urls.urlpatterns,
    path("login/json/", JsonLogin.as_view()),
    path("login/sundays/", LoginView.as_view(authentication_form=OnlyOnSundays)),
    path("login/busy/", BusyLogin.as_view()),
    path("login/broken/", BrokenLogin.as_view()),
    path("batch/", batch),
    path("batch/async/", batch_async),
    path("batch/threads/", batch_threads),
    path("batch/thread/", batch_bare_thread),
    path("batch/insensitive/", batch_insensitive),
    path("other-credentials/", other_credentials),
    path("forbidden/async/", forbidden_async),
    path("staff/", staff_member_required(status), {"code": 200}),
    path("editors/", permission_required("auth.change_user")(status), {"code": 200}),
    path("status/<int:code>/", status),
    path("suspicious/", suspicious),
    path("step/", step),
    path(".git/served", status, {"code": 200}),
]
