"""Zip files and folders, honest and hostile."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from gallery.errors import NotFoundError, UnsafeArchiveError
from gallery.imaging.files import formats
from gallery.ingest.sources import file_kinds
from gallery.ingest.sources.archives import opened
from gallery.ingest.sources.members import ArchiveLimits, ArchiveMember, ArchiveProblem

LIMITS = ArchiveLimits()
IMAGE = bytes(range(256)) * 4


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target


def items(source: io.BytesIO | Path, limits: ArchiveLimits = LIMITS) -> list[ArchiveMember | ArchiveProblem]:
    with opened(source, limits) as contents:
        found = list(contents)
        assert len(found) == contents.total
        return found


def left_out(source: io.BytesIO | Path) -> dict[str, int]:
    with opened(source, LIMITS) as contents:
        return contents.left_out


def outcome(
    source: io.BytesIO | Path, limits: ArchiveLimits = LIMITS
) -> tuple[dict[str, ArchiveMember], dict[str, str]]:
    members: dict[str, ArchiveMember] = {}
    problems: dict[str, str] = {}
    for item in items(source, limits):
        if isinstance(item, ArchiveMember):
            members[item.name] = item
        else:
            problems[item.name] = item.reason
    return members, problems


def patched(source: io.BytesIO, name: str, offset: int, value: bytes) -> io.BytesIO:
    """Overwrite bytes of one entry's central directory record, `offset` bytes after its beginning."""
    data = bytearray(source.getvalue())
    at = data.rfind(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + offset : at + offset + len(value)] = value
    return io.BytesIO(bytes(data))


@pytest.mark.parametrize(
    ("names", "categories"),
    [
        (["1.jpg", "2.jpg"], ["", ""]),
        (["cats/1.jpg", "dogs/2.jpg"], ["cats", "dogs"]),
        (["photos/cats/1.jpg", "photos/dogs/2.jpg"], ["cats", "dogs"]),
        (["photos/cats/1.jpg"], ["cats"]),
        (["photos/1.jpg", "photos/2.jpg"], ["", ""]),
        (["photos/1.jpg", "photos/cats/2.jpg"], ["", "cats"]),
        (["photos/1.jpg", "2.jpg"], ["photos", ""]),
        (["./photos//1.jpg", "photos/2.jpg"], ["", ""]),
    ],
)
def test_the_category_is_the_folder_directly_holding_the_file(
    names: list[str], categories: list[str]
) -> None:
    members, problems = outcome(packed(dict.fromkeys(names, IMAGE)))
    assert problems == {}
    assert [members[name].category for name in names] == categories
    assert {member.data for member in members.values()} == {IMAGE}


def test_system_files_beside_the_one_folder_do_not_make_it_a_category() -> None:
    source = packed(
        {"photos/1.jpg": IMAGE, "__MACOSX/photos/._1.jpg": b"x", ".DS_Store": b"x", "README": b"x"}
    )
    members, problems = outcome(source)
    assert members["photos/1.jpg"].category == ""
    assert problems == {}
    assert left_out(source) == {"hidden and system files": 2, "documents and data": 1}


def test_each_bad_entry_is_listed_with_its_reason_and_the_good_ones_come_out() -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    source = packed(
        {
            "../../evil.jpg": IMAGE,
            "/etc/evil.jpg": IMAGE,
            "C:/evil.jpg": IMAGE,
            "cats\\..\\..\\evil.jpg": IMAGE,
            "\\\\host\\evil.jpg": IMAGE,
            ".hidden/1.jpg": IMAGE,
            "cats/Thumbs.db": IMAGE,
            "inner.zip": IMAGE,
            "inner.tar.gz": IMAGE,
            "cats/disguised.jpg": packed({"1.jpg": IMAGE}).getvalue(),
            "empty.jpg": b"",
            "large.jpg": bytes(5000),
            "cats/good.jpg": IMAGE,
            "manifest.csv": b"a,b",
            "LICENSE-CC0.txt": b"free",
            "license-plate.jpg": IMAGE,
        }
    )
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.mkdir("folder")
    members, problems = outcome(source, ArchiveLimits(max_entry_bytes=4000))
    assert set(members) == {"cats/good.jpg", "license-plate.jpg"}
    assert left_out(source) == {"hidden and system files": 2, "documents and data": 2}
    assert problems == {
        "../../evil.jpg": "unsafe path: leads out of the archive",
        "/etc/evil.jpg": "unsafe path: absolute",
        "C:/evil.jpg": "unsafe path: drive letter",
        "cats/../../evil.jpg": "unsafe path: leads out of the archive",
        "//host/evil.jpg": "unsafe path: absolute",
        "inner.zip": "an archive inside: import it by itself",
        "inner.tar.gz": "an archive inside: import it by itself",
        "cats/disguised.jpg": "an archive inside: import it by itself",
        "empty.jpg": "the file is empty",
        "large.jpg": "too large: 5,000 bytes, at most 4,000 are read (MAX_PICTURE_BYTES)",
        "link.jpg": "symbolic link: not followed",
    }


