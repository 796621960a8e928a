"""REST endpoints of features: the vector of an image, and all of a dataset as files of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import numpy as np
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gallery.api.parsers import MultiPartParser
from gallery.api.renderers import BinaryRenderer
from gallery.api.serializers import JobSerializer, SentFileField
from gallery.api.strict import KnownFields, KnownParameters
from gallery.api.views import shown_jobs
from gallery.errors import NotFoundError, NothingIndexedError
from gallery.models import Dataset, Image, Job
from search.embedding import part_jobs, vector_files, vector_import
from search.models import Embedding, SearchIndex
from search.types import FeatureConfigValues

BINARY = BinaryRenderer.media_type
SLUG = OpenApiParameter("slug", OpenApiTypes.STR, OpenApiParameter.PATH)


class EmbeddingAnswer(TypedDict):
    """The features of an image under the configuration that answers searches of its dataset."""

    image: int
    spec: FeatureConfigValues
    vector: Annotated[
        list[float], "As the network gave it, not centred, or tuned where searches are; in 16 bits each."
    ]


class ImageEmbeddingView(KnownParameters, APIView):
    """The features of an image."""

    @extend_schema(operation_id="images_embedding", responses=EmbeddingAnswer)
    def get(self, request: Request, pk: str) -> Response:
        """Return the vector of an image, with which it is found and `/search/` can be asked."""
        image = Image.objects.filter(pk=int(pk)).first()
        if image is None:
            raise NotFoundError(f"There is no image {pk}; it may have been deleted.")
        index = SearchIndex.objects.select_related("spec").filter(dataset=image.dataset_id, live=True).first()
        row = Embedding.objects.filter(image=image, spec=index.spec_id).first() if index else None
        if index is None or row is None:
            raise NothingIndexedError(
                "The image has no features yet: wait for the job of its dataset to end."
            )
        vector = np.frombuffer(bytes(row.vector), dtype="<f2").tolist()
        return Response(EmbeddingAnswer(image=image.pk, spec=index.spec.config.as_values(), vector=vector))


class NewEmbeddingsSerializer(KnownFields, serializers.Serializer[Any]):
    """Vectors that were made elsewhere."""

    file = SentFileField(help_text="Vectors (n, d), as NumPy saves them (.npy).")
    ids = SentFileField(help_text="The images (n,) that they are of, as NumPy saves them (.npy).")
    name = serializers.SlugField(max_length=80, help_text="What the features are called.")


class NewEmbeddingsResponseSerializer(serializers.Serializer[Any]):
    """Where the vectors are, and the job that builds their index."""

    index = serializers.IntegerField(
        source="index.pk", help_text="Its number: `/search/` takes it as `index`."
    )
    stored = serializers.IntegerField(help_text="How many vectors were new.")
    kept = serializers.IntegerField(help_text="How many images had one of this name already.")
    job = JobSerializer()


class NewEmbeddingsView(KnownParameters, APIView):
    """Features of a dataset that were made elsewhere."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="datasets_embeddings_create",
        parameters=[SLUG],
        request={"multipart/form-data": NewEmbeddingsSerializer},
        responses={202: NewEmbeddingsResponseSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Store vectors of images under a name; the job in the answer builds their index.

        Searches with `index` and an image or a vector look among them. No search can ask them with an image:
        the network that made them is not here.
        """
        dataset = Dataset.objects.called(slug)
        form = NewEmbeddingsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        ids = vector_import.read(values["ids"], "ids")
        vectors = vector_import.read(values["file"], "vectors")
        stored = vector_import.import_vectors(dataset, values["name"], ids, vectors)
        shown = NewEmbeddingsResponseSerializer(
            {**vars(stored), "job": shown_jobs().get(pk=stored.job.pk)}, context={"request": request}
        )
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)


class PartsView(KnownParameters, APIView):
    """The parts of the images of a dataset, indexed beside the whole ones."""

    @extend_schema(operation_id="datasets_parts", parameters=[SLUG], responses=part_jobs.PartsAnswer)
    def get(self, request: Request, slug: str) -> Response:
        """Say whether searches of a dataset look at parts of its images, and what it takes to index them."""
        return Response(part_jobs.parts_answer(Dataset.objects.called(slug)))

    @extend_schema(
        operation_id="datasets_parts_create", parameters=[SLUG], request=None, responses={202: JobSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Index the parts of all images, in the background; answers with the job.

        Searches of this dataset alone then find what is only a part of an image, and say where: `box` of a
        hit. Images that come later get theirs, too.
        """
        return self._queued(part_jobs.enqueue(Dataset.objects.called(slug)))

    @extend_schema(
        operation_id="datasets_parts_destroy", parameters=[SLUG], request=None, responses={202: JobSerializer}
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Forget the parts of all images, in the background; answers with the job."""
        return self._queued(part_jobs.enqueue_removal(Dataset.objects.called(slug)))

    def _queued(self, job: Job) -> Response:
        return Response(JobSerializer(shown_jobs().get(pk=job.pk)).data, status=status.HTTP_202_ACCEPTED)


class EmbeddingsView(KnownParameters, APIView):
    """The features of all images of a dataset."""

    renderer_classes = [BinaryRenderer, JSONRenderer]

    @extend_schema(
        operation_id="datasets_embeddings",
        parameters=[SLUG],
        responses={(200, BINARY): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Send the vectors (n, d) float16, for `numpy.load`, of the configuration that answers searches.

        `embeddings-ids.npy` says which image each row is of. Both have the same `ETag` while nothing changes.
        A row whose image is deleted while they are sent is all zeros.
        """
        return _sent(request, slug, "embeddings", vector_files.vectors)


class EmbeddingsIdsView(KnownParameters, APIView):
    """Which images the features of a dataset are of."""

    renderer_classes = [BinaryRenderer, JSONRenderer]

    @extend_schema(
        operation_id="datasets_embeddings_ids",
        parameters=[SLUG],
        responses={(200, BINARY): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Send the ids (n,) int64 of the images that the rows of `embeddings.npy` are of."""
        return _sent(request, slug, "embeddings-ids", vector_files.image_ids)


def _sent(
    request: Request, slug: str, name: str, content: Callable[[SearchIndex], Iterator[bytes]]
) -> HttpResponseBase:
    dataset = Dataset.objects.called(slug)
    index = SearchIndex.objects.select_related("spec").filter(dataset=dataset, live=True).first()
    if index is None:
        raise NothingIndexedError("This dataset has no features yet: wait for its job to end.")
    tag = quote_etag(vector_files.version(index))
    known = get_conditional_response(request._request, etag=tag)
    response = known or StreamingHttpResponse(content(index), content_type=BINARY)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    if known is None:
        response["Content-Disposition"] = f'attachment; filename="{slug}-{name}.npy"'
    return response
