"""REST endpoints of words: those of an image, those there are, and how far they can be trusted."""

from __future__ import annotations

from typing import Annotated, TypedDict

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.api.schema import example
from gallery.api.serializers import JobSerializer
from gallery.api.strict import KnownParameters
from gallery.api.views import shown_jobs
from gallery.errors import NotFoundError
from gallery.models import Dataset, Image
from gallery.words import suggestions
from search.embedding import word_jobs
from search.words.completion import CompletionsAnswer, completions
from search.words.coverage import CoverageAnswer, coverage
from search.words.serializers import TAKE, CompletionSerializer, VerdictSerializer

SLUG = OpenApiParameter("slug", OpenApiTypes.STR, OpenApiParameter.PATH)


class SuggestionAnswer(TypedDict):
    """A word that a classifier suggests."""

    word: str
    confidence: Annotated[float, "Calibrated: of suggestions with 0.7 about seven in ten are right."]
    broader: Annotated[bool, "Whether it stands above a narrower one."]


class ImageWordsAnswer(TypedDict):
    """The words of an image: people's labels, and what is suggested beside them."""

    image: int
    labels: list[str]
    suggested: list[SuggestionAnswer]


class ImageWordsView(KnownParameters, APIView):
    """The words of an image."""

    @extend_schema(operation_id="images_words", responses=ImageWordsAnswer)
    def get(self, request: Request, pk: str) -> Response:
        """Return the labels of an image and what a classifier suggests beside them, surest first."""
        return Response(_words_of(_image(pk)))

    @extend_schema(
        operation_id="images_words_decide",
        examples=[example("take a word", {"word": "zebra", "verdict": "take"})],
        request=VerdictSerializer,
        responses=ImageWordsAnswer,
    )
    def post(self, request: Request, pk: str) -> Response:
        """Take a suggested word as a label, or remove it, for good."""
        form = VerdictSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        suggestions.decide(_image(pk), values["word"], right=values["verdict"] == TAKE)
        return Response(_words_of(_image(pk)))


class DatasetWordsView(KnownParameters, APIView):
    """The words of a dataset."""

    @extend_schema(operation_id="datasets_words", parameters=[SLUG], responses=CoverageAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """Tell how many images have suggested words, and how often these agree with labels."""
        return Response(coverage(Dataset.objects.called(slug)))

    @extend_schema(
        operation_id="datasets_words_look",
        parameters=[SLUG],
        request=None,
        responses={202: JobSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Look for words in the images in which nobody did yet; new ones get theirs by themselves."""
        job = word_jobs.enqueue_words(Dataset.objects.called(slug))
        shown = JobSerializer(shown_jobs().get(pk=job.pk), context={"request": request})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)


class CompletionsView(KnownParameters, APIView):
    """Words that can be searched for."""

    @extend_schema(operation_id="words", parameters=[CompletionSerializer], responses=CompletionsAnswer)
    def get(self, request: Request) -> Response:
        """Complete a word: labels first, then words that a classifier knows."""
        form = CompletionSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        slug = form.validated_data.get("dataset")
        datasets = [Dataset.objects.called(slug)] if slug else []
        return Response(completions(form.validated_data["text"], datasets))


def _image(pk: str) -> Image:
    image = Image.objects.filter(pk=int(pk)).prefetch_related("further").first()
    if image is None:
        raise NotFoundError(f"There is no image {pk}; it may have been deleted.")
    return image


def _words_of(image: Image) -> ImageWordsAnswer:
    return {
        "image": image.pk,
        "labels": image.labels,
        "suggested": [
            {
                "word": one.meaning.title,
                "confidence": round(one.confidence, 4),
                "broader": one.broader,
            }
            for one in suggestions.of_images([image.pk])[image.pk]
        ],
    }
