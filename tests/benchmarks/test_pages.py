"""The rows that the benchmark of pages makes by SQL fit the tables, and its facets are answered."""

from __future__ import annotations

import pytest

from benchmarks import pages
from gallery.models import Image
from search.features.feature_specs import live_spec
from search.models import Embedding

pytestmark = [pytest.mark.django_db, pytest.mark.servers]


def test_rows_are_made_for_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FEW", 3)
    monkeypatch.setattr(pages, "ROUNDS", 1)
    dataset = pages._new_dataset("few", live_spec())
    assert [image.width for image in Image.objects.filter(dataset=dataset)] == [640] * 3
    assert Embedding.objects.filter(dataset=dataset).count() == 3
    assert [row["where"] for row in pages._facets(dataset)] == list(pages.FACETED)
