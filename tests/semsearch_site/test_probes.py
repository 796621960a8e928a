"""Probes are answered by any name to who may ask so, within a second, and they tell the truth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from gallery.errors import SemsearchError
from gallery.models import AuditEntry, Image
from gallery.system.home import disk_space, storage_mark
from search import checks as search_checks
from search.extractors.networks import registry
from search.index.faiss.generation import FORMAT, MANIFEST_FILE
from search.indexing import inspection
from search.models import FeatureSpec, SearchIndex
from semsearch_site.monitoring import health, readiness
from semsearch_site.monitoring.readiness import Finding, NotReadyError, Part, Readiness, StillLoadingError
from tests.conftest import image_bytes
from tests.support.damage import DAMAGES, generation_of, published_index

PROBES = ("/healthz", "/readyz", "/metrics")
POD = "10.244.1.17:8000"


def refused(client: Client, address: str, **asked_by: Any) -> bool:
    """Whether the name of a pod is refused to who asks."""
    answer = client.get(address, headers={"host": POD}, **asked_by)
    assert answer.status_code in (200, 400, 503)
    return bool(answer.status_code == 400)


@pytest.mark.django_db
@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_of_this_machine_or_of_a_listed_address_asks_by_any_name(
    client: Client, settings: Any, probe: str, light: None
) -> None:
    settings.ALLOWED_HOSTS = ["pictures.example.org"]
    for local in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", ""):
        assert not refused(client, probe, REMOTE_ADDR=local), local
    assert refused(client, probe, REMOTE_ADDR="10.244.0.1")
    settings.PROBE_ADDRESSES = ["10.244.0.0/16", "fd00::/8"]
    assert not refused(client, probe, REMOTE_ADDR="10.244.0.1")
    assert not refused(client, probe, REMOTE_ADDR="fd00::7")
    assert refused(client, probe, REMOTE_ADDR="203.0.113.5")
    # its own name is good for everybody, and another address for nobody
    assert (
        client.get(probe, headers={"host": "pictures.example.org"}, REMOTE_ADDR="203.0.113.5").status_code
        < 504
    )
    assert refused(client, "/live/", REMOTE_ADDR="127.0.0.1")


@pytest.mark.django_db
def test_what_a_proxy_passes_on_counts_as_who_asked_the_proxy(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".example.org"]
    by_proxy = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.5"}
    assert refused(client, "/metrics", **by_proxy)
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert refused(client, "/metrics", **by_proxy)
    settings.PROBE_ADDRESSES = ["203.0.113.5"]
    assert not refused(client, "/metrics", **by_proxy)


def test_addresses_that_are_none_are_named_by_the_checks(settings: Any) -> None:
    settings.PROBE_ADDRESSES = ["10.0.0.0/8", "the cluster"]
    assert [found.msg for found in run_checks() if "PROBE" in found.msg] == [
        "PROBE_ADDRESSES has 'the cluster'."
    ]


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let broker and networks be ready without being asked."""
    for name in ("_broker", "_model"):
        monkeypatch.setattr(health, name, lambda: "It is ready.")


@pytest.fixture
def operator(client: Client, light: None) -> Client:
    """Return who runs a site whose broker and networks are ready."""
    client.force_login(User.objects.create_superuser("operator"))
    return client


def part(client: Client, name: str) -> dict[str, str]:
    """Return what is said of a part, which alone may fail, and which decides the status."""
    answer = client.get("/readyz")
    parts: dict[str, dict[str, str]] = answer.json()["parts"]
    failing = [other for other, found in parts.items() if found["state"] != "ready"]
    assert failing in ([], [name]), parts
    assert (answer.status_code, answer.json()["ready"]) == ((503, False) if failing else (200, True))
    assert all(found["detail"].endswith(".") for found in parts.values()), parts
    return parts[name]


@pytest.mark.django_db
def test_every_part_is_listed_and_the_words_of_before_are_kept(operator: Client) -> None:
    answer = operator.get("/readyz")
    assert answer.status_code == 200, answer.json()
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert set(told["parts"]) == {"database", "schema", "broker", "storage", "disk", "index", "model"}
    assert {told[name] for name in ("database", "broker", "index", "model")} == {"ready"}
    assert (told["ready"], "engine" in told) == (True, True)


