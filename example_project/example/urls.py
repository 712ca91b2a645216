"""Where each page of Harbour lives."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token

from example import views

admin.site.site_header = admin.site.site_title = "Harbour administration"

LOGIN_PAGES = [
    path("login/", auth.LoginView.as_view(template_name="account/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
]

PASSWORD_PAGES = [
    path(
        "account/password/",
        auth.PasswordChangeView.as_view(template_name="account/password_change.html"),
        name="password_change",
    ),
    path(
        "account/password/done/",
        auth.PasswordChangeDoneView.as_view(template_name="account/password_change_done.html"),
        name="password_change_done",
    ),
    path(
        "password-reset/",
        auth.PasswordResetView.as_view(
            template_name="account/password_reset.html",
            email_template_name="account/password_reset_email.txt",
            subject_template_name="account/password_reset_subject.txt",
        ),
        name="password_reset",
    ),
    path(
        "password-reset/sent/",
        auth.PasswordResetDoneView.as_view(template_name="account/password_reset_sent.html"),
        name="password_reset_done",
    ),
    path(
        "password-reset/<uidb64>/<token>/",
        auth.PasswordResetConfirmView.as_view(template_name="account/password_reset_confirm.html"),
        name="password_reset_confirm",
    ),
    path(
        "password-reset/done/",
        auth.PasswordResetCompleteView.as_view(template_name="account/password_reset_done.html"),
        name="password_reset_complete",
    ),
]

API = [
    path("api/token/", obtain_auth_token, name="api_token"),
    path("api/profile/", views.ProfileView.as_view(), name="api_profile"),
]

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("account/", views.AccountView.as_view(), name="account"),
    *LOGIN_PAGES,
    *PASSWORD_PAGES,
    *API,
    path("admin/", admin.site.urls),
]
