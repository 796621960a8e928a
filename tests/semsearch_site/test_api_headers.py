"""What programs agree on by headers below /api/: compression, states, and other sites."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client

from gallery.models import Dataset
from tests.support.site import ROOT

pytestmark = pytest.mark.django_db


def test_an_answer_is_compressed_for_who_takes_it_so(dataset: Dataset, client: Client) -> None:
    Dataset.objects.create(slug="long", name="Long", description="words " * 500)
    plain = client.get("/api/v1/datasets/")
    small = client.get("/api/v1/datasets/", headers={"Accept-Encoding": "gzip"})
    assert small["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small["Vary"]
    assert len(small.content) < len(plain.content) / 3
    assert json.loads(gzip.decompress(small.content)) == plain.json()
    # pages hold tokens, of which the length of what is compressed could tell
    assert "Content-Encoding" not in client.get("/datasets/", headers={"Accept-Encoding": "gzip"})


def test_who_knows_an_answer_is_sent_nothing(dataset: Dataset, client: Client) -> None:
    address = f"/api/v1/datasets/{dataset.slug}/"
    tag = client.get(address)["ETag"]
    known = client.get(address, headers={"If-None-Match": tag})
    assert (known.status_code, known.content) == (304, b"")
    Dataset.objects.filter(pk=dataset.pk).update(name="Other")
    assert client.get(address, headers={"If-None-Match": tag}).json()["name"] == "Other"


ASKED = """
import django, json
django.setup()
from django.test import Client
client = Client()
def ask(method, address, origin, **more):
    headers = {"Origin": origin, **more}
    answer = client.generic(method, address, headers=headers)
    return [answer.status_code, answer.headers.get("Access-Control-Allow-Origin")]
friend, stranger = "https://app.example.org", "https://other.example.org"
wants = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
print(json.dumps([
    ask("OPTIONS", "/api/v1/images/1/", friend, **wants),
    ask("OPTIONS", "/api/v1/images/1/", stranger, **wants)[1],
    ask("GET", "/api/v1/nonsense/", friend),
    ask("GET", "/api/v1/nonsense/", stranger),
    ask("GET", "/healthz", friend)[1],
    client.get("/api/v1/models/", headers={"Origin": friend}).headers.get("Access-Control-Allow-Credentials"),
]))
"""


@pytest.mark.parametrize("origins", ["https://app.example.org", ""])
def test_pages_of_other_sites_ask_the_interface_where_the_setting_names_them(
    origins: str, tmp_path: Any
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "semsearch_site.settings",
            "SEMSEARCH_HOME": str(tmp_path),
            "ALLOWED_HOSTS": "testserver",
            "CORS_ORIGINS": origins,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    preflight, refused, wrong, other, page, cookies = json.loads(done.stdout.splitlines()[-1])
    assert wrong == [404, origins or None]
    assert (refused, other, page, cookies) == (None, [404, None], None, None)
    if origins:
        assert preflight == [200, origins]
