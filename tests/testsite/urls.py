"""Every surface that someone can log in on."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from testsite import views

urlpatterns = [
    path("", views.home, name="home"),
    path("account/", views.account, name="account"),
    path("forbidden/", views.forbidden, name="forbidden"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    path("office/", views.backoffice.urls),
    path("api/whoami/", views.WhoAmI.as_view(), name="api-whoami"),
]
