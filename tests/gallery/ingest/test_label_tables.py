"""What tables of labels may say of images: which image they mean, and how much of them is read and kept."""

from __future__ import annotations

import json

import pytest

from gallery.ingest.sources import label_tables, table_columns


def test_a_table_names_images_by_as_many_folders_as_it_writes() -> None:
    images = ["a/b/0.png", "x/a/b/0.png", "a/c/0.png", "d/0.png"]
    text = "file,label\nx/a/b/0.png,one\nB\\0.png,none\nc/0.png,two\nq/d/0.png,three\n0.png,none\n"
    found = label_tables.read_tables(["t/labels.csv"], lambda _: text.encode(), images, ())
    assert found.labels == {"x/a/b/0.png": ("one",), "a/c/0.png": ("two",), "d/0.png": ("three",)}
    assert found.notes == ["t/labels.csv names 2 files that are not here, or not only once."]


def test_a_row_costs_the_same_however_many_images_have_its_name_and_labels_its_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(label_tables, "MOST_LABELS", 20)
    images = [f"{number}/0.png" for number in range(300)]
    rows = [f"x{number}/{number % 300}/0.png,wren" for number in range(3_000)]
    rows += [f"7/0.png,label {number}" for number in range(3_000)]
    text = "file,label\n" + "\n".join(rows)
    looked_at = 0

    def counted(steps: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal looked_at
        looked_at += 1
        return folders(steps)

    folders = label_tables._folders
    monkeypatch.setattr(label_tables, "_folders", counted)
    found = label_tables.read_tables(["labels.csv"], lambda _: text.encode(), images, ())
    assert len(found.labels) == 300
    assert found.labels["7/0.png"] == ("wren", *(f"label {number}" for number in range(19)))
    assert looked_at == 3_000 + 300


@pytest.mark.parametrize(
    ("limit", "name", "text", "told"),
    [
        ("MOST_ROWS", "labels.csv", "file,label\n" + "0.png,wren\n" * 11, "too many or too large"),
        ("MOST_KEPT_BYTES", "labels.csv", "file,label,a\n0.png,wren,long\n", "too many or too large"),
        ("MOST_JSON_BYTES", "labels.json", "[[],[]]", "takes too much memory as a whole"),
        ("MOST_JSON_BYTES", "labels.jsonl", "[[],[]]", "takes too much memory as a whole"),
        ("MOST_CLASSES", "words.txt", "".join(f"n{n:08} a\n" for n in range(11)), "more than 10 classes"),
        (
            "MOST_CLASSES",
            "classes.json",
            json.dumps({str(n): "a" for n in range(11)}),
            "more than 10 classes",
        ),
    ],
)
def test_a_table_that_says_more_than_is_kept_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, limit: str, name: str, text: str, told: str
) -> None:
    found = label_tables.read_tables([name], lambda _: text.encode(), ["0.png"], ["3"])
    assert found.notes == []
    monkeypatch.setattr(label_tables, limit, 10)
    found = label_tables.read_tables([name], lambda _: text.encode(), ["0.png"], ["3"])
    assert (found.labels, found.metadata, found.class_names) == ({}, {}, {})
    assert [told in note for note in found.notes] == [True]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", 'file,label\n0.png,"wr\0en"\n'),
        ("labels.json", '[{"file": "0.png", "label": "wr\\u0000en\\ud800"}]'),
        ("labels.jsonl", '{"file": "0.png", "label": ["wr\\ud800en"]}'),
        (
            "coco.json",
            '{"images": [{"id": 1, "file_name": "0.png"}], "categories": [{"id": 1, "name": "wr\\u0000en"}], '
            '"annotations": [{"image_id": 1, "category_id": 1}]}',
        ),
        ("classes.json", '{"bird": "wr\\u0000en"}'),
    ],
)
def test_a_label_of_a_table_has_nothing_in_it_that_databases_refuse(name: str, text: str) -> None:
    found = label_tables.read_tables([name], lambda _: text.encode(), ["0.png"], ["bird"])
    assert found.notes == []
    assert [*found.labels.values(), *found.class_names.values()] in ([("wren",)], ["wren"])


def test_of_the_columns_of_a_row_no_more_are_read_than_are_kept() -> None:
    read = iter(range(1_000))
    columns = ((f"c{number}", number) for number in read)
    assert len(json.loads(table_columns.as_json(columns))) == table_columns.MOST_COLUMNS
    assert next(read) == table_columns.MOST_COLUMNS
