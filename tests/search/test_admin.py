"""The admin of feature specs, indexes and their builds: it tells all of a build and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery.ingest.removals import bin
from gallery.models import Dataset
from search.index.faiss.build import BuildPlan, build_generation
from search.index.faiss.store import GenerationStore
from search.indexing.build_report import build_report, figure
from search.models import Experiment, FeatureSpec, IndexBuild, SearchIndex
from search.types import FeatureConfig
from tests.support.deletions import drain

pytestmark = pytest.mark.django_db

TRIED = [
    {
        "factory": factory, "count": count, "recall_at_10": recall, "bytes_per_vector": 68.97,
        "query_ms": 0.1956, "effort_lists": 24, "effort_candidates": 64, "effort_margin": 0.4292,
    }
    for factory, count, recall in [
        ("RR512,IVF1024,RaBitQ", 50_000, 0.9912),
        ("PCAR256,IVF4096,RaBitQ", 1_000_000, 0.9961),
        ("RR512,IVF4096,RaBitQ", 1_000_000, 0.9938),
    ]
]  # fmt: skip
MANIFEST: dict[str, Any] = {
    **{key: value for key, value in TRIED[1].items() if key != "query_ms"},
    "latency_ms_p50": 0.6077, "dims": 512, "metric": "inner_product", "build_seconds": 155.3,
    "read_seconds": 10.6, "built_at": "2026-11-28T13:07:21+00:00", "tried": TRIED, "format": 2,
    "spec": {"model": "a-network", "layer": "top", "input_size": 260, "reduction": ""},
    "versions": {"faiss-cpu": "1.15.1"}, "checksums": {"index.faiss": "ab" * 32},
}  # fmt: skip


def spec(number: int = 0) -> FeatureSpec:
    """Return one of as many feature specs as are wanted."""
    return FeatureSpec.objects.for_config(
        FeatureConfig("a-network", f"layer{number}", "average", "", "", 224, "fit", "ab" * 32, 512)
    )


def index_with_builds(number: int = 0, manifest: dict[str, Any] | None = None) -> SearchIndex:
    """Return an index of a new dataset with a build that failed, an old one and one that serves."""
    dataset = Dataset.objects.create(slug=f"set-{number}", name=f"Set {number}")
    index = SearchIndex.objects.create(dataset=dataset, spec=spec(number), live=True)
    state = IndexBuild.State
    IndexBuild.objects.create(index=index, state=state.FAILED, error="Its disk was <full>.")
    for name in ("000001", "000002"):
        IndexBuild.objects.create(
            index=index, state=state.PUBLISHED, generation=name, manifest=manifest or MANIFEST
        )
    return index


@pytest.mark.parametrize("name", ["featurespec", "searchindex", "indexbuild"])
def test_a_list_asks_as_many_queries_for_many_rows_as_for_few(name: str, staff_client: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = staff_client.get(f"/admin/search/{name}/")
        assert answer.status_code == 200
        return len(queries)

    for number in range(2):
        index_with_builds(number)
    few = asked()
    for number in range(2, 12):
        index_with_builds(number)
    assert asked() == few
    assert few <= 12


@pytest.mark.parametrize("name", ["searchindex", "indexbuild"])
def test_a_page_asks_as_many_queries_however_many_builds_there_are(name: str, staff_client: Client) -> None:
    index = index_with_builds()
    pk = index.pk if name == "searchindex" else index.builds.latest("pk").pk

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff_client.get(f"/admin/search/{name}/{pk}/change/").status_code == 200
        return len(queries)

    asked()  # the first one of a process looks for content types
    few = asked()
    for _ in range(20):
        IndexBuild.objects.create(index=index, state=IndexBuild.State.FAILED, error="Again.")
    assert asked() == few
    assert few <= 12


def test_the_page_of_a_build_shows_what_it_tried_and_which_kind_it_published(staff_client: Client) -> None:
    build = index_with_builds().builds.latest("pk")
    text = staff_client.get(f"/admin/search/indexbuild/{build.pk}/change/").content.decode()
    for words in ("0.991", "0.996", "0.994", "0.196 ms", "69 bytes", "1,000,000", "0.608 ms", "155.3 s"):
        assert words in text, words
    table = text[text.index('<table class="build-trials">') :].partition("</table>")[0]
    assert table.count("<tr") == 1 + len(TRIED)
    assert text.count("published</span>") == 1
    assert "{&#x27;" not in text, "a dictionary as Python writes it"
    assert "&quot;" not in text, "JSON as it is stored"


def test_the_page_of_an_index_leads_to_its_builds_and_shows_what_serves(staff_client: Client) -> None:
    index = index_with_builds()
    text = staff_client.get(f"/admin/search/searchindex/{index.pk}/change/").content.decode()
    for build in index.builds.all():
        assert f"/admin/search/indexbuild/{build.pk}/change/" in text
    assert f"/admin/search/indexbuild/?index__id__exact={index.pk}" in text
    assert f"/admin/search/featurespec/{index.spec_id}/change/" in text
    assert "Its disk was &lt;full&gt;." in text
    assert "PCAR256,IVF4096,RaBitQ" in text


def test_an_index_that_was_never_built_says_so(staff_client: Client, dataset: Dataset) -> None:
    index = SearchIndex.objects.create(dataset=dataset, spec=spec())
    text = staff_client.get(f"/admin/search/searchindex/{index.pk}/change/").content.decode()
    assert "Nothing serves yet" in text
    build = IndexBuild.objects.create(index=index)
    text = staff_client.get(f"/admin/search/indexbuild/{build.pk}/change/").content.decode()
    assert "Nothing was measured" in text
    assert staff_client.get("/admin/search/searchindex/").status_code == 200
    assert staff_client.get("/admin/search/indexbuild/").status_code == 200


def test_the_datasets_page_leads_to_its_indexes_and_builds_alone(staff_client: Client) -> None:
    index, other = index_with_builds(1), index_with_builds(2)
    page = staff_client.get(f"/admin/gallery/dataset/{index.dataset_id}/change/").content.decode()
    for name, key in (("searchindex", "dataset__id__exact"), ("indexbuild", "index__dataset__id__exact")):
        address = f"/admin/search/{name}/?{key}={index.dataset_id}"
        assert address in page
        rows = staff_client.get(address).context["cl"].queryset
        found = {getattr(row, "index", row) for row in rows}
        assert found == {index}
        assert other not in found
    assert f"/admin/gallery/job/?dataset__id__exact={index.dataset_id}" in page


def test_a_spec_says_how_many_indexes_and_experiments_use_it(staff_client: Client) -> None:
    index = index_with_builds()
    for metric in ("cosine", "euclidean"):
        Experiment.objects.create(
            dataset=index.dataset, spec=index.spec, metric=metric, images=1, images_revision=0, k=10
        )
    row = staff_client.get("/admin/search/featurespec/").context["cl"].queryset.get()
    assert (row.index_count, row.experiment_count) == (1, 2)
    page = staff_client.get(f"/admin/search/featurespec/{index.spec_id}/change/").content.decode()
    assert f"/admin/search/searchindex/?spec__id__exact={index.spec_id}" in page
    assert staff_client.get(f"/admin/search/searchindex/?spec__id__exact={index.spec_id}").status_code == 200


@pytest.mark.parametrize("name", ["featurespec", "searchindex", "indexbuild"])
def test_nobody_adds_changes_or_deletes_by_hand(name: str, staff_client: Client) -> None:
    index = index_with_builds()
    pk = {"featurespec": index.spec_id, "searchindex": index.pk, "indexbuild": index.builds.latest("pk").pk}[
        name
    ]
    assert staff_client.get(f"/admin/search/{name}/add/").status_code == 403
    assert staff_client.post(f"/admin/search/{name}/add/", {}).status_code == 403
    assert staff_client.post(f"/admin/search/{name}/{pk}/change/", {"live": ""}).status_code == 403
    assert staff_client.post(f"/admin/search/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    staff_client.post(f"/admin/search/{name}/", action)
    assert SearchIndex.objects.get().live
    assert IndexBuild.objects.count() == 3
    page = staff_client.get(f"/admin/search/{name}/{pk}/change/").content.decode()
    assert 'name="_save"' not in page
    assert "deletelink" not in page


def test_staff_without_the_permission_to_look_sees_nothing() -> None:
    index = index_with_builds()
    client, user = Client(), User.objects.create_user("helper", is_staff=True)
    client.force_login(user)
    pages = [
        "/admin/search/searchindex/",
        f"/admin/search/indexbuild/{index.builds.latest('pk').pk}/change/",
    ]
    assert [client.get(page).status_code for page in pages] == [403, 403]
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_searchindex", "view_indexbuild"]))
    assert [client.get(page).status_code for page in pages] == [200, 200]


def test_a_dataset_with_indexes_is_deleted_in_the_admin_after_saying_what_goes(staff_client: Client) -> None:
    index = index_with_builds()
    address = f"/admin/gallery/dataset/{index.dataset_id}/delete/"
    page = staff_client.get(address)
    assert page.context["perms_lacking"] == set()
    assert "Set 0, with its images" in page.content.decode()
    assert staff_client.post(address, {"post": "yes"}).status_code == 302
    assert not Dataset.objects.exists()
    assert SearchIndex.objects.exists(), "it comes back with its dataset"
    bin.purge_dataset(index.dataset_id)
    assert drain() == {("remove", "succeeded"): 1}
    assert not SearchIndex.objects.exists()


def test_the_report_of_a_real_build_names_every_figure(tmp_path: Any) -> None:
    vectors = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    plan = BuildPlan("1-1", {"model": "a-network"}, 16)
    ids = np.arange(1, 301, dtype=np.int64)
    manifest = dict(build_generation(GenerationStore(tmp_path), plan, [(ids, vectors)]).facts())
    report = build_report(manifest)
    assert ("Vectors", "300") in report.measured
    assert ("Recall at 10", "1.000") in report.measured
    assert [trial.chosen for trial in report.trials] == [True]
    assert [title for title, _ in report.tables] == [
        "Feature spec", "Versions", "Checksums (SHA-256)", "Also in the manifest",
    ]  # fmt: skip


def test_the_report_shows_what_it_does_not_know_and_a_dash_for_what_is_not_there() -> None:
    report = build_report({"factory": "HNSW", "changing": False, "last_id": 7})
    assert report.measured == [("Kind of index", "HNSW")]
    assert report.tables == [("Also in the manifest", [("Changing", "False"), ("Last id", "7")])]
    assert figure({}, "recall_at_10") == "–"
    assert build_report({}) == type(report)([], [], [])


@pytest.mark.parametrize(
    "manifest",
    [
        dict.fromkeys(MANIFEST),
        {**MANIFEST, "tried": [{"factory": "HNSW"}, dict.fromkeys(TRIED[0])]},
    ],
    ids=["nulls", "trials without figures"],
)
def test_a_manifest_that_lacks_figures_is_shown_with_dashes(
    manifest: dict[str, Any], staff_client: Client
) -> None:
    index = index_with_builds(manifest=manifest)
    build = index.builds.latest("pk").pk
    for page in (
        "searchindex/",
        "indexbuild/",
        f"searchindex/{index.pk}/change/",
        f"indexbuild/{build}/change/",
    ):
        answer = staff_client.get(f"/admin/search/{page}")
        assert answer.status_code == 200, page
    assert ">–<" in answer.content.decode()


def test_who_may_not_delete_images_does_not_delete_them_with_their_dataset() -> None:
    index = index_with_builds()
    client, user = Client(), User.objects.create_user("helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_dataset", "delete_dataset"]))
    client.force_login(user)
    address = f"/admin/gallery/dataset/{index.dataset_id}/delete/"
    assert client.get(address).context["perms_lacking"] == {"image", "job"}
    assert client.post(address, {"post": "yes"}).status_code == 403
    assert Dataset.objects.filter(pk=index.dataset_id).exists()
