"""Addresses of the gallery's REST endpoints."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from gallery.accounts.api import TokenViewSet
from gallery.api import bin_views, views

router = SimpleRouter()
router.register("datasets", views.DatasetViewSet, basename="dataset")
router.register("images", views.ImageViewSet, basename="image")
router.register("bin/images", bin_views.BinnedImageViewSet, basename="bin-image")
router.register("bin/datasets", bin_views.BinnedDatasetViewSet, basename="bin-dataset")
router.register("jobs", views.JobViewSet, basename="job")
router.register("tokens", TokenViewSet, basename="token")

urlpatterns = router.urls
