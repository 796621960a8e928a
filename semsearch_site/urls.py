"""Addresses of the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from gallery.api.errors import unknown_address
from semsearch_site import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("gallery.api.urls")),
    path("api/v1/", include("search.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path("^api/", unknown_address),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("", include("gallery.urls")),
    path("", include("search.urls")),
]

handler400 = "semsearch_site.error_pages.bad_request"
handler403 = "semsearch_site.error_pages.forbidden"
handler404 = "semsearch_site.error_pages.not_found"
handler500 = "semsearch_site.error_pages.broken"
