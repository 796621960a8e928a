"""Importing by the command: judged as a whole, and again, so that the dataset follows its source."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from gallery import jobs
from gallery.counts import counting
from gallery.ingest import datasets, importing, storing, watching
from gallery.ingest.removals import bin, missing
from gallery.jobs import broker
from gallery.models import (
    AuditEntry,
    Category,
    Dataset,
    FailedFile,
    FurtherCategory,
    Image,
    Job,
    SourceFile,
)
from search.management.commands import import_dataset
from tests.conftest import image_bytes
from tests.gallery.ingest.test_labels import tarred

pytestmark = pytest.mark.django_db

Files = dict[str, bytes]


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store beside the test, and let it do the jobs itself, without features."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.EXTRACT_AT_IMPORT = False
    monkeypatch.setattr(broker, "send", lambda *_, **__: None)


def folder(root: Path, files: Files) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def imported(path: Path, *, status: int = 0, **options: Any) -> dict[str, Any]:
    """Run the command; returns what it reports as JSON, once its exit status was looked at."""
    out = io.StringIO()
    run = {
        "name": "pets",
        "no_extract": True,
        "json": True,
        "stdout": out,
        "stderr": io.StringIO(),
        **options,
    }
    command = import_dataset.Command()
    call_command(command, path, **run)
    assert command.exit_status == status
    report: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert report.keys() >= {"dataset", "images", "duplicates", "failed", "seconds"}
    return report


def labels() -> dict[str, list[str]]:
    """Return the labels of every image by its name."""
    return {image.filename: image.labels for image in Image.objects.order_by("filename")}


def counted() -> dict[str, int]:
    """Return the counts that are kept, which must be right."""
    assert counting.stored_counts() == counting.computed_counts()
    return dict(Category.objects.values_list("name", "images"))


def test_nothing_usable_is_a_failure_with_the_reasons_and_leaves_no_empty_dataset(tmp_path: Path) -> None:
    words = folder(
        tmp_path / "words", {"a.jpg": b"words", "b.jpg": b"more words", "c.txt": b"text", "d.xmp": b"x"}
    )
    with pytest.raises(
        CommandError, match=r"2 × not an image that can be read; left out: documents and data .1."
    ):
        imported(words)
    only_side_files = folder(tmp_path / "side", {"c.txt": b"text"})
    with pytest.raises(CommandError, match=r"the folder holds no image .*left out: documents"):
        imported(only_side_files)
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(CommandError, match="the zip file holds no image that can be used; it is empty"):
        imported(empty)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.jpg").symlink_to(words / "a.jpg")
    with pytest.raises(CommandError, match=r"1 × symbolic link: not followed .--follow-links"):
        imported(tmp_path / "links")
    assert not Dataset.objects.exists()
    # the failed import itself can still be looked at
    assert {job.state for job in Job.objects.filter(kind=jobs.IMPORT)} == {Job.State.FAILED}
    # a dataset that was there stays
    datasets.save(Dataset(slug="pets", name="Pets"))
    with pytest.raises(CommandError):
        imported(words)
    assert Dataset.objects.filter(slug="pets").exists()


def test_what_failed_in_part_says_so_in_its_status_and_its_outcome(tmp_path: Path) -> None:
    files = {
        "cat/0.jpg": image_bytes(1),
        "cat/bad.jpg": b"words",
        "cat/0.xmp": b"x",
        "cat/copy.jpg": image_bytes(1),
    }
    report = imported(folder(tmp_path / "pets", files), status=3)
    assert (report["images"], report["duplicates"], report["failed"]) == (1, 1, 1)
    assert report["left_out"] == {"side files of images": 1}
    job = Job.objects.get()
    assert (job.state, job.outcome, job.failed) == (Job.State.SUCCEEDED, "partly", 1)
    # a copy in the same archive names the image that it is
    copy = FailedFile.objects.get(code="duplicate")
    assert copy.image == Image.objects.get()
    assert f"image {copy.image_id}" in copy.reason


def test_a_dataset_follows_its_folder(tmp_path: Path) -> None:
    a, b, c, d = (image_bytes(seed) for seed in range(4))
    root = folder(tmp_path / "pets", {"cat/0.jpg": a, "cat/1.jpg": b, "dog/0.jpg": c, "dog/edited.jpg": d})
    assert imported(root)["images"] == 4
    numbers = dict(Image.objects.values_list("filename", "pk"))

    again = imported(root)
    assert (again["images"], again["duplicates"], again["failed"], again["unchanged"]) == (0, 4, 0, 4)
    assert not FailedFile.objects.exists()

    (root / "cat/0.jpg").rename(root / "dog/moved.jpg")
    (root / "cat/1.jpg").unlink()
    (root / "dog/edited.jpg").write_bytes(image_bytes(9))
    dry = imported(root, prune=True, dry_run=True)
    assert dry["would"] == {"move": 1, "unchanged": 1, "replace": 1, "remove": 1}
    assert imported(root, dry_run=True)["would"] == {"move": 1, "unchanged": 1, "replace": 1}
    assert labels() == {
        "cat/0.jpg": ["cat"],
        "cat/1.jpg": ["cat"],
        "dog/0.jpg": ["dog"],
        "dog/edited.jpg": ["dog"],
    }

    report = imported(root)
    assert {key: report[key] for key in ("images", "moved", "replaced", "gone", "unchanged", "failed")} == {
        "images": 1, "moved": 1, "replaced": 1, "gone": 1, "unchanged": 1, "failed": 0,
    }  # fmt: skip
    assert labels() == {
        "cat/1.jpg": ["cat"], "dog/0.jpg": ["dog"], "dog/edited.jpg": ["dog"], "dog/moved.jpg": ["dog"],
    }  # fmt: skip
    assert Image.objects.get(filename="dog/moved.jpg").pk == numbers["cat/0.jpg"]
    assert Image.objects.get(filename="dog/edited.jpg").pk != numbers["dog/edited.jpg"]

    report = imported(root, prune=True)
    assert report["removed"] == 1
    assert set(labels()) == {"dog/0.jpg", "dog/edited.jpg", "dog/moved.jpg"}
    assert SourceFile.objects.count() == 3


def test_what_goes_lies_in_the_bin_and_comes_back_with_its_file(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {f"cat/{number}.jpg": image_bytes(number) for number in range(3)})
    imported(root)
    kept, pruned, edited = Image.objects.order_by("filename")
    (root / "cat/1.jpg").unlink()
    (root / "cat/2.jpg").write_bytes(image_bytes(9))
    report = imported(root, prune=True)
    assert (report["removed"], report["replaced"]) == (1, 1)
    in_bin = Image.everything.filter(deleted_at__isnull=False)
    assert set(in_bin.values_list("pk", "category")) == {(pruned.pk, "cat"), (edited.pk, "cat")}
    assert counted() == {"cat": 2}
    assert AuditEntry.objects.filter(action="image.delete").count() == 2

    # under another name, and gone once more: it goes as what it is called by now
    folder(root, {"dog/1.jpg": image_bytes(1)})
    assert imported(root, prune=True, dry_run=True)["would"] == {"add": 1, "unchanged": 2}
    report = imported(root)
    assert (report["images"], report["duplicates"]) == (1, 2)
    back = Image.objects.get(pk=pruned.pk)
    assert (back.filename, back.labels) == ("dog/1.jpg", ["dog"])
    assert counted() == {"cat": 2, "dog": 1}
    (root / "dog/1.jpg").unlink()
    assert imported(root, prune=True)["removed"] == 1
    assert bin.restore_images([pruned.pk])[0].labels == ["dog"]

    # what a person has deleted is neither replaced nor gone; as long as its file is there it comes back
    bin.delete_images([kept.pk])
    assert imported(root, prune=True, dry_run=True)["would"] == {"add": 1, "unchanged": 1}
    (root / "cat/0.jpg").write_bytes(image_bytes(8))
    assert imported(root, dry_run=True)["would"] == {"add": 1, "unchanged": 1}
    (root / "cat/0.jpg").unlink()
    assert imported(root, prune=True, dry_run=True)["would"] == {"unchanged": 1}
    assert "gone" not in imported(root)
    assert "removed" not in imported(root, prune=True)
    assert Image.everything.count() == 4


def test_files_of_one_image_bring_it_back_from_the_bin_together(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", {"beach/a.jpg": image_bytes(1), "sunset/a.jpg": image_bytes(1)})
    imported(root)
    bin.delete_images(Image.objects.values_list("pk", flat=True))
    (root / "beach").rename(root / "coast")
    (root / "sunset").rename(root / "dusk")
    report = imported(root)
    assert (report["images"], report["duplicates"], report["failed"]) == (1, 1, 0)
    assert labels() == {"coast/a.jpg": ["coast", "dusk"]}
    assert set(SourceFile.objects.values_list("name", flat=True)) == {"coast/a.jpg", "dusk/a.jpg"}


def test_an_image_without_its_file_keeps_its_label_when_that_comes_again_and_can_be_pruned(
    tmp_path: Path,
) -> None:
    root = folder(tmp_path / "pets", {"cat/0.jpg": image_bytes(1), "cat/1.jpg": image_bytes(2)})
    imported(root)
    first, second = Image.objects.order_by("filename")
    datasets.label(first, "lynx")
    missing.mark([first.pk, second.pk])
    (root / "cat/1.jpg").unlink()
    assert imported(root, prune=True)["removed"] == 1
    assert labels() == {"cat/0.jpg": ["lynx", "cat"]}
    missing.unmark([second.pk])
    assert Image.objects.get() == first


def test_a_dataset_whose_images_lie_in_the_bin_is_not_empty(tmp_path: Path) -> None:
    imported(folder(tmp_path / "pets", {"cat/0.jpg": image_bytes(1)}))
    dataset = Dataset.objects.get()
    bin.delete_images(Image.objects.values_list("pk", flat=True))
    assert not importing.drop_if_empty(dataset)
    bin.delete_dataset(dataset)
    assert not importing.drop_if_empty(Dataset.everything.get())
    assert Image.everything.exists()


def test_two_files_that_change_places_stay_what_they_are(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"cat/0.jpg": image_bytes(1), "dog/0.jpg": image_bytes(2)})
    imported(root)
    folder(root, {"cat/0.jpg": image_bytes(2), "dog/0.jpg": image_bytes(1)})
    report = imported(root)
    assert (report["images"], report["duplicates"]) == (0, 2)
    assert sorted(image.category for image in Image.objects.all()) == ["cat", "dog"]
    assert dict(SourceFile.objects.values_list("name", "image__category")) == {
        "cat/0.jpg": "cat",
        "dog/0.jpg": "dog",
    }
    assert not FurtherCategory.objects.exists()


def test_the_same_image_under_two_labels_keeps_both_while_it_has_both(tmp_path: Path) -> None:
    root = folder(
        tmp_path / "x",
        {"beach/a.jpg": image_bytes(1), "sunset/a.jpg": image_bytes(1), "sunset/b.jpg": image_bytes(2)},
    )
    report = imported(root)
    assert (report["images"], report["duplicates"], report["failed"]) == (2, 1, 0)
    assert labels() == {"beach/a.jpg": ["beach", "sunset"], "sunset/b.jpg": ["sunset"]}
    (root / "beach/a.jpg").unlink()
    imported(root, prune=True)
    assert list(labels().values()) == [["sunset"], ["sunset"]]
    # and from an archive, which is another source, a third
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("more/evening/a.jpg", image_bytes(1))
        archive.writestr("more/noon/c.jpg", image_bytes(3))
    imported(tmp_path / "more.zip")
    assert ["sunset", "evening"] in labels().values()


def test_what_a_table_says_besides_is_in_the_metadata_and_follows_the_table(
    tmp_path: Path, client: Client
) -> None:
    files = {
        "a.jpg": image_bytes(1),
        "b.jpg": image_bytes(2),
        "copy.jpg": image_bytes(1),
        "metadata.csv": b"file,label,author,url\na.jpg,cat,Ann,https://example.org/a?b=1&c=2\ncopy.jpg,cat,Bo,\n",
    }
    root = folder(tmp_path / "pets", files)
    assert imported(root)["duplicates"] == 1, "a copy is one, whatever the table says of it"
    image = Image.objects.get(filename="a.jpg")
    assert image.metadata == {"author": "Ann", "url": "https://example.org/a?b=1&c=2"}
    Image.objects.filter(pk=image.pk).update(metadata=image.metadata | {"shelf": "A3", "author": "?"})
    assert imported(root, dry_run=True)["would"] == {"relabel": 1, "unchanged": 2}
    (root / "metadata.csv").write_text("file,label,author\na.jpg,cat,Eva\n")
    assert imported(root)["relabelled"] == 1
    image.refresh_from_db()
    assert image.metadata == {"author": "Eva", "url": "https://example.org/a?b=1&c=2", "shelf": "A3"}
    assert imported(root, dry_run=True)["would"] == {"unchanged": 3}
    page = client.get(f"/datasets/pets/images/{image.pk}/").content.decode()
    assert "<dt>author</dt><dd>Eva</dd>" in page
    assert '<a href="https://example.org/a?b=1&amp;c=2" rel="nofollow">' in page


def test_a_label_given_by_hand_stays_and_one_of_the_source_follows_it(tmp_path: Path) -> None:
    files = {
        "a.jpg": image_bytes(1),
        "b.jpg": image_bytes(2),
        "labels.csv": b"filename,label\na.jpg,cat\nb.jpg,cat\n",
    }
    root = folder(tmp_path / "pets", files)
    imported(root)
    datasets.label(Image.objects.get(filename="a.jpg"), "lynx")
    (root / "labels.csv").write_text("filename,label\na.jpg,dog\nb.jpg,dog\n")
    report = imported(root)
    assert report["relabelled"] == 2
    assert labels() == {"a.jpg": ["lynx", "dog"], "b.jpg": ["dog"]}


def test_two_folders_of_one_dataset_keep_out_of_each_others_way(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", {"IMG_1.jpg": image_bytes(1)})
    other = folder(tmp_path / "other", {"IMG_1.jpg": image_bytes(2)})
    imported(one)
    report = imported(other, prune=True)
    assert (report["images"], report.get("replaced", 0), report.get("removed", 0)) == (1, 0, 0)
    assert Image.objects.count() == 2
    shutil.rmtree(one)
    one.mkdir()
    with pytest.raises(CommandError, match="nothing to import"):
        imported(one, prune=True)  # a drive that is not there empties no dataset
    assert Image.objects.count() == 2


def test_a_folder_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "pets", {"cat/0.jpg": image_bytes(1)})
    looks = []

    def sleep(_: float) -> None:
        looks.append(1)
        if len(looks) == 2:
            folder(root, {"dog/1.jpg": image_bytes(2)})
        if len(looks) == 3:
            folder(root, {"dog/2.jpg": image_bytes(3)})  # still being copied
        if len(looks) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.changes, "__kwdefaults__", {"every_s": 0, "sleep": sleep})
    report = imported(root, watch=True)
    assert (report["images"], report["unchanged"]) == (2, 1)
    assert Job.objects.filter(kind=jobs.IMPORT).count() == 2
    with pytest.raises(CommandError, match="takes a folder"):
        imported(root / "cat/0.jpg", watch=True)


def test_a_single_image_and_the_splits_come_in(tmp_path: Path) -> None:
    root = folder(tmp_path / "pets", {"train/cat/0.jpg": image_bytes(1), "test/cat/1.jpg": image_bytes(2)})
    report = imported(root)
    assert report["splits"] == {"train": 1, "test": 1}
    assert dict(Image.objects.values_list("filename", "split")) == {
        "train/cat/0.jpg": "train",
        "test/cat/1.jpg": "test",
    }
    (tmp_path / "one.jpg").write_bytes(image_bytes(3))
    assert imported(tmp_path / "one.jpg")["images"] == 1
    assert labels()["one.jpg"] == []


@pytest.mark.parametrize("at", ["before", "between"])
def test_two_imports_of_one_archive_at_once_report_what_each_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    archive = tmp_path / "pets.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for number in range(3):
            target.writestr(f"cat/{number}.png", image_bytes(number))
    dataset = datasets.save(Dataset(slug="pets", name="Pets"))
    write, reports = storing._write_all, []

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(storing, "_write_all", write)
        if at == "between":
            write(*args)
        other = jobs.perform_now(jobs.IMPORT, dataset, path=str(archive), announce=False, extract=False)
        reports.append(other.result)
        if at == "before":
            write(*args)

    monkeypatch.setattr(storing, "_write_all", overtaken)
    job = jobs.perform_now(jobs.IMPORT, dataset, path=str(archive), announce=False)
    reports.append(job.result)
    assert [(one["images"], one["duplicates"], one["failed"]) for one in reports] == [(3, 0, 0), (0, 3, 0)]
    assert Image.objects.count() == SourceFile.objects.count() == 3
    files = [path for path in (tmp_path / "media" / "images").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert {image.import_id for image in Image.objects.all()} != {job.pk}


def test_a_duplicate_says_which_image_it_is(staff_client: Client, tmp_path: Path) -> None:
    imported(folder(tmp_path / "pets", {"cat/0.png": image_bytes(1)}))
    image = Image.objects.get()
    file = SimpleUploadedFile("again.png", image_bytes(1))
    answer = staff_client.post("/api/v1/images/", {"dataset": "pets", "file": file})
    assert answer.status_code == 409
    assert f"“cat/0.png” (image {image.pk})" in answer.json()["error"]["detail"]


def test_an_upload_needs_no_name_and_takes_what_nobody_has(staff_client: Client) -> None:
    page = "/admin/gallery/dataset/upload/"
    sent = [
        ("Urlaub & Möwen 2026.tar.gz", ""),
        ("x.zip", "Urlaub & Möwen 2026"),
        ("写真.zip", ""),
        (".zip", ""),
    ]
    for file, name in sent:
        archive = SimpleUploadedFile(file, tarred({"cat/0.png": image_bytes(1)}).getvalue())
        assert staff_client.post(page, {"archive": archive, "name": name}).status_code == 302
    assert list(Dataset.objects.order_by("pk").values_list("slug", "name")) == [
        ("urlaub-mowen-2026", "Urlaub & Möwen 2026"),
        ("urlaub-mowen-2026-2", "Urlaub & Möwen 2026"),
        ("dataset", "写真"),
        ("dataset-2", "Dataset"),
    ]
    taken = {
        "archive": SimpleUploadedFile("a.zip", tarred({"0.png": image_bytes(1)}).getvalue()),
        "slug": "dataset",
    }
    assert "There is a dataset with this slug already" in staff_client.post(page, taken).content.decode()


def test_an_upload_of_any_kind_shows_its_rule_and_its_end(staff_client: Client) -> None:
    page = "/admin/gallery/dataset/upload/"
    assert "A single folder around everything is no label" in staff_client.get(page).content.decode()
    words = io.BytesIO()
    with zipfile.ZipFile(words, "w") as archive:
        archive.writestr("pets/a.jpg", b"words")
        archive.writestr("pets/0.xmp", b"x")
    staff_client.post(
        page, {"archive": SimpleUploadedFile("pets.zip", words.getvalue()), "slug": "none", "name": "None"}
    )
    ended = jobs.perform(Job.objects.get().pk)
    assert ended is not None
    shown = staff_client.get(ended.get_absolute_url()).content.decode()
    assert not Dataset.objects.exists()
    assert "1 × not an image that can be read; left out: side files of images (1)" in shown
    assert "which was not kept" in shown

    staff_client.post(
        page, {"archive": SimpleUploadedFile("wren.png", image_bytes(1)), "slug": "one", "labels": "path"}
    )
    ended = jobs.perform(Job.objects.filter(kind=jobs.IMPORT).latest("pk").pk)
    assert ended is not None
    assert (ended.outcome, Image.objects.get().filename) == ("succeeded", "wren.png")
    mixed = tarred(
        {
            "pets/train/cat/0.png": image_bytes(2),
            "pets/val/cat/1.png": image_bytes(3),
            "pets/val/x.png": b"words",
        }
    )
    address = "/api/v1/datasets/one/upload/"
    started = staff_client.post(
        address, {"file": SimpleUploadedFile("p.tgz", mixed.getvalue()), "labels": "first"}
    ).json()
    ended = jobs.perform(started["id"])
    assert ended is not None
    answer = staff_client.get(f"/api/v1/jobs/{ended.pk}/").json()
    assert (answer["state"], answer["outcome"], answer["result"]["splits"]) == (
        "succeeded",
        "partly",
        {"train": 1, "val": 1},
    )
    shown = staff_client.get(ended.get_absolute_url()).content.decode()
    assert 'data-state="partly" data-part="state">partly failed<' in shown
    images = staff_client.get("/api/v1/images/?label=cat").json()["results"]
    assert [(one["labels"], one["split"]) for one in images] == [(["cat"], "train"), (["cat"], "val")]
