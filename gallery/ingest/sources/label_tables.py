"""Labels that come in a table beside the images: CSV, JSON lines, COCO annotations, names of classes."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from gallery.ingest.sources import table_columns
from gallery.ingest.sources.member_names import parts

MOST_BYTES = 64 * 2**20
MOST_TABLES = 50
# of all tables of a source: how many rows are read, and how much of them is kept while the import runs
MOST_ROWS = 5_000_000
MOST_KEPT_BYTES = 256 * 2**20
MOST_LABELS = 200  # of one image
MOST_CLASSES = 100_000  # that have names: ImageNet in whole has 22,000
MOST_JSON_BYTES = 500 * 2**20  # what a document takes when it is read, about
# Python's objects of 64 bits: of each number or text, list, object, and half a text (a quotation mark)
JSON_BYTES = {",": 32, "[": 64, "{": 160, '"': 15}
BYTES_OF_LABEL = 50
MOST_FOLDERS = 16  # the last ones, by which images of one name are told apart

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
    sentences for whoever imports. `rows_left` and `bytes_left` are what may still be read and kept.
    """

    labels: dict[str, Labels] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows_left: int = field(default_factory=lambda: MOST_ROWS)
    bytes_left: int = field(default_factory=lambda: MOST_KEPT_BYTES)

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
        left = found.bytes_left
        try:
            rows, classes = _parsed(name, _text(read(name)), finder)
            taken = _taken(found, name, rows, finder)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
            why = f" ({error})" if isinstance(error, _TooLargeError) else ""
            found.notes.append(f"{name} cannot be read as a table of labels{why}; it was left out.")
            found.bytes_left = left
            continue
        found.class_names |= {code: named for code, named in classes.items() if _is_code(code, codes)}
        _add(found, name, taken)
    found.class_names = _told_apart(found.class_names)
    found.labels = {
        image: tuple(found.named(label) for label in labels) for image, labels in found.labels.items()
    }
    return found


class _TooLargeError(ValueError):
    """A table holds more than is read."""


@dataclass
class _Taken:
    """What a table says of the images that are here, and how many files it names that are not."""

    labels: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    metadata: dict[str, str] = field(default_factory=dict)
    missing: int = 0


def _taken(found: LabelTables, table: str, rows: Iterable[_Row], finder: _ImageFinder) -> _Taken:
    """Read the rows of a table. Raises: _TooLargeError, where all tables together say too much."""
    folder = parts(table)[:-1]
    taken = _Taken()
    for row in rows:
        found.rows_left -= 1
        image = finder.find(row.file, folder)
        if image is None:
            taken.missing += 1
        else:
            labels = taken.labels[image]
            for label in row.labels[:MOST_LABELS]:
                if label not in labels and len(labels) < MOST_LABELS:
                    labels[sys.intern(label)] = None
                    found.bytes_left -= BYTES_OF_LABEL + len(label)
            if row.metadata and image not in taken.metadata:
                taken.metadata[image] = row.metadata
                found.bytes_left -= len(row.metadata)
        if found.rows_left < 0 or found.bytes_left < 0:
            raise _TooLargeError("the tables of labels are too many or too large")
    return taken


def _add(found: LabelTables, table: str, taken: _Taken) -> None:
    """Add the labels of a table; the first table that names an image is right."""
    if taken.labels:
        found.used.append(table)
    for image, names in taken.labels.items():
        if image not in found.labels and image in taken.metadata:
            found.metadata[image] = taken.metadata[image]
        found.labels.setdefault(image, tuple(names))
    if taken.missing:
        found.notes.append(f"{table} names {taken.missing:,} files that are not here, or not only once.")


Steps: TypeAlias = tuple[str, ...]


class _ImageFinder:
    """Finds the image that a table means: by its name, as much of its folders as is written, and its stem."""

    def __init__(self, images: Sequence[str]) -> None:
        self._by_name: dict[str, list[Steps]] = defaultdict(list)
        self._by_stem: dict[str, list[Steps]] = defaultdict(list)
        self._names = {parts(image): image for image in images}
        # of images of one name, for a table in a folder: by the ends of their ways, see `_nearest`
        self._ends: dict[tuple[int, Steps], dict[Steps, _Ending]] = {}
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
        nearest = self._nearest(candidates, steps, folder) if len(candidates) > 1 else (*candidates, None)[0]
        return self._names[nearest] if nearest is not None and _fits(nearest, steps) else None

    def _nearest(self, candidates: list[Steps], steps: Steps, folder: Steps) -> Steps | None:
        """Return the one with most folders as written, of several the one beside the table; else None."""
        key = id(candidates), folder
        if key not in self._ends:
            self._ends[key] = _ends(candidates, folder)
        way = _folders(steps)
        ends = (way[start:] for start in range(len(way) + 1))  # the longest first; all end with nothing
        return next(found.only for end in ends if (found := self._ends[key].get(end)) is not None)


