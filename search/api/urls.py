"""Addresses of search's REST endpoints."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from search.api import views

router = SimpleRouter()
router.register("indexes", views.IndexViewSet, basename="index")

urlpatterns = [
    path("search/", views.SearchView.as_view(), name="search"),
    path("models/", views.ModelsView.as_view(), name="models"),
    *router.urls,
]
