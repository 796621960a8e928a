"""Every answer of the REST interface is what its schema says, key by key and in that order."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, get_origin, get_type_hints

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry

from gallery import jobs
from gallery.errors import NotAnImageError
from gallery.models import Dataset, Image, Job
from gallery.vocabulary.words import vocabulary
from search import job_kinds
from search.index.faiss.generation import Manifest
from search.index.milvus.generation import Published
from search.models import Experiment, FeatureSpec, Projection, SearchIndex
from search.types import GenerationFacts
from tests.conftest import image_bytes, import_folder
from tests.support.experiment_rows import experiment_row, query_row
from tests.support.projection_rows import featured_images, pca, project
from tests.support.schema_client import Schema, SchemaClient
from tests.support.site import ROOT

# what other systems keep with an image, which nobody here reads, and a document as it was asked
FREE_FORM = {
    "Image.metadata", "BinnedImage.metadata", "PatchedImageChangeRequest.metadata", "SavedSearch.document",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> Schema:
    """Return the schema of the whole interface."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def answers_of(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield path, method and schema of each answer in JSON that has a body."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and "application/json" in answer.get("content", {}):
                    yield path, method, answer["content"]["application/json"]["schema"]


def test_every_answer_has_a_named_component(schema: Schema) -> None:
    unnamed = [f"{method} {path}" for path, method, answer in answers_of(schema) if "$ref" not in answer]
    assert not unnamed


def test_every_operation_says_what_an_error_looks_like(schema: Schema) -> None:
    error = {"$ref": "#/components/schemas/Error"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["default"]["content"] == {"application/json": {"schema": error}}


def test_the_schema_is_made_without_a_warning() -> None:
    with GENERATOR_STATS.silence():  # it counts them all the same
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS


def test_every_body_of_json_has_an_example_that_holds_what_it_needs(schema: Schema) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if sent is None:
                continue
            assert sent.get("examples"), f"{method} {path}"
            body = schema["components"]["schemas"][sent["schema"]["$ref"].rpartition("/")[2]]
            for example in sent["examples"].values():
                assert set(body.get("required", ())) <= set(example["value"]) <= set(body["properties"])


def test_no_component_is_of_free_form_but_those_known_to_be(schema: Schema) -> None:
    assert set(_free_form(schema["components"]["schemas"])) == FREE_FORM


def _free_form(components: dict[str, Schema]) -> Iterator[str]:
    for name, component in components.items():
        for key, value in component.get("properties", {}).items():
            if not {"$ref", "allOf", "oneOf", "enum"} & set(value) and (
                "type" not in value or value.get("additionalProperties") == {}
            ):
                yield f"{name}.{key}"


def test_no_function_returns_a_mapping_of_anything() -> None:
    """What is returned has a `TypedDict`, a dataclass, or keys that nobody knows: `dict[str, object]`."""
    files = [
        file for package in ("gallery", "search", "semsearch_site") for file in (ROOT / package).rglob("*.py")
    ]
    found = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.returns
        if re.search(r"(dict|Mapping)\[str, Any\]", ast.unparse(node.returns))
    ]
    assert not found


@pytest.mark.parametrize("manifest", [Manifest, Published])
def test_facts_of_a_generation_are_what_its_manifest_holds(manifest: type) -> None:
    names = {one.name for one in fields(manifest)} - {"centre", "sample"}
    hints = get_type_hints(GenerationFacts, include_extras=True)
    required = {name for name, hint in hints.items() if get_origin(hint) is not NotRequired}
    assert required <= names <= set(hints)


class Inner(TypedDict):
    """What is inside."""

    some: NotRequired[list[int]]


class OuterAnswer(TypedDict):
    """What is outside."""

    inner: Annotated[Inner | None, "Where there is one."]
    pair: tuple[int, float]
    by_name: dict[str, Inner]