def test_an_encrypted_entry_is_a_problem() -> None:
    _, problems = outcome(patched(packed({"1.jpg": IMAGE}), "1.jpg", 8, struct.pack("<H", 1)))
    assert problems == {"1.jpg": "encrypted: pack it without a password"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 97])
def test_an_unsupported_compression_is_a_problem(method: int) -> None:
    source = packed({"1.jpg": IMAGE, "2.jpg": IMAGE})
    members, problems = outcome(patched(source, "1.jpg", 10, struct.pack("<H", method)))
    assert problems["1.jpg"].startswith("unsupported compression")
    assert list(members) == ["2.jpg"]


def test_a_damaged_entry_is_a_problem_and_the_next_one_is_read() -> None:
    data = bytearray(packed({"1.jpg": IMAGE, "2.jpg": IMAGE}).getvalue())
    data[100] ^= 0xFF
    members, problems = outcome(io.BytesIO(bytes(data)))
    assert "Bad CRC-32" in problems["1.jpg"]
    assert list(members) == ["2.jpg"]


def test_a_small_entry_may_pack_a_thousandfold_and_a_large_one_is_a_bomb() -> None:
    source = packed({"mask.bmp": bytes(10**6), "bomb.bmp": bytes(3 * 10**6)}, zipfile.ZIP_DEFLATED)
    members, problems = outcome(source, ArchiveLimits(max_entry_bytes=2 * 10**6))
    assert set(members) == {"mask.bmp"}
    assert problems == {
        "bomb.bmp": "too large: 3,000,000 bytes, at most 2,000,000 are read, and packed as in a zip bomb"
    }


def test_a_second_entry_of_the_same_name_is_a_problem() -> None:
    source = packed({"cats/1.jpg": IMAGE})
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("cats//1.jpg", b"another")
    members, problems = outcome(source)
    assert list(members) == ["cats/1.jpg"]
    assert problems == {"cats//1.jpg": "a file of this name came before in the archive"}


@pytest.mark.parametrize("stated", [10, 100_000])
def test_a_stated_size_that_lies_is_a_problem(stated: int) -> None:
    source = packed({"1.jpg": os.urandom(5000) + bytes(5000)}, zipfile.ZIP_DEFLATED)
    _, problems = outcome(patched(source, "1.jpg", 24, struct.pack("<L", stated)))
    assert problems["1.jpg"].startswith("damaged in the archive")


def test_an_entry_with_a_small_stated_size_is_not_unpacked_whole() -> None:
    size = 64 * 2**20
    source = packed({"1.jpg": bytes(size)}, zipfile.ZIP_DEFLATED)
    small = patched(source, "1.jpg", 24, struct.pack("<L", 1000))
    small = patched(small, "1.jpg", 16, struct.pack("<L", zlib.crc32(bytes(1000))))
    tracemalloc.start()
    try:
        members, _ = outcome(small)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(members["1.jpg"].data) == 1000
    assert peak_bytes < 4 * 2**20


def overlapping(count: int) -> io.BytesIO:
    """A zip whose central directory names one and the same file `count` times."""
    data = packed({"a.jpg": IMAGE}).getvalue()
    start = data.index(b"PK\x01\x02")
    record = data[start : data.index(b"PK\x05\x06")]
    records = b"".join(record.replace(b"a.jpg", b"%05d" % i) for i in range(count))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(records), start, 0)
    return io.BytesIO(data[:start] + records + end)


def test_entries_that_share_their_bytes_are_refused_as_a_whole() -> None:
    with pytest.raises(UnsafeArchiveError, match="overlap"):
        items(overlapping(3), LIMITS)


def test_an_entry_that_quotes_the_next_local_header_is_refused_as_a_whole() -> None:
    source = packed({"a.jpg": IMAGE, "b.jpg": IMAGE})
    longer = patched(source, "a.jpg", 20, struct.pack("<LL", len(IMAGE) + 35, len(IMAGE) + 35))
    with pytest.raises(UnsafeArchiveError, match="overlap"):
        items(longer, LIMITS)


def test_an_entry_that_reaches_into_the_list_of_contents_is_refused_as_a_whole() -> None:
    source = packed({"a.jpg": IMAGE})
    longer = patched(source, "a.jpg", 20, struct.pack("<LL", len(IMAGE) + 1, len(IMAGE) + 1))
    with pytest.raises(UnsafeArchiveError, match="overlap"):
        items(longer, LIMITS)


def test_too_many_entries_are_refused_even_when_the_stated_count_lies() -> None:
    source = packed({f"{i}.jpg": IMAGE for i in range(11)})
    assert len(outcome(source, ArchiveLimits(max_entries=11))[0]) == 11
    data = bytearray(source.getvalue())
    data[-14:-10] = struct.pack("<HH", 1, 1)
    for each in (source, io.BytesIO(bytes(data))):
        with pytest.raises(UnsafeArchiveError, match="more than 10 entries"):
            items(each, ArchiveLimits(max_entries=10))


