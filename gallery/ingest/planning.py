"""Says what importing a source again would do to a dataset: nothing is decoded, stored or removed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from gallery.ingest.sources.archives import Contents
from gallery.ingest.sources.member_names import printable
from gallery.ingest.sources.members import ArchiveMember, ArchiveProblem
from gallery.models import Dataset, Image, ImportSource, SourceFile

CHUNK = 64

ADD, MOVE, RELABEL, REPLACE, REMOVE, KEEP, FAIL = (
    "add", "move", "relabel", "replace", "remove", "unchanged", "fail",
)  # fmt: skip
# of images that are there already
THERE = (MOVE, RELABEL, KEEP)


@dataclass
class Plan:
    """What would be done with how many files, and with which, but for those that stay as they are."""

    counts: Counter[str] = field(default_factory=Counter)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def note(self, what: str, name: str) -> None:
        """Count a file."""
        self.counts[what] += 1
        if what != KEEP:
            self.steps.append((what, name))


def plan(dataset: Dataset | None, path: str, contents: Contents, *, prune: bool) -> Plan:
    """Return what an import of this path would do; a dataset that does not exist yet is None."""
    found = Plan()
    present = {name[-500:] for name in contents.names}
    source = ImportSource.objects.filter(dataset=dataset, path=printable(path)[:1000]).first()
    met: set[int] = set()
    for members in _chunks(contents):
        for member in members:
            if isinstance(member, ArchiveProblem):
                found.note(FAIL, member.name)
        files = [one for one in members if isinstance(one, ArchiveMember)]
        _plan_files(found, dataset, source, files, present, met)
    if source is not None and prune:
        for row in source.files.filter(image__deleted_at=None).exclude(image__in=met).order_by("name"):
            if row.name not in present:
                found.note(REMOVE, row.name)
    return found


def _plan_files(
    found: Plan,
    dataset: Dataset | None,
    source: ImportSource | None,
    members: list[ArchiveMember],
    present: set[str],
    met: set[int],
) -> None:
    hashes = {member.name[-500:]: hashlib.sha256(member.data).hexdigest() for member in members}
    stored = Image.objects.filter(dataset=dataset, sha256__in=hashes.values()).prefetch_related("further")
    images = {image.sha256: image for image in stored} if dataset else {}
    rows = SourceFile.objects.filter(source=source, name__in=hashes).select_related("image")
    before = {row.name: row for row in rows}
    files = SourceFile.objects.filter(source=source, image__in=[image.pk for image in images.values()])
    moved = {row.image_id for row in files if row.name not in present}
    for member in members:
        name = member.name[-500:]
        image, row = images.get(hashes[name]), before.get(name)
        labels = [label for label in (member.category, *member.further) if label]
        stays = row is not None and row.image_id == getattr(image, "pk", None)
        if image is None:
            replaces = row is not None and row.image.deleted_at is None
            found.note(REPLACE if replaces else ADD, name)
            continue
        met.add(image.pk)
        if image.pk in moved:
            found.note(MOVE, name)
        elif _says_other(image, member) or (
            row.labels != labels if row and stays else set(labels) - set(image.labels)
        ):
            found.note(RELABEL, name)
        else:
            found.note(KEEP, name)


def _says_other(image: Image, member: ArchiveMember) -> bool:
    """Whether the metadata that comes with the file of an image is not what the image has."""
    return image.filename == member.name[-500:] and image.metadata != image.metadata | dict(member.metadata)


def _chunks(
    contents: Iterable[ArchiveMember | ArchiveProblem],
) -> Iterator[list[ArchiveMember | ArchiveProblem]]:
    members = iter(contents)
    while some := list(islice(members, CHUNK)):
        yield some
