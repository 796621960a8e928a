"""REST endpoints of saved searches: validate, call one service, render."""

from __future__ import annotations

import time
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gallery.api import parsers
from gallery.api.pagination import ByNewest
from gallery.api.schema import example
from gallery.api.strict import KnownParameters
from gallery.api.views import ANY_ID
from gallery.errors import SemsearchError
from gallery.public_text import public_text
from search.live import engine
from search.live.answering.found_answers import FoundAnswer, found_answer
from search.models import SavedSearch
from search.saved import answers, collections, rows
from search.saved import serializers as shapes
from search.saved.collections import New


class SavedSearchViewSet(KnownParameters, viewsets.GenericViewSet[SavedSearch]):
    """Saved searches: list, save, rename, share, delete, and what they find."""

    queryset = SavedSearch.objects.none()
    parser_classes = [parsers.JsonParser]  # of a form, a document could not be kept as it was asked
    pagination_class = ByNewest
    lookup_value_regex = ANY_ID

    @extend_schema(responses=answers.SavedSearchAnswer)
    def list(self, request: Request) -> Response:
        """List your own saved searches and those that others share, latest first."""
        who = rows.viewer()
        page = self.paginate_queryset(rows.visible_to(who)) or []
        return self.get_paginated_response([answers.saved_answer(row, who) for row in page])

    @extend_schema(
        examples=[
            example("a filter", {"name": "Large wrens", "document": {"where": "label:wren width>=640"}}),
            example("by example", {"name": "Like this", "document": {"like": [{"image": 12}], "k": 50}}),
        ],
        request=shapes.NewSavedSearchSerializer,
        responses={201: answers.SavedSearchAnswer},
    )
    def create(self, request: Request) -> Response:
        """Save a search under a name.

        Images of it that were uploaded or stand at an address are kept with it, and named as uploads.
        """
        form = shapes.NewSavedSearchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        who, values = rows.viewer(), form.validated_data
        assert who.owner is not None, "the gate lets in nobody else"
        wanted = rows.NewSearch(values["name"], values["address"], shared=values["shared"])
        row = rows.save(who.owner, wanted, cast(dict[str, Any], request.data)["document"])
        return Response(answers.saved_answer(row, who), status=status.HTTP_201_CREATED)

    @extend_schema(responses=answers.SavedSearchAnswer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a saved search."""
        who = rows.viewer()
        return Response(answers.saved_answer(rows.one(int(pk), who), who))

    @extend_schema(
        examples=[example("another name", {"name": "Wrens"}), example("for everybody", {"shared": True})],
        request=shapes.SavedSearchChangeSerializer,
        responses=answers.SavedSearchAnswer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename one of your saved searches, share it, or note that you have seen it."""
        who = rows.viewer()
        row = _own(int(pk), who)
        form = shapes.SavedSearchChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        rows.change(row, **form.validated_data)
        return Response(answers.saved_answer(row, who))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one of your saved searches; with the permission for it also one that is shared."""
        who = rows.viewer()
        row = rows.one(int(pk), who)
        if not who.deletes(row):
            raise exceptions.PermissionDenied(f"This saved search is {row.owner}'s.")
        rows.delete(row)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="saved_searches_hits", parameters=[shapes.RunSerializer], responses=FoundAnswer
    )
    @action(detail=True, pagination_class=None)
    def hits(self, request: Request, pk: str) -> Response:
        """Search with it: what it finds now. Each request counts as a search."""
        form = shapes.RunSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        row = rows.one(int(pk), rows.viewer())
        return Response(found_answer(engine.answered(shapes.document_of(row, **form.validated_data))))

    @extend_schema(
        operation_id="saved_searches_images",
        parameters=[shapes.CollectionSerializer],
        responses=answers.CollectionAnswer,
    )
    @action(detail=True, pagination_class=None)
    def images(self, request: Request, pk: str) -> Response:
        """Name the images of its collection: all that a filter finds, or the hits above the cut-off."""
        form = shapes.CollectionSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        document = shapes.document_of(rows.one(int(pk), rows.viewer()))
        return Response(_collection(document, form.validated_data.get("dataset")))

    @extend_schema(operation_id="saved_searches_new", responses=answers.NewsAnswer)
    @action(detail=False, pagination_class=None)
    def new(self, request: Request) -> Response:
        """Count what came to each of your saved searches since you saw it, as far as time allows."""
        who, ends = rows.viewer(), time.monotonic() + collections.ALLOWED_MS / 1000
        own = [] if who.owner is None else rows.visible_to(who).filter(owner=who.owner.pk)
        return Response({"counts": [answers.new_answer(row, _new(row, ends)) for row in own]})


def _own(number: int, who: rows.Viewer) -> SavedSearch:
    row = rows.one(number, who)
    if not who.owns(row):
        raise exceptions.PermissionDenied(f"This saved search is {row.owner}'s.")
    return row


def _new(row: SavedSearch, ends: float) -> New:
    try:
        return collections.count_new(shapes.document_of(row), row.seen_image, ends)
    except SemsearchError as error:
        return New(None, problem=public_text(error.detail))


def _collection(document: Any, dataset: str | None) -> answers.CollectionAnswer:
    found = collections.images(document)
    if dataset is not None:
        found = found.filter(dataset__slug=dataset)
    ids = list(found.order_by("-pk").values_list("pk", flat=True)[: shapes.MOST_IMAGES + 1])
    return {"images": ids[: shapes.MOST_IMAGES], "more": len(ids) > shapes.MOST_IMAGES}
