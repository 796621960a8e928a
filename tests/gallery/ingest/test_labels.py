"""Labels: one rule for folders and archives, tables, and the names that every system writes."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Literal

import pytest

from gallery.errors import UnsafeArchiveError
from gallery.ingest.sources import labels as label_rule
from gallery.ingest.sources import name_encoding
from gallery.ingest.sources.archives import Contents, ReadOptions, opened
from gallery.ingest.sources.labels import MODES, FolderLabel, FolderLabels, split_of
from gallery.ingest.sources.members import ArchiveLimits, ArchiveMember, ArchiveProblem
from gallery.ingest.sources.name_encoding import guess
from gallery.ingest.sources.zips import UnknownEncodingError

LIMITS = ArchiveLimits()
# bytes of no image: nothing is decoded here
IMAGE = bytes(range(256)) * 4

Files = dict[str, bytes]


def folder(root: Path, files: Files) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def zipped(files: Files, within: str = "") -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(within + name, data)
    return target


def tarred(files: Files, mode: Literal["w", "w:gz"] = "w:gz", within: str = "") -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(within + name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target


def labels(contents: Contents, within: str = "") -> dict[str, tuple[str, ...]]:
    members = [member for member in contents if isinstance(member, ArchiveMember)]
    return {member.name.removeprefix(within): (member.category, *member.further) for member in members}


def every_way(tmp_path: Path, files: Files, mode: str = "nearest") -> dict[str, tuple[str, ...]]:
    """Return the labels of a tree, which are the same as a folder, as a zip and as a tar of it."""
    options = ReadOptions(labels=mode)
    with opened(folder(tmp_path / "tree", files), LIMITS, options) as contents:
        found = labels(contents)
    for archive in (zipped(files, "tree/"), tarred(files, "w:gz", "tree/"), tarred(files, "w", "tree/")):
        with opened(archive, LIMITS, options) as contents:
            assert labels(contents, "tree/") == found
    return found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/cat/0.jpg", "val/dog/1.jpg", "test/cat/2.jpg"], ["cat", "dog", "cat"]),
        (["train2017/0.jpg", "val2017/1.jpg"], ["", ""]),
        (["Training/cat/0.jpg", "Testing/dog/1.jpg"], ["cat", "dog"]),
        (["train/cat/0.jpg", "test/1.jpg"], ["cat", ""]),
        (["cat/train/0.jpg", "cat/test/1.jpg", "dog/train/2.jpg"], ["cat", "cat", "dog"]),
        (["train/cat/0.jpg", "train/dog/1.jpg"], ["cat", "dog"]),
        (["images/train/0.jpg", "images/val/1.jpg"], ["", ""]),
        (["train/images/0.jpg", "valid/images/1.jpg"], ["", ""]),
        (["bus/0.jpg", "train/1.jpg", "car/2.jpg"], ["bus", "train", "car"]),
        (["photos/cats/0.jpg", "photos/dogs/1.jpg"], ["cats", "dogs"]),
        (["cats/0.jpg", "cats/big/1.jpg", "2.jpg"], ["cats", "big", ""]),
        (["only/0.jpg", "only/1.jpg"], ["only", "only"]),
    ],
)
def test_the_label_is_the_nearest_folder_that_is_no_split(
    tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    found = every_way(tmp_path, dict.fromkeys(names, IMAGE))
    assert [found[name] for name in names] == [(label,) for label in expected]


def test_each_mode_takes_its_folder_both_ways(tmp_path: Path) -> None:
    files = dict.fromkeys(["pets/train/cat/big/0.jpg", "pets/val/dog/1.jpg"], IMAGE)
    found = [every_way(tmp_path, files, mode)["pets/train/cat/big/0.jpg"] for mode in MODES]
    assert found == [("big",), ("cat",), ("cat/big",), ("",)]


def test_the_split_is_kept() -> None:
    of = FolderLabels({("train", "cat"), ("Validation", "cat"), ("test", "cat")}, wrapped=False)
    assert [of((split, "cat")).split for split in ("train", "Validation", "test")] == ["train", "val", "test"]


TABLES = {
    "labels.csv": "filename,label\n0.jpg,cat\n1.jpg,dog\n",
    "metadata.csv": "file_name,text,label\nimages/0.jpg,a,cat\nimages/1.jpg,b,dog\n",
    "metadata.jsonl": '{"file_name": "images/0.jpg", "label": "cat"}\n'
    '{"file_name": "1.jpg", "label": "dog"}\n',
    "train_labels.csv": "\ufeffid;breed\r\n0;cat\r\n1;dog\r\n",
    "labels.tsv": "image\tclass\n.\\images\\0.jpg\tcat\n.\\images\\1.jpg\tdog\n",
    "labels2.csv": "0.jpg,cat\n1.jpg,dog\n",
    "_annotations.coco.json": json.dumps(
        {
            "images": [{"id": 1, "file_name": "0.jpg"}, {"id": 2, "file_name": "1.jpg"}],
            "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
            "annotations": [{"image_id": 1, "category_id": 7}, {"image_id": 2, "category_id": 8}],
        }
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_gives_the_labels(tmp_path: Path, table: str) -> None:
    files = {"images/0.jpg": IMAGE, "images/1.jpg": IMAGE, table: TABLES[table].encode()}
    assert every_way(tmp_path, files) == {"images/0.jpg": ("cat",), "images/1.jpg": ("dog",)}
    with opened(tmp_path / "tree", LIMITS) as contents:
        assert contents.left_out == {"tables of labels": 1}
    with opened(tmp_path / "tree", LIMITS, ReadOptions(labels="none")) as contents:
        assert set(labels(contents).values()) == {("",)}


def test_the_other_columns_of_a_table_become_metadata(tmp_path: Path) -> None:
    """Columns of an image are those of the table that labels it; what says nothing is left out."""
    csv = "file_name,label,Author, price ,sku,x\n0.jpg,cat,Ann\0a,12.5,007,\n1.jpg,dog,Zoë,-3\n0.jpg,x,Bo\n"
    lines = [
        {
            "file_name": "0.jpg",
            "label": "cat",
            "Author": "Ann\ud800a",
            "price": 12.5,
            "sku": "007",
            "note": "",
        },
        {"file_name": "1.jpg", "label": "dog", "Author": "Zoë", "price": -3, "box": [1], "far": float("inf")},
    ]
    told = {"0.jpg": {"Author": "Anna", "price": 12.5, "sku": "007"}, "1.jpg": {"Author": "Zoë", "price": -3}}
    tables = {"metadata.csv": csv, "metadata.jsonl": "\n".join(map(json.dumps, lines))}
    for number, (table, text) in enumerate(tables.items()):
        files = {"0.jpg": IMAGE, "1.jpg": IMAGE, table: text.encode(), "train.csv": b"id,label,x\n0,cat,1\n"}
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with opened(folder, LIMITS) as contents:
            found = {member.name: dict(getattr(member, "metadata", {})) for member in contents}
        assert found == told, table


def test_the_most_frequent_category_of_coco_comes_first_and_the_others_stay(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        "annotations": [{"image_id": 1, "category_id": category} for category in (1, 2, 2)],
    }
    files = {
        "train2017/a.jpg": IMAGE,
        "train2017/b.jpg": IMAGE,
        "annotations/instances_train2017.json": json.dumps(coco).encode(),
    }
    assert every_way(tmp_path, files) == {"train2017/a.jpg": ("dog", "person"), "train2017/b.jpg": ("",)}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "LOC_synset_mapping.txt",
            "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane, lifter\n",
        ),
        ("imagenet_class_index.json", '{"0": ["n01440764", "tench"], "1": ["n02012849", "crane"]}'),
        ("Labels.json", '{"n01440764": "tench, Tinca tinca", "n02012849": "crane"}'),
    ],
)
def test_codes_of_imagenet_get_the_names_of_their_classes(tmp_path: Path, file: str, text: str) -> None:
    files = {"train/n01440764/0.JPEG": IMAGE, "train/n99999999/1.JPEG": IMAGE, file: text.encode()}
    files["train/n02085620-Chihuahua/2.JPEG"] = IMAGE
    found = every_way(tmp_path, files)
    assert list(found.values()) == [("tench",), ("Chihuahua",), ("n99999999",)]


def test_a_table_that_fits_no_image_changes_nothing_and_one_that_is_broken_is_told(tmp_path: Path) -> None:
    files = {
        "cat/0.jpg": IMAGE,
        "labels.csv": b"filename,label\nelsewhere.jpg,dog\n",
        "coco.json": b"{not json",
        "annotations/instances.json": b"[" * 100_000,
    }
    with opened(folder(tmp_path, files), LIMITS) as contents:
        assert labels(contents) == {"cat/0.jpg": ("cat",)}
        assert "labels.csv names 1 files that are not here, or not only once." in contents.notes
        assert len(contents.notes) == 3


def test_a_table_names_the_images_beside_it_first(tmp_path: Path) -> None:
    files = {
        f"{split}/{name}": data
        for split, label in (("train", b"cat"), ("test", b"dog"))
        for name, data in (("0.jpg", IMAGE), ("metadata.csv", b"file_name,label\n0.jpg," + label))
    }
    assert every_way(tmp_path, files) == {"train/0.jpg": ("cat",), "test/0.jpg": ("dog",)}


def test_a_windows_zip_separates_by_backslashes() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("birds\\wren\\0.jpg", "birds\\owl\\1.jpg"):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.create_system = 0
            archive.writestr(entry, IMAGE)
        for name, attributes in (("birds\\none\\", 0), ("birds\\dos", 0x10), ("birds\\unix", 0o40755 << 16)):
            empty = zipfile.ZipInfo("x")
            empty.filename, empty.external_attr = name, attributes
            archive.writestr(empty, b"")
    with opened(target, LIMITS) as contents:
        assert contents.total == 2
        assert labels(contents) == {"birds/wren/0.jpg": ("wren",), "birds/owl/1.jpg": ("owl",)}


def without_flag(names: list[bytes], extra: bytes = b"") -> io.BytesIO:
    """A zip of these names with nothing that says how they are written."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, name in enumerate(names):
            entry = zipfile.ZipInfo(chr(ord("A") + number) * len(name))
            entry.extra = extra
            archive.writestr(entry, IMAGE)
    data = target.getvalue()
    for number, name in enumerate(names):
        data = data.replace((chr(ord("A") + number) * len(name)).encode(), name)
    return io.BytesIO(data)


