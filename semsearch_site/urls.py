"""Addresses of the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from gallery.accounts.views import AdminSignIn
from gallery.api.errors import unknown_address
from gallery.api.schema_view import SchemaView
from semsearch_site.docs import views as docs
from semsearch_site.monitoring import health, metrics

admin.autodiscover()
urlpatterns = [
    # the admin's own pages for this know neither how many guesses there were nor the tokens of an account
    path("admin/login/", AdminSignIn.as_view(), name="admin-sign-in"),
    path("admin/logout/", LogoutView.as_view(), name="admin-sign-out"),
    path(
        "admin/password_change/",
        RedirectView.as_view(pattern_name="accounts:password"),
        name="admin-password",
    ),
    path("admin/", admin.site.urls),
    path("accounts/", include("gallery.accounts.urls")),
    path("api/v1/", include("search.api.urls")),
    path("api/v1/", include("gallery.api.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("docs/", docs.document, {"path": ""}, name="docs"),
    path("docs/<path:path>", docs.document, name="document"),
    re_path("^api(?:/|$)", unknown_address, name="api-unknown"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("gallery.urls")),
    path("", include("search.urls")),
]

handler400 = "semsearch_site.http.error_pages.bad_request"
handler403 = "semsearch_site.http.error_pages.forbidden"
handler404 = "semsearch_site.http.error_pages.not_found"
handler500 = "semsearch_site.http.error_pages.broken"
