"""`get_weights`, and the button of staff."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from gallery.models import Job
from search.extractors.networks import keras_applications
from search.extractors.networks.applications import KERAS_APPLICATIONS
from search.extractors.networks.facts import FACTS
from search.extractors.networks.registry import NETWORKS


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the home for weights, on a machine without any and without a connection."""

    def refused(address: str) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv(keras_applications.HOME_FOLDER, str(tmp_path / "weights"))
    monkeypatch.setattr(keras_applications, "require_connection", refused)
    return tmp_path / "weights"


def test_without_a_connection_each_file_to_be_brought_is_named(offline: Path) -> None:
    out = StringIO()
    call_command("get_weights", "all", json=True, stdout=out)
    report = json.loads(out.getvalue().splitlines()[-1])
    assert report["available"] == []
    assert [one["model"] for one in report["missing"]] == [one.name for one in KERAS_APPLICATIONS]
    vgg = next(one for one in report["missing"] if one["model"] == "vgg16")
    assert vgg["file"] == "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert vgg["url"].endswith(f"/vgg16/{vgg['file']}")
    assert vgg["md5"] == "6d6bbae143d832006294945121d1f1fc"
    assert vgg["folder"] == str(offline)
    assert "cannot be reached" in vgg["reason"]


def test_weights_in_the_folder_of_the_home_are_found(offline: Path) -> None:
    offline.mkdir()
    application = KERAS_APPLICATIONS[0]
    (offline / application.files[0]).touch()
    out = StringIO()
    call_command("get_weights", application.name, json=True, stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1]) == {"available": ["mobilenet"], "missing": []}


@pytest.mark.django_db
def test_staff_starts_one_download_however_often_they_ask(admin_client: Client, client: Client) -> None:
    asked: Any = [admin_client.post("/api/v1/models/vgg16/weights/") for _ in range(2)]
    assert [answer.status_code for answer in asked] == [202, 202]
    assert asked[0].json()["id"] == asked[1].json()["id"]
    assert Job.objects.get().parameters == {"model": "vgg16"}
    assert client.post("/api/v1/models/vgg16/weights/").status_code == 401
    assert admin_client.post("/api/v1/models/squeezenet/weights/").status_code == 404


def test_each_trained_network_has_its_facts() -> None:
    assert set(FACTS) == {network.name for network in NETWORKS if not network.baseline}