@pytest.mark.django_db
def test_a_database_of_an_older_or_newer_version_is_not_ready(operator: Client) -> None:
    applied = MigrationRecorder.Migration.objects
    applied.create(app="library_that_is_gone", name="0001_initial")
    assert part(operator, "schema")["state"] == "ready"
    applied.create(app="gallery", name="9999_of_tomorrow")
    found = part(operator, "schema")
    assert "install that release or a newer one" in found["detail"]
    assert "gallery.9999_of_tomorrow" in found["error"]
    applied.filter(name="9999_of_tomorrow").delete()
    applied.filter(app="search", name__startswith="0010").delete()
    found = part(operator, "schema")
    assert "manage.py migrate" in found["detail"]
    assert "search.0010" in found["error"]


@pytest.mark.django_db
def test_a_full_disk_and_a_storage_without_its_images_are_not_ready(operator: Client, settings: Any) -> None:
    own, settings.MIN_FREE_MB = settings.MIN_FREE_MB, 10**9
    disk_space.forget()
    assert "free space" in part(operator, "disk")["detail"]
    settings.MIN_FREE_MB = own
    assert part(operator, "disk")["state"] == "ready"
    index = published_index()
    assert "mounted" in part(operator, "storage")["detail"]
    default_storage.save(
        Image.objects.filter(dataset=index.dataset).latest("pk").thumbnail.name, ContentFile(b"a")
    )
    assert part(operator, "storage")["state"] == "ready"
    storage_mark.write()
    assert part(operator, "storage")["state"] == "ready"
    default_storage.delete(storage_mark.FILE)
    found = part(operator, "storage")
    assert "not that of this site" in found["detail"]
    assert storage_mark.FILE in found["error"]
    assert not default_storage.exists(storage_mark.FILE), "a probe writes nothing"


