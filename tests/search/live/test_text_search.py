"""Searches by free text where a model that reads text is live, and what is said where none is."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from gallery import jobs
from gallery.models import Dataset, Image
from search.embedding.writer import store_embeddings
from search.experiments import jobs as experiment_jobs
from search.experiments import promotion
from search.extractors.networks import registry
from search.features import feature_specs, kept_maps, part_specs, text_encoders
from search.features.library import model_library
from search.maps import jobs as map_jobs
from search.models import Experiment, FeatureSpec, Projection, SearchIndex
from tests.search.live.test_documents import images_of, search
from tests.support.experiment_rows import stored_images
from tests.support.text_models import COLOURED, coloured_dataset, toy_model

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the first test keeps the toy model as it was added: it is checked in a process."""
    return tmp_path_factory.mktemp("models") / "added"


@pytest.fixture
def coloured(tmp_path: Path, added: Path) -> Iterator[Dataset]:
    """Return a dataset of plain images in which the toy model is live."""
    if added.exists():
        shutil.copytree(added, settings.MODELS_ROOT, dirs_exist_ok=True)
    registry.install((), settings.CACHE_ROOT / "models", None, settings.MODELS_ROOT)
    if not added.exists():
        model_library.add(toy_model(tmp_path / "brought"))
        shutil.copytree(settings.MODELS_ROOT, added)
    yield coloured_dataset(tmp_path, "colours", live=True)
    shutil.rmtree(settings.MODELS_ROOT, ignore_errors=True)


def names_of(answer: Any) -> list[str]:
    return [Path(hit["filename"]).name for hit in answer["hits"]]


def cosines(colour: int) -> dict[str, float]:
    units = np.array(COLOURED) / np.linalg.norm(COLOURED, axis=1, keepdims=True)
    return {f"{number}.png": float(unit[colour]) for number, unit in enumerate(units)}


def test_hits_are_ranked_by_the_cosine_of_text_and_image(coloured: Dataset, client: Client) -> None:
    for colour, word in enumerate(("red", "green", "blue")):
        answer = search(client, text=word, k=7)
        expected = cosines(colour)
        assert names_of(answer) == sorted(expected, key=lambda name: -expected[name])
        for hit in answer["hits"]:
            assert hit["score"] == pytest.approx(expected[Path(hit["filename"]).name], abs=0.01)
            assert (hit["probability"], hit["percentile"], hit["matched"]) == (None, None, None)
    assert answer["text"] == {
        "text": "blue",
        "answered_by": [
            {"model": "colours", "title": "Toy of colours", "licence": "CC0-1.0", "datasets": ["colours"]}
        ],
        "not_searched": [],
        "note": "",
    }
    assert (answer["searched"], answer["filtered_to"], answer["words"]) == (7, None, [])
    assert answer["config"]["model"] == "colours"
    assert answer["indexes"][0]["probability_unknown"] == "text"


def test_filters_pages_the_cutoff_groups_and_folding_go_on_as_ever(coloured: Dataset, client: Client) -> None:
    whole = search(client, text="green", k=7)
    pages: list[Any] = []
    cursor = None
    while not pages or cursor is not None:
        page = search(client, text="green", k=3, cursor=cursor)
        pages += page["hits"]
        cursor = page["next"]
    assert pages == whole["hits"]
    warm = search(client, text="green", where={"label": "warm"}, k=7)
    assert (warm["searched"], warm["filtered_to"], len(warm["hits"])) == (7, 2, 2)
    assert images_of(warm) == [hit["image"] for hit in whole["hits"] if hit["label"] == "warm"]
    assert search(client, text="green", cutoff=0.5, k=7)["below_cutoff"] is None
    grouped = search(client, text="green", k=7, group="label", fold="near")
    assert {group["label"] for group in grouped["groups"]} == {"warm", "cold"}
    assert grouped["hits"][0]["image"] == whole["hits"][0]["image"]
    assert search(client, text="green", datasets=["colours"], k=7)["hits"] == whole["hits"]


def test_where_no_model_reads_text_the_answer_says_so(
    coloured: Dataset, tmp_path: Path, client: Client, sample_folder: Callable[..., Path]
) -> None:
    other = Dataset.objects.create(slug="things", name="Things")
    jobs.perform_now(jobs.IMPORT, other, path=str(sample_folder(count=1, categories=2)), announce=False)
    feature_specs.live_index(other)
    alone = search(client, text="red", datasets=["things"])
    assert (alone["hits"], alone["searched"], alone["next"]) == ([], 0, None)
    assert alone["text"]["answered_by"] == []
    assert "No model that reads text is live here" in alone["text"]["note"]
    both = search(client, text="red")
    assert len(both["hits"]) == 7
    assert both["text"]["not_searched"] == ["things"]
    assert both["text"]["note"] == "Not searched, as no model that reads text is live there: Things."
    assert search(client, text="red", datasets=["nowhere"])["error"]["code"] == "not_found"


