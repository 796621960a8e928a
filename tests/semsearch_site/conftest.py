"""Fixtures of the tests that visit every page."""

from __future__ import annotations

import pytest

from gallery import jobs
from gallery.models import Dataset, Image, Job


@pytest.fixture
def numbers(dataset: Dataset) -> dict[str, int]:
    """Return the numbers of an image and of a running job, for the addresses of their pages."""
    image = Image.objects.create(
        dataset=dataset,
        sha256="0" * 64,
        file="images/1/ab/tiny.png",
        thumbnail="thumbnails/1/ab/tiny.png",
        filename="tiny.png",
        width=4,
        height=3,
        size_bytes=80,
        format="PNG",
    )
    job = Job.objects.create(kind=jobs.IMPORT, dataset=dataset, state=Job.State.RUNNING)
    return {"image": image.pk, "job": job.pk}
