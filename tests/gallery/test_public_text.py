"""What strangers read of errors: no address inside, no folder of this machine, no words of a library."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gallery import jobs
from gallery.errors import AddressRefusedError, NotFoundError, SemsearchError
from gallery.ingest.addresses import check_address
from gallery.models import Dataset
from gallery.public_text import public_text
from search import job_kinds
from search.extractors.networks.network import Network
from tests.support.handlers import replaced

KEPT = {
    "There is no folder or zip file at /home/anna/b.": "There is no folder or zip file at b.",
    "No such file: '/tmp/my folder/a b.jpg'": "No such file: 'a b.jpg'",
    "It is missing in /home/somebody/.keras/models. Get it from https://a.example/b/c.h5.": (
        "It is missing in models. Get it from https://a.example/b/c.h5."
    ),
    "OperationalError: connection to 10.0.0.5 failed": "OperationalError; the log of the server says more",
    "Tries again after 10 s: ConnectionError: no route to inner": (
        "Tries again after 10 s: ConnectionError; the log of the server says more"
    ),
    "Short.\nlong, of inner:19530": "Short.",
    # addresses of the site itself, and what is no path
    "There is nothing here; /api/docs/ lists what there is.": (
        "There is nothing here; /api/docs/ lists what there is."
    ),
    "Set 1/2 is read at 3/4 of its size, or n/a.": "Set 1/2 is read at 3/4 of its size, or n/a.",
    "": "",
}


@pytest.mark.parametrize("kept", KEPT)
def test_what_everybody_may_read_of_an_error(kept: str) -> None:
    assert public_text(kept) == KEPT[kept]


def test_a_refused_address_does_not_tell_what_its_name_resolves_to() -> None:
    with pytest.raises(AddressRefusedError) as refused:
        check_address("inner.example", "10.1.2.3")
    assert refused.value.detail.startswith("This address cannot be used: ")
    assert "10.1.2.3" not in refused.value.detail
    assert "inner.example leads to 10.1.2.3" in str(refused.value)


@pytest.mark.django_db
def test_the_api_tells_inner_things_to_those_only_who_run_the_site(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: Any) -> None:
        raise SemsearchError("It is not at /tmp/inner/a.bin.", inner="asked 10.1.2.3")

    monkeypatch.setattr("search.live.query.search", refuse)
    words = {}
    for name, superuser in (("stranger", None), ("user", False), ("operator", True)):
        if superuser is not None:
            client.force_login(User.objects.create_user(name, is_superuser=superuser))
        answer = client.post("/api/v1/search/", {"image": 1}, "application/json")
        words[name] = answer.json()["error"]["detail"]
    assert words["stranger"] == words["user"] == "It is not at a.bin."
    assert words["operator"] == "It is not at /tmp/inner/a.bin. (asked 10.1.2.3)"


def failing(run: jobs.JobRun) -> dict[str, Any]:
    """Fail with a file, and as a whole, over what only those who run the site may know."""
    run.fail_file("a.png", NotFoundError("It cannot be read ([Errno 2] No such file: '/tmp/inner/a.png')."))
    raise SemsearchError("The engine does not answer.", inner="http://inner:19530")


@pytest.mark.django_db
def test_jobs_tell_inner_things_to_those_only_who_run_the_site(dataset: Dataset, client: Client) -> None:
    with replaced(job_kinds.INDEX, failing):
        job = jobs.perform(jobs.enqueue(job_kinds.INDEX, dataset).pk)
    assert job is not None
    pages = [
        "/jobs/", f"/jobs/{job.pk}/", f"/jobs/{job.pk}/failed.csv", f"/datasets/{dataset.slug}/",
        "/api/v1/jobs/", f"/api/v1/jobs/{job.pk}/", f"/api/v1/jobs/{job.pk}/failed-files/",
    ]  # fmt: skip

    def read() -> list[str]:
        answers = [client.get(page) for page in pages]
        return ["".join(part.decode() for part in answer) for answer in answers]

    for_strangers = read()
    client.force_login(User.objects.create_superuser("operator"))
    for page, stranger, operator in zip(pages, for_strangers, read(), strict=True):
        assert "engine does not answer" in stranger or "cannot be read" in stranger, page
        assert "inner" not in stranger, page
        assert "inner" in operator, page


@pytest.mark.django_db
def test_the_reason_of_a_network_without_weights_names_no_folder_to_strangers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Network, "unavailable_reason", lambda network: "Not in /tmp/inner/x.")
    assert {model["reason"] for model in client.get("/api/v1/models/").json()} == {"Not in x."}
    client.force_login(User.objects.create_superuser("operator"))
    assert {model["reason"] for model in client.get("/api/v1/models/").json()} == {"Not in /tmp/inner/x."}