@pytest.mark.parametrize(
    ("encoding", "labels_written"),
    [
        ("utf-8", ["Möwe", "Würger"]),
        ("cp437", ["Möwe", "Würger"]),
        ("cp1252", ["Möwe", "Würger"]),
        ("cp850", ["São João", "irmão"]),
        ("cp852", ["žluva", "káně"]),
        ("cp866", ["чайка", "сова"]),
        ("cp1251", ["чайка", "сова"]),
        ("cp932", ["カモメ", "猫"]),
        ("gb18030", ["海鸥", "猫头鹰"]),
        ("big5", ["貓頭鷹", "海鷗"]),
        ("cp949", ["갈매기", "부엉이"]),
    ],
)
def test_names_without_the_flag_are_read_as_what_they_are(encoding: str, labels_written: list[str]) -> None:
    names = [f"birds/{label}/number{at}.jpg".encode(encoding) for at, label in enumerate(labels_written)]
    assert [name.decode(guess(names)) for name in names] == [name.decode(encoding) for name in names]
    archive = without_flag(names)
    with opened(archive, LIMITS) as contents:
        assert [label for (label,) in labels(contents).values()] == labels_written
        assert bool(contents.notes) == (encoding != "utf-8")
    with opened(archive, LIMITS, ReadOptions(zip_encoding=encoding)) as contents:
        assert [label for (label,) in labels(contents).values()] == labels_written
        assert not contents.notes


