"""Addresses of the gallery's REST endpoints."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from gallery.accounts.api import TokenViewSet
from gallery.api import views

router = SimpleRouter()
router.register("datasets", views.DatasetViewSet, basename="dataset")
router.register("images", views.ImageViewSet, basename="image")
router.register("jobs", views.JobViewSet, basename="job")
router.register("tokens", TokenViewSet, basename="token")

urlpatterns = router.urls