def test_too_much_in_all_is_refused() -> None:
    with pytest.raises(UnsafeArchiveError, match="unpacks to 2,048 bytes"):
        items(packed({"1.jpg": IMAGE, "2.jpg": IMAGE}), ArchiveLimits(max_total_bytes=2000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a zip",
        IMAGE * 100,
        packed({"1.jpg": IMAGE}).getvalue()[:-30],
        b"PK\x05\x06" + b"\xff" * 18,
    ],
)
def test_what_is_no_zip_file_is_refused(data: bytes) -> None:
    with pytest.raises(UnsafeArchiveError):
        items(io.BytesIO(data), LIMITS)


def test_damaged_archives_raise_only_our_errors() -> None:
    chance = random.Random(3)
    original = packed({f"cats/{i}.jpg": IMAGE for i in range(3)}, zipfile.ZIP_DEFLATED).getvalue()
    for _ in range(600):
        data = bytearray(original)
        for _ in range(4):
            data[chance.randrange(len(data) - 400, len(data))] = chance.randrange(256)
        try:
            outcome(io.BytesIO(bytes(data)))
        except UnsafeArchiveError:
            continue


def test_a_zip_with_a_comment_a_prefix_or_zip64_records_is_read(tmp_path: Path) -> None:
    source = packed({"1.jpg": IMAGE})
    with zipfile.ZipFile(source, "a") as archive:
        archive.comment = b"my pictures"
        with archive.open("2.jpg", "w", force_zip64=True) as file:
            file.write(IMAGE)
    path = tmp_path / "pictures.zip"
    path.write_bytes(b"#!self-extracting\n" + source.getvalue())
    assert set(outcome(path)[0]) == {"1.jpg", "2.jpg"}
    assert len(items(path)) == 2


def test_the_entries_of_a_zip64_archive_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)  # writes zip64 end records for two entries
    source = packed({"1.jpg": IMAGE, "2.jpg": IMAGE})
    assert b"PK\x06\x06" in source.getvalue()
    assert len(items(source)) == 2
    with pytest.raises(UnsafeArchiveError, match="more than 1 entries"):
        items(source, ArchiveLimits(max_entries=1))


def test_members_come_one_by_one() -> None:
    with opened(packed({"1.jpg": IMAGE, "2.jpg": IMAGE}), LIMITS) as contents:
        assert isinstance(next(iter(contents)), ArchiveMember)


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder or archive"):
        items(tmp_path / "none.zip", LIMITS)
    with pytest.raises(NotFoundError, match="no folder or archive"):
        items(tmp_path / "none", LIMITS)


def test_a_folder_gives_its_files_and_its_problems_in_order(tmp_path: Path) -> None:
    (tmp_path / "cats" / "big" / "old").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(IMAGE)
    for name in ("cats", ".git"):
        (tmp_path / name).rename(root / name)
    for name in ("1.jpg", "cats/2.jpg", "cats/big/old/3.jpg", ".git/config", "cats/.DS_Store", "README.md"):
        (root / name).write_bytes(IMAGE)
    (root / "manifest.csv").write_bytes(b"a,b")
    (root / "notes.txt").write_bytes(b"text")
    (root / "empty.jpg").write_bytes(b"")
    (root / "large.jpg").write_bytes(bytes(5000))
    (root / "pack.zip").write_bytes(IMAGE)
    (root / "link").symlink_to(outside)
    (root / "link.jpg").symlink_to(outside / "secret.jpg")
    os.mkfifo(root / "pipe.jpg")
    found = items(root, ArchiveLimits(max_entry_bytes=4000))
    assert found == [
        ArchiveMember("1.jpg", "", IMAGE),
        ArchiveMember("cats/2.jpg", "cats", IMAGE),
        ArchiveMember("cats/big/old/3.jpg", "old", IMAGE),
        ArchiveProblem("empty.jpg", "the file is empty"),
        ArchiveProblem("large.jpg", "too large: at most 4,000 bytes are read (MAX_PICTURE_BYTES)"),
        ArchiveProblem("link", "symbolic link: not followed (--follow-links follows those to files)"),
        ArchiveProblem("link.jpg", "symbolic link: not followed (--follow-links follows those to files)"),
        ArchiveProblem("pack.zip", "an archive inside: import it by itself"),
        ArchiveProblem("pipe.jpg", "not an ordinary file"),
    ]


def test_a_file_name_that_is_no_utf8_can_still_be_stored(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(IMAGE)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    (item,) = items(tmp_path)
    assert item.name == "caf\N{REPLACEMENT CHARACTER}.jpg"
    assert isinstance(item, ArchiveMember)


def test_a_file_of_each_format_that_is_read_is_an_image() -> None:
    heads = [head for head, _ in formats._SIGNATURES] + [b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"P6\n"]
    assert {file_kinds.kind_of(head.ljust(512, b"\xff")) for head in heads} == {"image"}
    assert file_kinds.kind_of(b"words".ljust(512)) == ""