def test_of_a_very_long_name_only_the_beginning_tells_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(name_encoding, "_is_word", looked_at.append)
    assert guess([b"\x81" * 60_000 + b"/a"]) in name_encoding._CODE_PAGES
    assert max(map(len, looked_at)) == 255


def test_a_letter_and_its_accent_are_one_label_as_macos_writes_them() -> None:
    with opened(
        without_flag(["x/Mo\u0308we/0.jpg".encode(), "x/Wu\u0308rger/1.jpg".encode()]), LIMITS
    ) as contents:
        assert list(labels(contents).values()) == [("M\u00f6we",), ("W\u00fcrger",)]


def test_the_extra_field_with_the_name_goes_before_a_guess() -> None:
    raw = "M\u00f6we/0.jpg".encode("cp852")
    body = b"\x01" + struct.pack("<L", zlib.crc32(raw)) + "M\u00f6we/0.jpg".encode()
    extra = struct.pack("<2H", 0x7075, len(body)) + body
    with opened(without_flag([raw], extra), LIMITS, ReadOptions(labels="path")) as contents:
        assert list(labels(contents)) == ["M\u00f6we/0.jpg"]


def test_an_unknown_encoding_is_refused() -> None:
    with (
        pytest.raises(UnknownEncodingError, match="cp850"),
        opened(zipped({"a.jpg": IMAGE}), LIMITS, ReadOptions(zip_encoding="nope")),
    ):
        pass