def test_a_typed_answer_becomes_one_component_each_with_its_descriptions() -> None:
    view = AutoSchema()
    view.registry = ComponentRegistry()
    answer: Any = OuterAnswer
    assert view.resolve_serializer(answer, "response").ref == {"$ref": "#/components/schemas/Outer"}
    inner = {"$ref": "#/components/schemas/Inner"}
    assert view.registry.build({})["schemas"] == {
        "Inner": {
            "type": "object",
            "description": "What is inside.",
            "properties": {"some": {"type": "array", "items": {"type": "integer"}}},
        },
        "Outer": {
            "type": "object",
            "description": "What is outside.",
            "properties": {
                "inner": {"allOf": [inner], "nullable": True, "description": "Where there is one."},
                "pair": {
                    "type": "array",
                    "items": {"type": "number", "format": "double"},
                    "minItems": 2,
                    "maxItems": 2,
                },
                "by_name": {"type": "object", "additionalProperties": inner},
            },
            "required": ["by_name", "inner", "pair"],
        },
    }


@dataclass(frozen=True)
class Site:
    """A dataset that is imported, indexed, measured and mapped, and another with made-up features."""

    image: Image
    experiment: Experiment
    projection: Projection
    job: Job


@pytest.fixture
def site(dataset: Dataset, sample_folder: Callable[..., Path]) -> Site:
    """Return a site that has something to answer with for every operation."""
    import_folder(dataset, sample_folder(count=3))
    jobs.perform_now(job_kinds.INDEX, dataset)
    image = Image.objects.order_by("pk")[0]
    ids = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    experiment = experiment_row(
        dataset,
        SearchIndex.objects.get(dataset=dataset).spec,
        weighted_precision=0.5,
        precision=0.25,
        average_precision=0.125,
        extract_ms=4.5678,
        categories=[
            {"name": "a", "images": 2, "weighted_precision": 0.5, "precision": 0.5, "average_precision": 0.5}
        ],
        confusion=[{"category": "a", "neighbours": [{"category": "a", "count": 2}]}],
    )
    query_row(experiment, image.pk, ids[1:4], [0.9, 0.8, -1.5], precision=0.5).save()
    mapped = Dataset.objects.create(slug="mapped", name="Mapped")
    featured_images(mapped, ["dogs", "dogs", "cats", "cats", "", ""])
    project(mapped, pca())
    job = jobs.enqueue(jobs.IMPORT, dataset, path=str(sample_folder(count=3)))
    run = jobs.claim(job.pk)
    assert run is not None
    run.fail_file("broken.png", NotAnImageError("It is no picture."))
    run.finish(Job.State.FAILED, error="It was of no use.")
    return Site(image, experiment, Projection.objects.order_by("pk")[0], job)


@pytest.mark.django_db(transaction=True)
def test_every_answer_is_as_the_schema_says(
    site: Site, staff_client: Client, schema: Schema, without_broker: None
) -> None:
    asked = SchemaClient(staff_client, schema)
    _ask_the_gallery(asked, site)
    _ask_the_search(asked, site)
    _ask_experiments_and_maps(asked, site)
    _ask_the_bin(asked, staff_client)
    asked.get("/api/v1/images/{id}/", "/api/v1/images/999999/")
    asked.send("delete", "/api/v1/images/", f"/api/v1/images/?ids={site.image.pk}")
    assert asked.operations == {(path, method) for path, method, _ in answers_of(schema)}


def _ask_the_gallery(asked: SchemaClient, site: Site) -> None:
    pk = site.image.pk
    asked.get("/api/v1/datasets/")
    one = "/api/v1/datasets/{slug}/"
    asked.get(one, "/api/v1/datasets/mine/")
    asked.get("/api/v1/datasets/{slug}/atlas/", "/api/v1/datasets/mine/atlas/")
    asked.post("/api/v1/datasets/", slug="new", name="New")
    asked.send("patch", one, "/api/v1/datasets/new/", name="Newer")
    asked.post("/api/v1/datasets/from-images/", slug="chosen", name="Chosen", images=[pk])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("cats/1.png", image_bytes(1))
    asked.post_form(
        "/api/v1/datasets/{slug}/upload/",
        "/api/v1/datasets/new/upload/",
        file=SimpleUploadedFile("a.zip", archive.getvalue()),
    )
    asked.get("/api/v1/images/", page_size=2)
    asked.get("/api/v1/images/", ids=f"{pk + 1},{pk}")
    asked.get("/api/v1/images/{id}/", f"/api/v1/images/{pk}/")
    asked.send("patch", "/api/v1/images/{id}/", f"/api/v1/images/{pk}/", external_id="x", metadata={"a": [1]})
    asked.send("patch", "/api/v1/images/", f"/api/v1/images/?ids={pk}", label="other")
    asked.get("/api/v1/images/{id}/embedding/", f"/api/v1/images/{pk}/embedding/")
    asked.get("/api/v1/images/grid/", dataset="mine", order="category", limit=3)
    asked.get("/api/v1/images/grid/", dataset="mine", limit=3)
    asked.post_form(
        "/api/v1/images/", file=SimpleUploadedFile("new.png", image_bytes(5)), dataset="mine", label="new"
    )
    job = f"/api/v1/jobs/{site.job.pk}/"
    asked.get("/api/v1/jobs/")
    asked.get("/api/v1/jobs/{id}/", job)
    asked.get("/api/v1/jobs/{id}/failed-files/", f"{job}failed-files/")
    asked.post("/api/v1/jobs/{id}/failed-files/retry/", f"{job}failed-files/retry/")
    asked.post("/api/v1/jobs/{id}/retry/", f"{job}retry/")
    asked.post("/api/v1/jobs/{id}/cancel/", f"{job}cancel/")
    asked.post("/api/v1/tokens/", name="nightly", scopes=["search", "read"])
    asked.get("/api/v1/tokens/")


