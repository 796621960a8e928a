"""The pages of search visualization, embedding visualization and live search, and that of backups."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gallery.browse.dataset_summaries import with_image_count
from gallery.browse.paging import page_of
from gallery.errors import SemsearchError
from gallery.models import Dataset
from gallery.public_text import public_text
from search.experiments.explore_frame import explore_frame
from search.experiments.queries import POOLINGS
from search.experiments.tuning.tuning_page import tuning_page
from search.features.answers import model_answers
from search.features.library.weights import downloadable
from search.live.examples.text_search import models_live
from search.live.samples import all_sources, sample_images
from search.maintenance.backup.overview import overview
from search.maps.export import COLOURED_BY
from search.maps.jobs import DEFAULT_MODELS
from search.models import Experiment, Projection
from search.saved import answers as saved_answers
from search.saved import collections, rows
from search.saved import serializers as saved_serializers

SAMPLES = 12
RESULT_COUNTS = (10, 20, 50, 100)
COLLECTION_PER_PAGE = 96
MAPS_LINKED = 3
SAVED_PER_PAGE = COLLECTIONS_OFFERED = 50


@require_safe
def explore(request: HttpRequest) -> HttpResponse:
    """Render the frame of the exploration: datasets and networks; its script asks the API for the rest."""
    frame = explore_frame(request.GET.get("dataset", ""))
    return render(request, "search/explore.html", {"frame": frame})


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Render the frame of the comparison; its script asks the API for both lists."""
    return render(request, "search/compare.html", {"datasets": list(Dataset.objects.all())})


@require_safe
def networks(request: HttpRequest) -> HttpResponse:
    """Render a card for each network, and what experiments can be started with them."""
    every = model_answers()
    asked = request.GET.get("dataset", "")
    context = {
        "networks": [one for one in every if not one["baseline"]],
        "baselines": [one for one in every if one["baseline"]],
        "downloads": downloadable(),
        "datasets": sorted(Dataset.objects.all(), key=lambda dataset: dataset.slug != asked),
        "poolings": [(name, (name != "gem" and name.capitalize()) or "GeM") for name in POOLINGS],
        "metrics": Experiment.Metric.choices,
    }
    return render(request, "search/networks.html", context)


@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    """Render the frame of the leaderboard; its script asks the API for the rows."""
    return render(request, "search/leaderboard.html", {"datasets": Dataset.objects.all()})


@require_safe
def tuning(request: HttpRequest) -> HttpResponse:
    """Show what tuning a dataset to its categories gains, and let those who may use it."""
    asked = request.GET.get("dataset", "")
    dataset = Dataset.objects.called(asked) if asked else Dataset.objects.order_by("name", "id").first()
    return render(request, "search/tuning.html", {"page": tuning_page(dataset) if dataset else None})


@require_safe
def embeddings(request: HttpRequest) -> HttpResponse:
    """Render the frame of the map; its script asks the API for the points."""
    datasets = list(with_image_count(Dataset.objects.all()))
    mapped = set(Projection.objects.order_by().values_list("dataset", flat=True).distinct())
    asked = request.GET.get("dataset", "")
    by_interest = sorted(datasets, key=lambda dataset: (dataset.slug != asked, dataset.pk not in mapped))
    context = {
        "datasets": datasets,
        "shown": by_interest[0] if by_interest else None,
        "methods": Projection.Method.choices,
        "default_model": DEFAULT_MODELS[0],
        "collections": rows.visible_to(rows.viewer())[:COLLECTIONS_OFFERED],
        "colourings": [(name, name.capitalize()) for name in COLOURED_BY],
    }
    return render(request, "search/embeddings.html", context)


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Render the live search page; the search itself is done by its script through the API."""
    sources = all_sources()
    asked = request.GET.get("dataset", "")
    within = [source for source in sources if source.searchable and source.dataset.slug == asked]
    most = settings.MAX_RESULTS_PER_PAGE
    readers = models_live()
    searchable = [source.dataset for source in sources if source.searchable]
    titles = {dataset.pk: readers[dataset.pk].title for dataset in searchable if dataset.pk in readers}
    context = {
        "datasets": [
            {"slug": dataset.slug, "name": dataset.name, "reads_text": titles.get(dataset.pk, "")}
            for dataset in searchable
        ],
        "text_models": ", ".join(dict.fromkeys(titles.values())),
        "any_dataset": bool(sources),
        "samples": sample_images(within or sources, SAMPLES),
        "samples_of": within[0].dataset.slug if within else "",
        "collections": rows.visible_to(rows.viewer())[:COLLECTIONS_OFFERED],
        "counts": [n for n in RESULT_COUNTS if n <= most] or [most],
        "most_results": most,
        "most_bytes": settings.MAX_PICTURE_BYTES,
    }
    return render(request, "search/live.html", context)


@require_safe
def saved(request: HttpRequest) -> HttpResponse:
    """List one's own saved searches and those that others share; its script counts what is new."""
    who = rows.viewer()
    page = page_of(rows.visible_to(who), request.GET, SAVED_PER_PAGE, newest_first=True)
    shown = [
        {"row": row, "mine": who.owns(row), "deletes": who.deletes(row), "url": saved_answers.page_of(row)}
        for row in page.rows
    ]
    return render(request, "search/saved.html", {"page": page, "shown": shown, "signed_in": bool(who.owner)})


@require_safe
def collection(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the images that a saved search has now."""
    try:
        row = rows.one(pk, rows.viewer())
    except SemsearchError as error:
        raise Http404(error.detail) from error
    context: dict[str, object] = {"row": row, "url": saved_answers.page_of(row), "problem": ""}
    try:
        found = collections.images(saved_serializers.document_of(row)).select_related("dataset")
        counts = collections.counted(found.select_related(None))
        context |= {"slugs": [*(counts or {})][:MAPS_LINKED]}
        context |= {"total": None if counts is None else sum(counts.values())}
        context |= {"page": page_of(found, request.GET, COLLECTION_PER_PAGE, newest_first=True)}
    except SemsearchError as error:
        context["problem"] = public_text(error.detail)
    return render(request, "search/collection.html", context)


@require_safe
def backups(request: HttpRequest) -> HttpResponse:
    """Show members of staff the last backups, and whether it is time for another."""
    return render(request, "search/backups.html", {"shown": overview()})