@pytest.mark.django_db
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_not_ready(operator: Client, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_storage", lambda: "It answers.")
    index = published_index()
    assert part(operator, "index")["state"] == "ready"
    DAMAGES[damage](generation_of(index), "vectors.f16")
    if damage == "flipped":
        inspection.inspect()
    found = part(operator, "index")
    assert "Mine is damaged" in found["detail"]
    assert "rebuild_index" in found["error"]


@pytest.mark.django_db
def test_an_index_of_another_release_is_said_to_be_that_and_not_damaged(
    operator: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "_storage", lambda: "It answers.")
    index = published_index()
    manifest = generation_of(index) / MANIFEST_FILE
    manifest.write_text(manifest.read_text().replace(f'"format": {FORMAT}', '"format": 1'))
    found = part(operator, "index")
    assert (found["state"], "Mine is of another release" in found["detail"]) == ("not ready", True)
    assert "its format is 1" in found["error"]
    inspection.inspect()
    (entry,) = AuditEntry.objects.filter(action__in=("index.outdated", "index.damaged"))
    assert (entry.action, entry.target) == ("index.outdated", str(index))
    assert "is of another release and is built anew by job" in caplog.text
    assert "damaged" not in f"{found} {caplog.text}"


@pytest.fixture
def gone() -> SearchIndex:
    """Return a live index whose network is not known any more."""
    index = published_index()
    FeatureSpec.objects.filter(pk=index.spec_id).update(model="mine-of-old", fingerprint="of old")
    return index


@pytest.mark.django_db
def test_a_live_network_that_is_gone_is_said_by_probe_check_and_search(
    client: Client, gone: SearchIndex, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(User.objects.create_superuser("operator"))
    told = client.get("/readyz").json()["parts"]["model"]
    assert told["state"] == "not ready"
    assert "'mine-of-old'" in told["detail"]
    assert "EXTRA_NETWORKS" in told["detail"]
    answer = client.post("/api/v1/search/", {"file": SimpleUploadedFile("a.png", image_bytes(1))})
    assert answer.status_code == 503, answer.content
    assert answer.json()["error"]["code"] == "network_gone"
    assert "EXTRA_NETWORKS" in answer.json()["error"]["detail"]
    # what is stored is searched without a network
    image = Image.objects.earliest("pk")
    answer = client.post("/api/v1/search/", {"image": image.pk}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    for page in (
        "/",
        "/live/",
        "/datasets/",
        "/leaderboard/",
        "/embeddings/",
        "/api/v1/models/",
        "/api/v1/indexes/",
    ):
        assert client.get(page).status_code == 200, page
    assert search_checks.check_live_networks() == []
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    (found,) = search_checks.check_live_networks()
    assert "EXTRA_NETWORKS" in found.msg
    assert found.msg.startswith("Mine: ")


@pytest.mark.django_db
def test_a_live_network_whose_file_is_gone_is_said_by_probe_check_and_search(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index = published_index()
    FeatureSpec.objects.filter(pk=index.spec_id).update(model="mine", fingerprint="of a file")
    registry.install([f"file:{tmp_path}/mine.keras"], tmp_path)
    try:
        client.force_login(User.objects.create_superuser("operator"))
        told = client.get("/readyz").json()["parts"]["model"]
        assert told["state"] == "not ready"
        assert "take it out of EXTRA_NETWORKS" in told["detail"]
        answer = client.post("/api/v1/search/", {"file": SimpleUploadedFile("a.png", image_bytes(1))})
        assert answer.status_code == 503, answer.content
        assert "EXTRA_NETWORKS" in answer.json()["error"]["detail"]
        monkeypatch.setattr("sys.argv", ["manage.py", "check"])
        (found,) = search_checks.check_live_networks()
        assert "mine.keras is not there" in found.msg
    finally:
        registry.install((), tmp_path)


@pytest.fixture
def serving() -> Iterator[None]:
    """Let this process be a web server, in which parts are looked at by threads of their own."""
    readiness.SERVING.set()
    yield
    readiness.SERVING.clear()


@pytest.mark.usefixtures("serving")
def test_a_part_that_does_not_answer_holds_nobody_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    release, begun = threading.Event(), []

    def hanging() -> str:
        begun.append(1)
        release.wait(30)
        return "It is back."

    monkeypatch.setattr(readiness, "ANSWERED_WITHIN_S", 0.05)
    monkeypatch.setattr(readiness, "COUNTS_FOR_S", 3600.0)
    watched = Readiness({"slow": Part(hanging, "It does not answer."), "quick": Part(lambda: "Yes.", "No.")})
    try:
        for _ in range(5):
            found = watched.findings()["slow"]
            assert (found.ready, found.sentence) == (False, "It does not answer.")
        assert len(begun) == 1
    finally:
        release.set()
    monkeypatch.setattr(readiness, "ANSWERED_WITHIN_S", 30.0)
    assert {found.sentence for found in watched.findings().values()} == {"It is back.", "Yes."}
    # what was found counts for some seconds
    for _ in range(20):
        watched.findings()
    assert len(begun) == 1
    monkeypatch.setattr(readiness, "COUNTS_FOR_S", 0.0)
    watched.findings()
    assert len(begun) == 2


@pytest.mark.usefixtures("serving")
def test_that_a_part_is_loading_is_told_no_longer_than_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = [True]

    def look() -> str:
        if loading[0]:
            raise StillLoadingError("It is being loaded.")
        return "It is loaded."

    monkeypatch.setattr(readiness, "ANSWERED_WITHIN_S", 30.0)
    monkeypatch.setattr(readiness, "COUNTS_FOR_S", 3600.0)
    watched = Readiness({"model": Part(look, "It fails.")})
    for _ in range(3):
        assert watched.findings()["model"].sentence == "It is being loaded."
    loading[0] = False
    assert watched.findings()["model"] == Finding(True, "It is loaded.")


@pytest.mark.usefixtures("serving")
def test_what_begins_and_ends_is_written_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[SemsearchError] = []

    def look() -> str:
        if errors:
            raise errors[0]
        return "It answers."

    monkeypatch.setattr(readiness, "ANSWERED_WITHIN_S", 30.0)
    monkeypatch.setattr(readiness, "COUNTS_FOR_S", 0.0)
    watched = Readiness({"part": Part(look, "It fails.")})
    watched.findings()
    errors.append(NotReadyError("It is away.", inner="at 10.0.0.7"))
    for _ in range(3):
        assert watched.findings()["part"].sentence == "It is away."
    errors.clear()
    for _ in range(3):
        watched.findings()
    assert [line for line in caplog.messages if "eady" in line] == [
        "Not ready: part: NotReadyError: It is away. (at 10.0.0.7)",
        "Ready again: part: It answers.",
    ]


@pytest.mark.django_db
def test_members_of_staff_read_on_every_page_what_is_not_ready(
    client: Client, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = "There is too little free space on the disk."
    monkeypatch.setattr(health, "troubles", lambda: [sentence])
    for page in ("/live/", "/admin/"):
        assert sentence in staff_client.get(page).content.decode()
    assert sentence not in client.get("/live/").content.decode()
