"""Labels that come in a table beside the images: CSV, JSON lines, COCO annotations, names of classes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from gallery.ingest import table_columns
from gallery.ingest.member_names import parts

MOST_BYTES = 64 * 2**20
MOST_TABLES = 50

Labels = tuple[str, ...]

# Names of columns, the likeliest first, in lower case and with underscores.
_FILE_COLUMNS = (
    "file_name", "filename", "file", "image_path", "filepath", "file_path", "path", "image_name", "imagename",
    "image_file", "image", "img", "image_id", "imageid", "img_id", "name", "id",
)  # fmt: skip
_LABEL_COLUMNS = (
    "class_name", "label_name", "category_name", "classname", "label", "labels", "class", "classes",
    "category", "categories", "target", "tag", "tags", "species", "breed", "label_id", "class_id", "classid",
)  # fmt: skip
_TABLE_NAME = re.compile(r"label|metadata|annotation|class|train|valid|test", re.IGNORECASE)
_COCO_NAME = re.compile(r"coco|instances|annotation|labels", re.IGNORECASE)
_CLASSES_NAME = re.compile(r"synset|words|class|cat|name|label", re.IGNORECASE)
_CODE_AND_NAME = re.compile(r"n\d{8}[-_ .](\S.*)")  # n02085620-Chihuahua
_SYNSET_LINE = re.compile(r"(n\d{8})[\t ,]+(\S.*)")


@dataclass
class LabelTables:
    """What the tables of a source say: labels by the name of an image, and names of classes.

    `metadata` are the other columns of the same rows, as JSON, `used` the tables that gave labels, `notes`
    sentences for whoever imports.
    """

    labels: dict[str, Labels] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def named(self, label: str) -> str:
        """Return the name of a class that a label is the code of, as n01440764, or holds behind it."""
        behind_code = _CODE_AND_NAME.fullmatch(label)
        return self.class_names.get(label, behind_code[1] if behind_code else label)


@dataclass(frozen=True)
class _Row:
    """What a table says of one file: its name, as it is written there, its labels, and the rest as JSON."""

    file: str
    labels: Labels
    metadata: str = ""


def may_hold_labels(name: str) -> bool:
    """Whether a file of this name is looked into for labels."""
    path = PurePosixPath(name)
    suffix, whole = path.suffix.lower(), "/".join(path.parts[-2:])
    if suffix in (".csv", ".tsv", ".jsonl"):
        return bool(_TABLE_NAME.search(path.stem))
    if suffix == ".json":
        if path.name.lower().endswith(".coco.json"):
            return True
        # not the side files of single images, as IMG_0.jpg.supplemental-metadata.json
        of_one_image = "." in path.stem.strip(".")
        return not of_one_image and bool(_COCO_NAME.search(whole) or _CLASSES_NAME.search(path.stem))
    return suffix == ".txt" and bool(_CLASSES_NAME.search(path.stem))


def read_tables(
    tables: Iterable[str], read: Callable[[str], bytes], images: Sequence[str], folders: Iterable[str]
) -> LabelTables:
    """Return what tables say of images.

    Args:
        tables: names of files that may hold labels.
        read: returns the bytes of one.
        images: the names of all images, with folders.
        folders: the labels that folders give: names of classes are looked for among them.
    """
    found = LabelTables()
    finder = _ImageFinder(images)
    codes = set(folders)
    for name in tables:
        text = _text(read(name))
        try:
            rows, classes = _parsed(name, text, finder)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error):
            found.notes.append(f"{name} cannot be read as a table of labels; it was left out.")
            continue
        found.class_names |= {code: named for code, named in classes.items() if _is_code(code, codes)}
        _take(found, name, rows, finder)
    found.class_names = _told_apart(found.class_names)
    found.labels = {
        image: tuple(found.named(label) for label in labels) for image, labels in found.labels.items()
    }
    return found


def _take(found: LabelTables, table: str, rows: Sequence[_Row], finder: _ImageFinder) -> None:
    """Add the labels of a table; the first table that names an image is right."""
    folder = parts(table)[:-1]
    missing = 0
    labels: dict[str, list[str]] = defaultdict(list)
    metadata: dict[str, str] = {}
    for row in rows:
        image = finder.find(row.file, folder)
        if image is None:
            missing += 1
        else:
            labels[image] += [label for label in row.labels if label not in labels[image]]
            if row.metadata:
                metadata.setdefault(image, row.metadata)
    if labels:
        found.used.append(table)
    for image, names in labels.items():
        if image not in found.labels and image in metadata:
            found.metadata[image] = metadata[image]
        found.labels.setdefault(image, tuple(names))
    if missing:
        found.notes.append(f"{table} names {missing:,} files that are not here, or not only once.")


class _ImageFinder:
    """Finds the image that a table means: by its name, as much of its folders as is written, and its stem."""

    def __init__(self, images: Sequence[str]) -> None:
        self._by_name: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._names = {parts(image): image for image in images}
        for steps in self._names:
            name = steps[-1].casefold()
            self._by_name[name].append(steps)
            self._by_stem[name.rpartition(".")[0] or name].append(steps)

    def find(self, written: str, folder: tuple[str, ...]) -> str | None:
        """Return the image of a name that a table in this folder has, None where none or several fit."""
        steps = parts(written.strip().replace("\\", "/"))
        if not steps:
            return None
        exact = self._names.get(folder + steps)
        if exact is not None:
            return exact
        name = steps[-1].casefold()
        candidates = self._by_name.get(name) or self._by_stem.get(name) or []
        if len(candidates) > 1:
            candidates = _nearest(candidates, steps, folder)
        return self._names[candidates[0]] if len(candidates) == 1 and _fits(candidates[0], steps) else None


def _nearest(
    candidates: list[tuple[str, ...]], steps: tuple[str, ...], folder: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """Keep those with most folders as written, of these those beside the table."""

    def rank(candidate: tuple[str, ...]) -> tuple[int, bool]:
        return _common(candidate, steps), candidate[: len(folder)] == folder

    best = max(map(rank, candidates))
    return [candidate for candidate in candidates if rank(candidate) == best]


def _fits(candidate: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    """Whether the folder written before a name, if any, is that of the image, if it is in one."""
    return len(steps) < 2 or len(candidate) < 2 or _common(candidate, steps) > 0


def _common(candidate: tuple[str, ...], steps: tuple[str, ...]) -> int:
    """How many folders, from the last, are the same."""
    count = 0
    for ours, theirs in zip(reversed(candidate[:-1]), reversed(steps[:-1]), strict=False):
        if ours.casefold() != theirs.casefold():
            break
        count += 1
    return count


def _parsed(name: str, text: str, finder: _ImageFinder) -> tuple[list[_Row], Mapping[str, str]]:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return list(_csv_rows(text, finder)), {}
    if suffix == ".jsonl":
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
        return list(_records(records)), {}
    if suffix == ".txt":
        return [], {found[1]: found[2] for line in text.splitlines() if (found := _SYNSET_LINE.match(line))}
    content = json.loads(text)
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return list(_coco_rows(content)), {}
    if isinstance(content, list):
        return list(_records(content)), {}
    return [], _class_index(content)


def _csv_rows(text: str, finder: _ImageFinder) -> Iterator[_Row]:
    first = text[:4096].split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count) if any(first.count(one) for one in ",;\t|") else ","
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = next(rows, [])
    if len(header) == 2 and finder.find(header[0], ()) is not None:  # no header at all
        yield _Row(header[0], _labels(header[1]))
        yield from (_Row(row[0], _labels(row[1])) for row in rows if len(row) == 2)
        return
    columns = [re.sub(r"[\s-]+", "_", column.strip().lower()) for column in header]
    file, label = _column(columns, _FILE_COLUMNS), _column(columns, _LABEL_COLUMNS)
    if file is None and len(columns) == 2 and label is not None:
        file = 1 - label
    if label is None and len(columns) == 2 and file is not None:
        label = 1 - file  # "id,breed"
    if file is None or label is None:
        return
    rest = [at for at in range(len(header)) if at not in (file, label)]
    for row in rows:
        if len(row) > max(file, label):
            others = [(header[at], table_columns.number_or_text(row[at])) for at in rest if at < len(row)]
            yield _Row(row[file], _labels(row[label]), table_columns.as_json(others))


def _column(columns: Sequence[str], known: Sequence[str]) -> int | None:
    return next((columns.index(name) for name in known if name in columns), None)


def _records(records: Iterable[Any]) -> Iterator[_Row]:
    for record in records:
        if not isinstance(record, dict):
            continue
        values = {key.strip().lower(): value for key, value in record.items()}
        file = next((key for key in _FILE_COLUMNS if isinstance(values.get(key), str)), None)
        label = next((key for key in _LABEL_COLUMNS if values.get(key) is not None), None)
        if file is not None and label is not None:
            others = [(key, record[key]) for key in record if key.strip().lower() not in (file, label)]
            yield _Row(values[file], _labels(values[label]), table_columns.as_json(others))


def _labels(value: Any) -> Labels:
    """Return the labels of a cell, the most important first; numbers are labels as they are written."""
    if isinstance(value, (list, tuple)):
        return tuple(dict.fromkeys(label for one in value for label in _labels(one)))
    if isinstance(value, dict):
        return ()
    text = str(value).strip()
    return (text,) if text else ()


def _coco_rows(content: Mapping[str, Any]) -> Iterator[_Row]:
    """The categories of the annotations of each image, that with most annotations first."""
    categories = {one["id"]: str(one["name"]).strip() for one in content["categories"]}
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for annotation in content["annotations"]:
        if (category := categories.get(annotation.get("category_id"))) is not None:
            counts[annotation["image_id"]][category] += 1
    for image in content["images"]:
        if image["id"] in counts:
            yield _Row(str(image["file_name"]), tuple(name for name, _ in counts[image["id"]].most_common()))


def _class_index(content: Any) -> dict[str, str]:
    """Names of classes by their code: {"n01440764": "tench"} or, of Keras, {"0": ["n01440764", "tench"]}."""
    if not isinstance(content, dict):
        return {}
    found: dict[str, str] = {}
    for code, named in content.items():
        if isinstance(named, str):
            found[code] = named
        elif isinstance(named, list) and len(named) == 2 and all(isinstance(one, str) for one in named):
            found[named[0]] = named[1]
            found[code] = named[1]
    return found


def _is_code(code: str, folders: set[str]) -> bool:
    """Whether names of classes are meant for this: a code of ImageNet, or what a folder is called."""
    return code in folders or re.fullmatch(r"n\d{8}", code) is not None


def _told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Return the first of the words of each class, or all where another class begins with the same."""
    first = {code: name.split(",")[0].strip() for code, name in names.items()}
    counts = Counter(first.values())
    return {code: word if counts[word] == 1 else names[code].strip() for code, word in first.items()}


def _text(data: bytes) -> str:
    """Return the text of a table as editors and Excel write it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
