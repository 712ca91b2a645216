"""Each package's views, below its own prefix."""

from __future__ import annotations

from dj_rest_auth.views import LoginView as DjLoginView
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from django_otp.admin import OTPAdminSite
from django_otp.views import LoginView as OTPLoginView
from oauth2_provider import urls as oauth2_urls
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView
from two_factor.urls import urlpatterns as two_factor_urls

from integrationsite import views

otp_admin = OTPAdminSite(name="otpadmin")

urlpatterns = [
    path("", views.home),
    path("login/", LoginView.as_view(template_name="login.html")),
    path("admin/", admin.site.urls),
    path("otpadmin/", otp_admin.urls),
    path("otp/login/", OTPLoginView.as_view(template_name="login.html")),
    path("", include(two_factor_urls)),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("oauth2/", include(oauth2_urls)),
    path("api/whoami/", views.WhoAmI.as_view()),
    path("api/basic/", views.BasicWhoAmI.as_view()),
    path("api/jwt/", views.JWTWhoAmI.as_view()),
    path("api/oauth2/", views.OAuth2WhoAmI.as_view()),
    path("api/admins/", views.AdminsOnly.as_view()),
    path("api/refused/", views.Refused.as_view()),
    path("api/busy/", views.Busy.as_view()),
    path("api/own/", views.OwnHandler.as_view()),
    path("api/token/", obtain_auth_token),
    path("api/token/any/", views.AnyToken.as_view()),
    path("api/token/lazy/", views.LazyToken.as_view()),
    path("api/token/refusing/", views.RefusingToken.as_view()),
    path("api/dj/login/", DjLoginView.as_view()),
    path("api/own/login/", views.OwnLogin.as_view()),
    path("api/jwt/obtain/", TokenObtainPairView.as_view()),
    path("api/jwt/obtain/own/", views.OwnObtainView.as_view()),
    path("api/jwt/refresh/", TokenRefreshView.as_view()),
    path("api/jwt/verify/", TokenVerifyView.as_view()),
]
