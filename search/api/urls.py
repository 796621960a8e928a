"""Addresses of search's REST endpoints."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from search.api import layers, views
from search.api.experiments import ExperimentViewSet

router = SimpleRouter()
router.register("indexes", views.IndexViewSet, basename="index")
router.register("experiments", ExperimentViewSet, basename="experiment")

urlpatterns = [
    path("search/", views.SearchView.as_view(), name="search"),
    path("models/", views.ModelsView.as_view(), name="models"),
    path("models/<str:name>/layers/<str:layer>/feature-maps/", layers.FeatureMapsView.as_view(), name="maps"),
    *router.urls,
]
