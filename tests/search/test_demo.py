"""What `demo` leaves behind: three datasets with names in words, the photographs first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from gallery.models import Dataset, Image, Job
from gallery.system.home import upgrades
from gallery.system.home.shipped_files import shipped
from search.experiments.explore_frame import explore_frame
from search.management.commands import demo

pytestmark = pytest.mark.django_db


def test_the_first_page_shows_the_photographs_and_each_names_its_author(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample_folder: Callable[..., Path]
) -> None:
    for sample in demo.SAMPLES:
        few = sample_folder(sample.slug, 1, 2)
        few.rename(tmp_path / sample.slug)
        table = shipped("sample_data") / sample.slug / "metadata.csv"
        (tmp_path / sample.slug / "metadata.csv").write_bytes(table.read_bytes())
    served: list[str] = []
    do = call_command

    def instead(command: str, /, *words: object, **options: object) -> object:
        if command != "serve":
            return do(command, *words, **options)
        served.append(command)
        return None

    monkeypatch.setattr(demo, "call_command", instead)
    monkeypatch.setattr(demo, "shipped", lambda _: tmp_path)
    monkeypatch.setattr(demo, "close_to_others", lambda *_: None)
    monkeypatch.setattr(upgrades, "bring_up_to_date", lambda *_: None)
    for _ in range(2):
        do("demo")
    assert served == ["serve"] * 2
    assert [dataset.slug for dataset in Dataset.objects.all()] == ["photos200", "clipart200", "objects200"]
    assert Dataset.objects.filter(images__isnull=False).distinct().count() == 3
    assert Job.objects.filter(kind="import").count() == 3, "the second start imports nothing"
    shown = explore_frame("").shown
    assert shown is not None
    assert shown.dataset.slug == "photos200"
    waiting = Job.objects.filter(state=Job.State.QUEUED).order_by("pk")
    assert waiting[0].dataset == shown.dataset, "what the first page shows is computed first"
    for image in Image.objects.filter(dataset=shown.dataset):
        assert image.metadata.keys() == {"author", "licence", "url", "source"}
