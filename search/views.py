"""The pages of the three sections: search visualization, embedding visualization, live search."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.overview import dataset_cards
from search.samples import sample_images, searchable_datasets

SAMPLES = 12
RESULT_COUNTS = (10, 20, 50, 100)


@require_safe
def explore(request: HttpRequest) -> HttpResponse:
    """Render the search visualization section: for now, what can be searched today."""
    datasets = list(searchable_datasets())
    ready = [dataset for dataset in datasets if dataset.searchable]
    context = {
        "cards": dataset_cards(ready),
        "datasets": len(datasets),
        "samples": sample_images(datasets, SAMPLES),
    }
    return render(request, "search/explore.html", context)


@require_safe
def embeddings(request: HttpRequest) -> HttpResponse:
    """Render the embedding visualization section: for now, what is there to map."""
    ready = [dataset for dataset in searchable_datasets() if dataset.searchable]
    return render(request, "search/embeddings.html", {"cards": dataset_cards(ready)})


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Render the live search page; the search itself is done by its script through the API."""
    datasets = list(searchable_datasets())
    context = {
        "datasets": [dataset for dataset in datasets if dataset.searchable],
        "any_dataset": bool(datasets),
        "samples": sample_images(datasets, SAMPLES),
        "counts": [count for count in RESULT_COUNTS if count <= settings.MAX_RESULTS_PER_PAGE],
        "most_results": settings.MAX_RESULTS_PER_PAGE,
        "most_bytes": settings.MAX_PICTURE_BYTES,
    }
    return render(request, "search/live.html", context)