SYSTEM: tuple[str, ...] = (
    "@eaDir/0.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "#recycle/1.jpg",
    "$RECYCLE.BIN/2.jpg",
    "lost+found/3.jpg",
)
SYSTEM += (
    "Thumbs.db",
    "desktop.ini",
    ".DS_Store",
    "__MACOSX/._0.jpg",
    ".@__thumb/0.jpg",
    "System Volume Information/x",
)
SIDE = (
    "0.jpg.supplemental-metadata.json",
    "0.xmp",
    "1.AAE",
    "metadata.json",
    "holiday/0.MOV",
    "README",
    "notes.txt",
)
IMAGES = (
    "holiday/0.jpg",
    "holiday/readme.jfif",
    "holiday/License_photo.JPE",
    "holiday/COPYING-me.heic",
    "holiday/bare",
)


def test_what_is_no_image_is_counted_by_kind_and_not_listed(tmp_path: Path) -> None:
    files = dict.fromkeys((*SYSTEM, *SIDE, *IMAGES), IMAGE)
    assert set(every_way(tmp_path, files)) == set(IMAGES)
    for source in (tmp_path / "tree", zipped(files), tarred(files)):
        with opened(source, LIMITS) as contents:
            assert contents.left_out == {
                "hidden and system files": len(SYSTEM),
                "side files of images": 4,
                "videos and sounds": 1,
                "documents and data": 2,
            }


def test_links_to_files_are_followed_where_that_is_asked_for(tmp_path: Path) -> None:
    objects = folder(tmp_path / "annex", {"o0.jpg": IMAGE, "o1.jpg": IMAGE})
    tree = folder(tmp_path / "tree", {"cats/own.jpg": IMAGE})
    (tree / "cats" / "0.jpg").symlink_to("../../annex/o0.jpg")
    (tree / "cats" / "1.jpg").symlink_to(objects / "o1.jpg")
    (tree / "cats" / "nowhere.jpg").symlink_to("gone.jpg")
    (tree / "cats" / "loop").symlink_to(tree)
    with opened(tree, LIMITS) as contents:
        assert [entry.name for entry in contents] == sorted(contents.names)
        assert contents.labels == {"cats": 1}
    with opened(tree, LIMITS, ReadOptions(follow_links=True)) as contents:
        found = list(contents)
        assert {one.name for one in found if isinstance(one, ArchiveMember)} == {
            "cats/0.jpg", "cats/1.jpg", "cats/own.jpg",
        }  # fmt: skip
        assert {one.name for one in found} == {*contents.names}