def _ask_the_search(asked: SchemaClient, site: Site) -> None:
    asked.post("/api/v1/search/", image=site.image.pk, k=3)
    asked.post_form("/api/v1/search/", file=SimpleUploadedFile("a.png", image_bytes(3)), dataset="mine", k=2)
    asked.post("/api/v1/search/", vector=[0.5] * 512, dataset="mine", k=2)
    like = [{"image": site.image.pk}]
    upload = asked.post_form("/api/v1/uploads/", file=SimpleUploadedFile("a.png", image_bytes(3)))["upload"]
    asked.post("/api/v1/search/", like=like, unlike=[{"upload": upload}], where="label:x width>=1", k=2)
    asked.post("/api/v1/search/", where={"format": "PNG"}, k=2)
    asked.post("/api/v1/search/", like=like, k=2, explain=True)
    asked.post("/api/v1/search/", like=[like[0] | {"box": [0, 0, 0.5, 1]}], k=2)
    hit = Image.objects.exclude(pk=site.image.pk).filter(dataset=site.image.dataset).order_by("pk")[0]
    asked.get("/api/v1/search/explanation/", image=site.image.pk, hit=hit.pk)
    asked.post("/api/v1/search/", words=["bird", "zebrra"], k=2)
    asked.get("/api/v1/words/", text="bi", dataset="mine")
    asked.get("/api/v1/images/{id}/words/", f"/api/v1/images/{site.image.pk}/words/")
    meaning = vocabulary().means("zebra")[0]
    site.image.words.create(dataset=site.image.dataset, key=meaning.key, confidence=9000)
    asked.post(
        "/api/v1/images/{id}/words/", f"/api/v1/images/{site.image.pk}/words/", word="zebra", verdict="take"
    )
    asked.get("/api/v1/datasets/{slug}/words/", "/api/v1/datasets/mine/words/")
    asked.post("/api/v1/datasets/{slug}/words/", "/api/v1/datasets/mine/words/")
    asked.get("/api/v1/facets/", where="width>=1", dataset="mine")
    queries = [{"image": site.image.pk, "k": 2}, {"like": like, "k": 2}, {"image": 10**9}]
    asked.post("/api/v1/search/batch/", queries=queries)
    asked.post("/api/v1/search/", like=like, k=2, fold="near", group="label")
    _ask_saved_searches(asked, site)
    asked.get("/api/v1/models/")
    asked.get(
        "/api/v1/models/{name}/layers/{layer}/feature-maps/",
        "/api/v1/models/efficientnet-lite0/layers/stage3/feature-maps/",
        image=site.image.pk,
        count=2,
    )
    asked.post("/api/v1/models/{name}/weights/", "/api/v1/models/vgg16/weights/")
    asked.get("/api/v1/indexes/")
    index = SearchIndex.objects.create(
        dataset=site.image.dataset, spec=FeatureSpec.objects.order_by("-pk")[0], live=False
    )
    one = f"/api/v1/indexes/{index.pk}/"
    asked.get("/api/v1/indexes/{id}/", one)
    asked.get(
        "/api/v1/indexes/{id}/",
        f"/api/v1/indexes/{SearchIndex.objects.get(live=True, dataset__slug='mine').pk}/",
    )
    asked.post("/api/v1/indexes/{id}/promote/", f"{one}promote/")
    asked.post_form(
        "/api/v1/datasets/{slug}/embeddings/",
        "/api/v1/datasets/mine/embeddings/",
        file=_array(np.ones((1, 4), dtype=np.float32)),
        ids=_array(np.array([site.image.pk])),
        name="clip",
    )
    parts = ("/api/v1/datasets/{slug}/parts/", "/api/v1/datasets/mine/parts/")
    asked.get(*parts)
    asked.post(*parts)
    asked.send("delete", *parts)
    tuning = ("/api/v1/datasets/{slug}/tuning/", "/api/v1/datasets/mine/tuning/")
    asked.get(*tuning)
    asked.post(*tuning)


