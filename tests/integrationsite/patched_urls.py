"""The admin as django-two-factor-auth leaves it, if this is imported while it is patched: a site keeps its methods."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from two_factor.urls import urlpatterns as two_factor_urls

urlpatterns = [path("admin/", admin.site.urls), path("", include(two_factor_urls))]