def test_links_in_a_tar_are_refused_and_so_are_ways_out_and_bombs() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for kind, name in (
            (tarfile.SYMTYPE, "link.jpg"),
            (tarfile.LNKTYPE, "hard.jpg"),
            (tarfile.FIFOTYPE, "pipe.jpg"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        for name, data in (
            ("../up.jpg", IMAGE),
            ("good.jpg", IMAGE),
            ("large.jpg", bytes(5_000)),
            ("none.jpg", b""),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with opened(target, ArchiveLimits(max_entry_bytes=4_000)) as contents:
        found = list(contents)
    assert [one.name for one in found if isinstance(one, ArchiveMember)] == ["good.jpg"]
    assert len(found) == 7
    many = tarred({f"{number}.jpg": IMAGE for number in range(4)})
    for limits in (ArchiveLimits(max_entries=3), ArchiveLimits(max_total_bytes=3_000)):
        with pytest.raises(UnsafeArchiveError, match="split it"), opened(many, limits):
            pass
    # a header that says it is longer than memory
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**40
    with pytest.raises(UnsafeArchiveError), opened(io.BytesIO(header.tobuf() + bytes(2**20)), LIMITS):
        pass


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b" + b"x" * 600, b"x" * 257 + b"ustar" + b"x" * 300, b"Rar!" + b"x" * 600]
)
def test_a_damaged_or_foreign_archive_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(UnsafeArchiveError), opened(io.BytesIO(data), LIMITS):
        pass


def test_a_single_image_and_an_empty_archive_are_what_they_are() -> None:
    jpeg = b"\xff\xd8\xff" + IMAGE
    with opened(io.BytesIO(jpeg), LIMITS, ReadOptions(name="C:\\photos\\cat.jpg")) as contents:
        assert [(one.name, contents.total) for one in contents] == [("cat.jpg", 1)]
    for empty in (zipped({}), tarred({}), tarred({}, "w")):
        with opened(empty, LIMITS) as contents:
            assert list(contents) == []


def test_folders_are_looked_at_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counted(name: str) -> str | None:
        nonlocal looked_at
        looked_at += 1
        return split_of(name)

    monkeypatch.setattr(label_rule, "split_of", counted)
    folders = [(f"camera {number}", "train") for number in range(1_000)]
    by_folder = FolderLabels(folders, "nearest")
    assert by_folder(folders[3]) == FolderLabel("camera 3", "train")
    assert looked_at < 10 * len(folders)


def test_what_lies_very_deep_has_its_label_and_no_split() -> None:
    folders = [(*"abcd", end, "train", "cat") for end in ("e", "f")] + [(*"abcd", "e", "val", "dog")]
    by_folder = FolderLabels(folders, "nearest", wrapped=False)
    assert [by_folder(one) for one in folders] == [
        FolderLabel("cat", ""), FolderLabel("cat", ""), FolderLabel("dog", ""),
    ]  # fmt: skip


def test_names_that_are_too_long_or_too_deep_are_listed_with_the_reason() -> None:
    files = {"a/" * 32 + "0.png": IMAGE, "a/" * 33 + "1.png": IMAGE, "b" * 4_093 + ".png": IMAGE}
    for archive in (zipped(files), tarred(files)):
        with opened(archive, LIMITS) as contents:
            found = list(contents)
        problems = [one.reason for one in found if isinstance(one, ArchiveProblem)]
        assert problems == [
            "it lies more than 32 folders deep", "its name has more than 4,096 characters",
        ]  # fmt: skip
        assert [one.name for one in found if isinstance(one, ArchiveMember)] == [next(iter(files))]


def test_an_archive_whose_names_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(UnsafeArchiveError, match="too long"), opened(tarred({"a" * 2**20: IMAGE}), LIMITS):
        pass
    limits = ArchiveLimits(max_entries=2)
    for archive in (tarred({"a" * 5_000: IMAGE}), zipped({"a" * 5_000: IMAGE})):
        with pytest.raises(UnsafeArchiveError, match="too long"), opened(archive, limits):
            pass