def _ask_saved_searches(asked: SchemaClient, site: Site) -> None:
    every = "/api/v1/saved-searches/"
    document = {"like": [{"image": site.image.pk}], "k": 2}
    made = asked.post(every, name="Like it", document=document, address="?image=1", shared=True)
    one = f"{every}{made['id']}/"
    asked.get(every)
    asked.get(f"{every}{{id}}/", one)
    asked.send("patch", f"{every}{{id}}/", one, name="Its like", seen=True)
    asked.get(f"{every}new/")
    for part in ("hits", "images"):
        asked.get(f"{every}{{id}}/{part}/", f"{one}{part}/")


def _array(values: object) -> SimpleUploadedFile:
    out = io.BytesIO()
    np.save(out, values)  # type: ignore[arg-type]
    return SimpleUploadedFile("values.npy", out.getvalue())


def _ask_the_bin(asked: SchemaClient, staff: Client) -> None:
    image = Image.objects.filter(dataset__slug="mine").latest("pk").pk
    dataset = Dataset.objects.get(slug="mapped").pk
    staff.delete(f"/api/v1/images/{image}/")
    staff.delete("/api/v1/datasets/mapped/")
    for kind, pk in (("images", image), ("datasets", dataset)):
        asked.get(f"/api/v1/bin/{kind}/")
        asked.get(f"/api/v1/bin/{kind}/{{id}}/", f"/api/v1/bin/{kind}/{pk}/")
        asked.post(f"/api/v1/bin/{kind}/{{id}}/restore/", f"/api/v1/bin/{kind}/{pk}/restore/")


def _ask_experiments_and_maps(asked: SchemaClient, site: Site) -> None:
    experiments = "/api/v1/experiments/"
    one = f"{experiments}{site.experiment.pk}/"
    asked.get(experiments)
    asked.get("/api/v1/experiments/{id}/", one)
    asked.get("/api/v1/experiments/{id}/neighbours/", f"{one}neighbours/", image=site.image.pk)
    asked.get("/api/v1/experiments/{id}/image-scores/", f"{one}image-scores/")
    asked.get(
        "/api/v1/experiments/{id}/explanation/",
        f"{one}explanation/",
        image=site.image.pk,
        neighbour=site.image.pk + 1,
    )
    asked.get(f"{experiments}of-image/", image=site.image.pk)
    asked.get(f"{experiments}leaderboard/", dataset="mine")
    asked.get(
        f"{experiments}score-distributions/",
        dataset="mine",
        model="efficientnet-lite0",
        pooling="average",
        metric="cosine",
    )
    asked.get(f"{experiments}estimate/", dataset="mine", models=["efficientnet-lite0"])
    asked.post(experiments, dataset="mine", models=["efficientnet-lite0"])
    spec = FeatureSpec.objects.order_by("-pk")[0]
    other = experiment_row(site.image.dataset, spec)
    asked.post("/api/v1/experiments/{id}/promote/", f"{experiments}{other.pk}/promote/")
    projections = "/api/v1/projections/"
    one = f"{projections}{site.projection.pk}/"
    asked.get(projections, dataset="mapped", page_size=2)
    asked.get("/api/v1/projections/{id}/", one)
    for by in ("category", "cluster"):
        asked.get("/api/v1/projections/{id}/legend/", f"{one}legend/", by=by)
    experiment_row(site.projection.dataset, site.projection.spec)
    asked.get("/api/v1/projections/{id}/legend/", f"{one}legend/", by="score")
    asked.post(projections, dataset="mine", method="pca", models=["efficientnet-lite0"])
