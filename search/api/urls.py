"""Addresses of search's REST endpoints."""

from __future__ import annotations

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from search.api import layers, views
from search.api.experiments import ExperimentViewSet
from search.api.projections import CSV_RENDERERS, ProjectionViewSet

router = SimpleRouter()
router.register("indexes", views.IndexViewSet, basename="index")
router.register("experiments", ExperimentViewSet, basename="experiment")
router.register("projections", ProjectionViewSet, basename="projection")

urlpatterns = [
    path("search/", views.SearchView.as_view(), name="search"),
    path("models/", views.ModelsView.as_view(), name="models"),
    path("models/<str:name>/layers/<str:layer>/feature-maps/", layers.FeatureMapsView.as_view(), name="maps"),
    re_path(
        r"^projections/(?P<pk>[0-9]{1,18})/points\.csv$",
        ProjectionViewSet.as_view({"get": "points_csv"}, renderer_classes=CSV_RENDERERS),
        name="projection-points-csv",
    ),
    *router.urls,
]