def test_two_datasets_of_one_model_are_ranked_together(
    coloured: Dataset, tmp_path: Path, client: Client
) -> None:
    coloured_dataset(tmp_path, "more", live=True)
    answer = search(client, text="red", k=14)
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert {hit["dataset"] for hit in answer["hits"][:2]} == {"colours", "more"}
    assert answer["text"]["answered_by"][0]["datasets"] == ["colours", "more"]


def test_in_a_large_dataset_the_first_hits_are_those_that_comparing_all_would_find(
    coloured: Dataset, client: Client
) -> None:
    config = feature_specs.live_index(coloured).spec.config
    other = Dataset.objects.create(slug="large", name="Large")
    index = feature_specs.index_of(other, FeatureSpec.objects.for_config(config))
    # as with real models: images lie around a direction of their own, far from that of texts
    vectors = np.eye(8)[5] + np.random.default_rng(3).normal(0, 0.4, (1500, 8))
    vectors = vectors.astype(np.float16).astype(np.float64)  # as they are stored
    ids = np.array(stored_images(other, ["many"] * len(vectors)), dtype=np.int64)
    store_embeddings(index, ids, vectors.astype(np.float32))
    exact = vectors[:, 0] / np.linalg.norm(vectors, axis=1)
    whole = search(client, text="red", datasets=["large"], k=60)
    assert images_of(whole) == ids[np.argsort(-exact)[:60]].tolist()
    assert [hit["score"] for hit in whole["hits"]] == pytest.approx(np.sort(exact)[::-1][:60], abs=1e-3)
    last = search(client, text="red", datasets=["large"], k=20, cursor="40")
    assert last["hits"] == whole["hits"][40:]


def test_what_a_text_cannot_be_asked_with_is_refused(coloured: Dataset, client: Client) -> None:
    image = Image.objects.first()
    assert image is not None
    for beside in ({"like": [{"image": image.pk}]}, {"words": ["red"]}, {"explain": True}):
        detail = search(client, text="red", **beside)["error"]["detail"]
        assert "It is searched with alone" in str(detail)
    for text in ("", "   ", "x" * 501, 7 * [1]):
        assert search(client, text=text)["error"]["code"] == "invalid"


def test_tuned_and_other_features_of_the_model_are_not_taken_for_it(
    coloured: Dataset, client: Client
) -> None:
    index = feature_specs.live_index(coloured)
    config = feature_specs.config_named("colours", None, "pyramid")
    assert config is not None
    promotion.promote_now(coloured, FeatureSpec.objects.for_config(config))
    assert search(client, text="red")["text"]["answered_by"] == []
    with pytest.raises(kept_maps.NoMapError, match="one vector of all of an image"):
        part_specs.require_parts(index.spec)


def test_a_model_that_is_live_is_not_removed(coloured: Dataset, client: Client) -> None:
    with pytest.raises(model_library.ModelInUseError, match="answers live searches of colours"):
        model_library.remove("colours")
    text_encoders.warm(feature_specs.live_index(coloured).spec.config)
    assert search(client, text="red")["hits"]


def test_the_model_takes_part_in_experiments_and_maps(coloured: Dataset) -> None:
    experiment_jobs.compute_now(coloured, experiment_jobs.Plan("colours", ("average",), ("cosine",)))
    found = Experiment.objects.get(dataset=coloured, spec__model="colours")
    assert (found.spec.layer, found.spec.pooling) == ("embedding", "average")
    (plan,) = map_jobs.plans(["pca"], ["colours"])
    map_jobs.compute_now(coloured, plan)
    assert Projection.objects.filter(dataset=coloured, spec__model="colours").exists()


def test_it_is_a_command_and_a_saved_search_too(coloured: Dataset, staff_client: Client) -> None:
    out = io.StringIO()
    call_command("search_images", "--text", "red", "--k", "2", "--json", stdout=out)
    report = json.loads(out.getvalue().splitlines()[-1])
    assert names_of(report) == ["0.png", "1.png"]
    assert report["text"]["answered_by"][0]["model"] == "colours"
    with pytest.raises(CommandError, match="--text is searched with alone"):
        call_command("search_images", "--text", "red", "--word", "dog", stdout=out)
    kept = staff_client.post(
        "/api/v1/saved-searches/",
        json.dumps({"name": "Reds", "document": {"text": "red", "k": 3}}),
        content_type="application/json",
    )
    assert kept.status_code == 201, kept.content
    saved = search(staff_client, where=f"saved:{kept.json()['id']}")
    assert set(names_of(saved)) == {"0.png", "1.png", "2.png"}


def test_the_page_and_the_list_of_networks_say_what_reads_text(
    coloured: Dataset, staff_client: Client
) -> None:
    models = {one["name"]: one for one in staff_client.get("/api/v1/models/").json()}
    assert models["colours"]["origin"] == {"licence": "CC0-1.0", "source": "made in a test", "text": True}
    assert models["squeezenet"]["origin"] is None
    assert "CC0-1.0" in staff_client.get("/networks/").content.decode()
    assert SearchIndex.objects.filter(live=True, spec__model="colours").exists()
    page = staff_client.get("/live/").content.decode()
    assert 'data-text-model="Toy of colours"' in page
