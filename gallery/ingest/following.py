"""Lets a dataset follow the folder or archive that it was imported from, when that is imported again.

What an image is called and labelled is what its files in its sources say, until somebody changes it by hand:
a label that no file of an image had is left as it is. A file that is elsewhere now takes its image along, one
with other content replaces its image, and what is gone stays unless it is asked to go. What goes lies in the
bin, as all that people delete, and keeps the labels that it had. What lies there is no image of the dataset
any more; a file of its content brings it back.

An example. `cat/0.jpg` and `cat/1.jpg` were imported; since then the first has become `dog/0.jpg`:

    import_dataset again             the first image is called dog/0.jpg and is a dog
    rm cat/1.jpg, and with --prune   the second is put into the bin
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from gallery.ingest.removals import bin
from gallery.ingest.sources.member_names import printable
from gallery.ingest.storing import DecodedImage
from gallery.models import Dataset, FurtherCategory, Image, ImportSource, SourceFile
from gallery.system.concurrency.held_rows import held

CHUNK = 500


@dataclass(frozen=True)
class Met:
    """A file of a source whose image is stored: now, or before."""

    image: Image
    decoded: DecodedImage
    is_new: bool


@dataclass
class _Lost:
    """The names and labels of files that were an image, and are another now, or none."""

    names: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)

    def add(self, row: SourceFile) -> None:
        """Note one of the files."""
        self.names.add(row.name)
        self.labels |= set(row.labels)


class Tracker:
    """Follows one source while it is imported; `counts` says what became of files whose image was there.

    Without a path, as of an upload, nothing is followed: files only give their labels to the images they are.
    """

    def __init__(self, dataset: Dataset, path: str | None, names: Iterable[str]) -> None:
        """Name the source and every file that is in it now."""
        self._present = {name[-500:] for name in names}
        self._source: ImportSource | None = None
        if path is not None:
            address = printable(path)[:1000]
            self._source, _ = ImportSource.objects.get_or_create(dataset=dataset, path=address)
        self._lost: dict[int, _Lost] = defaultdict(_Lost)
        self.counts: Counter[str] = Counter()

    def meet(self, files: Sequence[Met]) -> list[Met]:
        """Take stored files; returns those whose image was there and that say nothing new: copies.

        A file that is where it was is no copy; it is only counted as unchanged.
        """
        with transaction.atomic():
            there = held(Image.objects.filter(pk__in=[one.image.pk for one in files]))
            files = [one for one in files if one.image.pk in there]
            batch = _Batch([one.image for one in files], self._lost)
            before = self._files([one.decoded.name for one in files])
            copies = [one for one in files if not self._take(batch, one, before.get(one.decoded.name))]
            batch.write()
        return copies

    def finish(self, *, prune: bool) -> None:
        """Put images into the bin whose file has other content by now and, if asked to, is gone."""
        if self._source is None:
            return
        self._let_go("replaced")
        if not prune:
            there = self._source.files.filter(image__deleted_at=None).values_list("name", flat=True)
            self.counts["gone"] = sum(name not in self._present for name in there)
            return
        gone = [row for row in self._source.files.all() if row.name not in self._present]
        for row in gone:
            self._lost[row.image_id].add(row)
        for some in _chunks([row.pk for row in gone]):
            SourceFile.objects.filter(pk__in=some).delete()
        self._let_go("removed")

    def as_result(self) -> dict[str, object]:
        """Return what a job's result says of it."""
        return {name: count for name, count in self.counts.items() if count}

    def _files(self, names: Sequence[str]) -> dict[str, SourceFile]:
        if self._source is None:
            return {}
        return {row.name: row for row in self._source.files.filter(name__in=names)}

    def _take(self, batch: _Batch, one: Met, before: SourceFile | None) -> bool:
        """Note a file; returns False for a copy with nothing new to say."""
        if before is not None and before.image_id != one.image.pk:
            batch.forget(before)
        gone = [row for row in batch.files(one.image) if self._is_gone(row)]
        for row in gone:
            batch.forget(row)
        row = SourceFile(
            source=self._source,
            image=one.image,
            name=one.decoded.name,
            labels=[label for label in (one.decoded.category, *one.decoded.further) if label],
            split=one.decoded.split,
        )
        # one that came back from the bin, where no file was it any more, is called as its file is now
        comes_back = self._source is not None and one.is_new and not batch.files(one.image)
        moved = comes_back or any(row.name == one.image.filename for row in gone)
        relabelled = batch.note(row, one.image, moved=moved)
        if one.image.filename == one.decoded.name:
            relabelled |= batch.describe(one.image, one.decoded.metadata)
        if one.is_new:
            return True
        stays = one.image.filename == one.decoded.name
        if before is not None:
            stays = before.image_id == one.image.pk
        for what, is_so in (("moved", bool(gone)), ("relabelled", relabelled), ("unchanged", stays)):
            if is_so:
                self.counts[what] += 1
                return True
        return False

    def _is_gone(self, row: SourceFile) -> bool:
        ours = self._source is not None and row.source_id == self._source.pk
        return ours and row.name not in self._present

    def _let_go(self, what: str) -> None:
        """Put images into the bin that came as these files and are none now; others lose their labels."""
        for some in _chunks(sorted(self._lost)):
            # one whose stored file is missing goes as well, and does not come back when that is found
            orphans = Image.everything.filter(pk__in=some, source_files=None, deleted_at=None)
            # one that came otherwise as well, as by an upload, has another name
            named = orphans.values_list("pk", "filename")
            alone = [pk for pk, name in named if name in self._lost[pk].names]
            self.counts[what] += bin.delete_images(alone)
            with transaction.atomic():
                there = held(Image.objects.filter(pk__in=some))
                batch = _Batch(list(Image.objects.filter(pk__in=there)), self._lost)
                batch.settle_all()
                batch.write()
        self._lost.clear()


