"""Addresses of search's REST endpoints."""

from __future__ import annotations

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from search.embedding import api as embedding_api
from search.experiments.rest import index_api
from search.experiments.rest.api import ExperimentViewSet
from search.experiments.tuning import tuning_api
from search.features import api as features_api
from search.features.library import models_api
from search.live.rest import api as live_api
from search.maps.api import CSV_RENDERERS, ProjectionViewSet
from search.saved.api import SavedSearchViewSet
from search.words import api as words_api

# as the gallery has it
DATASET = "^datasets/(?P<slug>[^/.]+)"

router = SimpleRouter()
router.register("indexes", index_api.IndexViewSet, basename="index")
router.register("experiments", ExperimentViewSet, basename="experiment")
router.register("saved-searches", SavedSearchViewSet, basename="saved-search")
router.register("projections", ProjectionViewSet, basename="projection")

urlpatterns = [
    path("search/batch/", live_api.BatchView.as_view(), name="search-batch"),
    path("search/explanation/", live_api.ExplanationView.as_view(), name="search-explanation"),
    path("facets/", live_api.FacetsView.as_view(), name="facets"),
    path("uploads/", live_api.UploadsView.as_view(), name="upload-create"),
    path("search/", live_api.SearchView.as_view(), name="search"),
    path("models/", models_api.ModelsView.as_view(), name="models"),
    path("models/<str:name>/weights/", models_api.WeightsView.as_view(), name="model-weights"),
    path(
        "models/<str:name>/layers/<str:layer>/feature-maps/",
        features_api.FeatureMapsView.as_view(),
        name="maps",
    ),
    re_path(
        r"^images/(?P<pk>[0-9]{1,18})/embedding/$",
        embedding_api.ImageEmbeddingView.as_view(),
        name="image-embedding",
    ),
    path("words/", words_api.CompletionsView.as_view(), name="words"),
    re_path(r"^images/(?P<pk>[0-9]{1,18})/words/$", words_api.ImageWordsView.as_view(), name="image-words"),
    re_path(rf"{DATASET}/words/$", words_api.DatasetWordsView.as_view(), name="dataset-words"),
    re_path(
        rf"{DATASET}/embeddings/$",
        embedding_api.NewEmbeddingsView.as_view(),
        name="dataset-embeddings-create",
    ),
    re_path(rf"{DATASET}/parts/$", embedding_api.PartsView.as_view(), name="dataset-parts"),
    re_path(rf"{DATASET}/tuning/$", tuning_api.TuningView.as_view(), name="dataset-tuning"),
    re_path(
        rf"{DATASET}/embeddings\.npy$",
        embedding_api.EmbeddingsView.as_view(),
        name="dataset-embeddings",
    ),
    re_path(
        rf"{DATASET}/embeddings-ids\.npy$",
        embedding_api.EmbeddingsIdsView.as_view(),
        name="dataset-embeddings-ids",
    ),
    re_path(
        r"^projections/(?P<pk>[0-9]{1,18})/points\.csv$",
        ProjectionViewSet.as_view({"get": "points_csv"}, renderer_classes=CSV_RENDERERS),
        name="projection-points-csv",
    ),
    *router.urls,
]
