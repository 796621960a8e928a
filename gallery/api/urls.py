"""Addresses of the gallery's REST endpoints."""

from __future__ import annotations

from rest_framework.routers import Route, SimpleRouter

from gallery.accounts.api import TokenViewSet
from gallery.api import bin_views, image_views, views


class Router(SimpleRouter):
    """Routes as usual; on the address of a list also PATCH and DELETE, for all that a filter finds."""

    routes = [
        Route(
            url=r"^{prefix}{trailing_slash}$",
            mapping={"get": "list", "post": "create", "patch": "label_many", "delete": "delete_many"},
            name="{basename}-list",
            detail=False,
            initkwargs={"suffix": "List"},
        ),
        *SimpleRouter.routes[1:],
    ]


router = Router()
router.register("datasets", views.DatasetViewSet, basename="dataset")
router.register("images", image_views.ImageViewSet, basename="image")
router.register("bin/images", bin_views.BinnedImageViewSet, basename="bin-image")
router.register("bin/datasets", bin_views.BinnedDatasetViewSet, basename="bin-dataset")
router.register("jobs", views.JobViewSet, basename="job")
router.register("tokens", TokenViewSet, basename="token")

urlpatterns = router.urls
