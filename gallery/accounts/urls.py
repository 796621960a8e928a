"""Addresses of the pages of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from gallery.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("first/", views.FirstAccount.as_view(), name="first"),
    path("password/", views.ChangePassword.as_view(), name="password"),
    path("password/changed/", views.PasswordChanged.as_view(), name="password_changed"),
    path("tokens/", views.Tokens.as_view(), name="tokens"),
    path("tokens/<int:pk>/revoke/", views.RevokeToken.as_view(), name="token_revoke"),
]
