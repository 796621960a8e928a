"""The pages of the three sections: search visualization, embedding visualization, live search."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.overview import dataset_cards
from search.samples import all_sources, sample_images

SAMPLES = 12
RESULT_COUNTS = (10, 20, 50, 100)


@require_safe
def explore(request: HttpRequest) -> HttpResponse:
    """Render the search visualization section: for now, what can be searched today."""
    sources = all_sources()
    context = {
        "cards": dataset_cards([source.dataset for source in sources if source.searchable]),
        "datasets": len(sources),
        "samples": sample_images(sources, SAMPLES),
    }
    return render(request, "search/explore.html", context)


@require_safe
def embeddings(request: HttpRequest) -> HttpResponse:
    """Render the embedding visualization section: for now, what is there to map."""
    ready = [source.dataset for source in all_sources() if source.searchable]
    return render(request, "search/embeddings.html", {"cards": dataset_cards(ready)})


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Render the live search page; the search itself is done by its script through the API."""
    sources = all_sources()
    most = settings.MAX_RESULTS_PER_PAGE
    context = {
        "datasets": [source.dataset for source in sources if source.searchable],
        "any_dataset": bool(sources),
        "samples": sample_images(sources, SAMPLES),
        "counts": [n for n in RESULT_COUNTS if n <= most] or [most],
        "most_results": most,
        "most_bytes": settings.MAX_PICTURE_BYTES,
    }
    return render(request, "search/live.html", context)