class _Batch:
    """The files and labels of a few images, changed together."""

    def __init__(self, images: Sequence[Image], lost: dict[int, _Lost]) -> None:
        self._images = {image.pk: image for image in images}
        self._lost = lost
        self._files: dict[int, list[SourceFile]] = defaultdict(list)
        for row in SourceFile.objects.filter(image__in=self._images).order_by("pk"):
            self._files[row.image_id].append(row)
        self._further: dict[int, set[str]] = defaultdict(set)
        rows = FurtherCategory.objects.filter(image__in=self._images)
        for image, name in rows.values_list("image", "name"):
            self._further[image].add(name)
        self._before = {pk: frozenset(self._further[pk]) for pk in self._images}
        self._written: dict[str, SourceFile] = {}
        self._forgotten: set[int] = set()
        self._changed: set[int] = set()
        self._described: set[int] = set()

    def files(self, image: Image) -> list[SourceFile]:
        """Return the files, of any source, that are this image."""
        return self._files[image.pk]

    def forget(self, row: SourceFile) -> None:
        """Note that a file is an image no longer."""
        self._files[row.image_id] = [other for other in self._files[row.image_id] if other.name != row.name]
        self._lost[row.image_id].add(row)
        self._forgotten.add(row.pk)

    def note(self, row: SourceFile, image: Image, *, moved: bool) -> bool:
        """Note that a file is an image, which has `moved` there; returns whether its labels have changed."""
        others = []
        for other in self._files[image.pk]:
            is_again = row.source_id is not None and other.source_id == row.source_id
            if is_again and other.name == row.name:
                self._lost[image.pk].add(other)
            else:
                others.append(other)
        self._files[image.pk] = [*others, row]
        if row.source_id is not None:
            self._written[row.name] = row
        if moved:
            image.filename = row.name
            self._changed.add(image.pk)
        if image.filename == row.name and image.split != row.split:
            image.split = row.split
            self._changed.add(image.pk)
        return self._settle(image)

    def describe(self, image: Image, metadata: Mapping[str, object]) -> bool:
        """Write what a table says over the same names in an image's metadata; returns whether it is new."""
        if image.metadata == (described := image.metadata | dict(metadata)):
            return False
        image.metadata = described
        self._described.add(image.pk)
        return True

    def settle_all(self) -> None:
        """Give each image the labels that its files have now."""
        for image in self._images.values():
            self._settle(image)

    def _settle(self, image: Image) -> bool:
        """Give an image the labels that its files have now; what none of them ever had was given by hand.

        Returns whether that changes any.
        """
        files = self._files[image.pk]
        now = list(dict.fromkeys(label for row in files for label in row.labels))
        old = (self._lost[image.pk].labels if image.pk in self._lost else set()) - set(now)
        before = (image.category, frozenset(self._further[image.pk]))
        if image.category in old or (not image.category and now):
            image.category = now[0] if now else ""
            self._changed.add(image.pk)
        self._further[image.pk] = ((self._further[image.pk] - old) | set(now)) - {image.category}
        return before != (image.category, frozenset(self._further[image.pk]))

    def write(self) -> None:
        """Store what was noted."""
        SourceFile.objects.filter(pk__in=self._forgotten).delete()
        SourceFile.objects.bulk_create(
            self._written.values(),
            update_conflicts=True,
            unique_fields=["source", "name"],
            update_fields=["image", "labels", "split"],
        )
        for pk in sorted(self._changed):
            image = self._images[pk]
            Image.objects.filter(pk=pk).update(
                filename=image.filename, category=image.category, split=image.split
            )
        for pk in sorted(self._described):
            Image.objects.filter(pk=pk).update(metadata=self._images[pk].metadata)
        added = [
            FurtherCategory(image_id=pk, name=name)
            for pk, before in self._before.items()
            for name in sorted(self._further[pk] - before)
        ]
        FurtherCategory.objects.bulk_create(added, ignore_conflicts=True)
        for pk, before in self._before.items():
            if dropped := before - self._further[pk]:
                FurtherCategory.objects.filter(image=pk, name__in=dropped).delete()


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