@dataclass
class _Ending:
    """Images whose ways end alike: whether they lie beside a table, and which it is where there is one."""

    beside: bool
    only: Steps | None


def _ends(candidates: Iterable[Steps], folder: Steps) -> dict[Steps, _Ending]:
    """Return what every end of the ways to some images leads to, those beside a table before others."""
    found: dict[Steps, _Ending] = {}
    for candidate in candidates:
        beside, way = candidate[: len(folder)] == folder, _folders(candidate)
        for count in range(len(way) + 1):
            end = way[len(way) - count :]
            known = found.get(end)
            if known is None or (beside and not known.beside):
                found[end] = _Ending(beside, candidate)
            elif beside == known.beside:
                known.only = None
    return found


def _folders(steps: Steps) -> Steps:
    """Return the last folders of a way, as they are compared."""
    return tuple(step.casefold() for step in steps[:-1][-MOST_FOLDERS:])


def _fits(candidate: Steps, steps: Steps) -> bool:
    """Whether the folder written before a name, if any, is that of the image, if it is in one."""
    return len(steps) < 2 or len(candidate) < 2 or candidate[-2].casefold() == steps[-2].casefold()


def _parsed(name: str, text: str, finder: _ImageFinder) -> tuple[Iterable[_Row], Mapping[str, str]]:
    """Return rows, which are read one by one, and names of classes."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _csv_rows(text, finder), {}
    if suffix == ".jsonl":
        return _records(_json(line) for line in _lines(text) if line.strip()), {}
    if suffix == ".txt":
        return (), _few((found[1], found[2]) for line in _lines(text) if (found := _SYNSET_LINE.match(line)))
    content = _json(text)
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return _coco_rows(content), {}
    if isinstance(content, list):
        return _records(content), {}
    return (), _few(_class_index(content))


def _lines(text: str) -> Iterator[str]:
    return io.StringIO(text, newline=None)


def _json(text: str) -> Any:
    """Return what a document says. Raises: _TooLargeError, by what it is made of; ValueError."""
    if sum(size * text.count(mark) for mark, size in JSON_BYTES.items()) > MOST_JSON_BYTES:
        raise _TooLargeError(
            "it takes too much memory as a whole: write a line for each file, as CSV or JSONL"
        )
    return json.loads(text)


def _few(classes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return names of classes by their codes. Raises: _TooLargeError."""
    found = {code: table_columns.clean(named) for code, named in islice(classes, MOST_CLASSES + 1)}
    if len(found) > MOST_CLASSES:
        raise _TooLargeError(f"it names more than {MOST_CLASSES:,} classes")
    return found


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
            others = ((header[at], table_columns.number_or_text(row[at])) for at in rest if at < len(row))
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
    text = table_columns.clean(str(value))
    return (text,) if text else ()


def _coco_rows(content: Mapping[str, Any]) -> Iterator[_Row]:
    """The categories of the annotations of each image, that with most annotations first."""
    categories = {one["id"]: table_columns.clean(str(one["name"])) for one in content["categories"]}
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for annotation in content["annotations"]:
        if (category := categories.get(annotation.get("category_id"))) is not None:
            counts[annotation["image_id"]][category] += 1
    for image in content["images"]:
        if image["id"] in counts:
            yield _Row(str(image["file_name"]), tuple(name for name, _ in counts[image["id"]].most_common()))


def _class_index(content: Any) -> Iterator[tuple[str, str]]:
    """Names of classes by their code: {"n01440764": "tench"} or, of Keras, {"0": ["n01440764", "tench"]}."""
    for code, named in content.items() if isinstance(content, dict) else ():
        if isinstance(named, str):
            yield code, named
        elif isinstance(named, list) and len(named) == 2 and all(isinstance(one, str) for one in named):
            yield named[0], named[1]
            yield code, named[1]


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
