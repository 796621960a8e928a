"""The notebook of the tutorial runs from top to bottom, its last part against a live site with its samples.

With SEMSEARCH_WRITE_NOTEBOOK=1 what it shows is written into it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gallery import jobs
from gallery.jobs import broker
from gallery.models import Dataset
from tests.clients.conftest import Given
from tests.conftest import SAMPLES, import_folder

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial" / "notebook.ipynb"
LONGEST_S = 180
WRITES = bool(os.environ.get("SEMSEARCH_WRITE_NOTEBOOK"))


def perform_at_once(task: str, job_id: int, **_: object) -> None:
    """Do what a message asks for, as a worker would; one that calls for help is not needed."""
    if task == broker.RUN_JOB:
        jobs.perform(job_id)


@pytest.fixture
def samples_on_site(
    given: Given, monkeypatch: pytest.MonkeyPatch, sample_folder: Callable[..., Path]
) -> Given:
    """Return a live site with the samples that the notebook looks at, which does its jobs at once.

    They are all there when what it shows is written, otherwise half.
    """
    monkeypatch.setattr(broker, "send", perform_at_once)
    samples = Dataset.objects.create(slug="objects200", name="Cut-out objects")
    all_of_them = SAMPLES / samples.slug
    import_folder(samples, all_of_them if WRITES else sample_folder(samples.slug, count=10, categories=11))
    return given


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_notebook_runs_from_top_to_bottom(
    samples_on_site: Given, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SEMSEARCH_URL": samples_on_site.address,
        "SEMSEARCH_TOKEN": samples_on_site.token,
        "SEMSEARCH_CACHE": cache_dir,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'clients' / 'python' / 'src'}",
    }.items():
        monkeypatch.setenv(name, str(value))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    runner = NotebookClient(notebook, timeout=LONGEST_S, resources={"metadata": {"path": str(tmp_path)}})
    runner.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 22
    if WRITES:
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # when it ran
            for output in cell.get("outputs", ()):
                output.get("data", {}).pop("image/jpeg", None)  # the same as its PNG
        nbformat.write(notebook, NOTEBOOK)


def test_the_notebook_has_its_pictures_inside_and_nothing_secret() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    run = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in run)
    shown = str([cell.outputs for cell in run])
    assert "image/png" in shown
    assert "/tmp/" not in shown
