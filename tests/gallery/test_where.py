"""Filters of images, as an object and as people type them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gallery.browse.where import OPERATORS, Where, WhereError, labelled_with
from gallery.browse.where_text import where_text
from gallery.browse.where_values import as_values, where_of
from gallery.models import Dataset, FurtherCategory, Image
from gallery.vocabulary.words import vocabulary

# name: label, further label, width, height, bytes, format, external id, metadata
ROWS: dict[str, tuple[Any, ...]] = {
    "wren-1.png": ("wren", "", 640, 480, 1000, "PNG", "a-1", {"camera": "X 100", "iso": 200}),
    "wren-2.jpg": ("wren", "small", 480, 640, 3 * 2**20, "JPEG", None, {"camera": "D7", "iso": 1600}),
    "robin.gif": ("robin", "", 300, 300, 500, "GIF", "a-2", {"good": True}),
    "Nothing.png": ("", "", 1920, 1080, 2000, "PNG", None, {"iso": "200"}),
    'say "hi", you.png': ('a "b", c', "", 800, 600, 2000, "PNG", None, {}),
}
EVERY = set(ROWS)


@pytest.fixture
def images(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store an image for each row, in a dataset; one more in another. Collection 7 are the wrens.

    In the robin a classifier sees a zebra.
    """
    monkeypatch.setattr("gallery.browse.where._keeper", [lambda number: {7: labelled_with("wren")}[number]])
    mine, other = (Dataset.objects.create(slug=slug, name=slug) for slug in ("mine", "other"))
    for number, (name, row) in enumerate(ROWS.items()):
        label, further, width, height, size, kind, external, metadata = row
        image = Image.objects.create(
            dataset=mine, sha256=str(number), filename=name, category=label, width=width, height=height,
            size_bytes=size, format=kind, external_id=external, metadata=metadata,
        )  # fmt: skip
        if further:
            FurtherCategory.objects.create(image=image, name=further)
        if name == ROBIN:
            image.words.create(dataset=mine, key=vocabulary().means("zebra")[0].key, confidence=9000)
        Image.objects.filter(pk=image.pk).update(created_at=datetime(2026, number + 1, 15, tzinfo=UTC))
    Image.objects.create(
        dataset=other, sha256="x", filename="elsewhere", width=9, height=9, size_bytes=1, format="BMP"
    )


def found(where: Where) -> set[str]:
    """Return the names of what a filter finds, those of the other dataset left out."""
    every = list(Image.objects.values_list("pk", flat=True))
    names = set(where.found(Image.objects.all()).values_list("filename", flat=True))
    # asked of some by their ids, it finds the same of them
    assert set(where.found(Image.objects.all(), every).values_list("filename", flat=True)) == names
    some = every[:2]
    among = where.found(Image.objects.filter(pk__in=some), some).values_list("pk", flat=True)
    assert set(among) == set(where.found(Image.objects.all()).values_list("pk", flat=True)) & set(some)
    return names - {"elsewhere"}


W1, W2, ROBIN, NONE, SAY = ROWS
CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("label:wren", {"label": "wren"}, {W1, W2}),
    ("word:zebra", {"word": "zebra"}, {ROBIN}),
    ("-word:zebra", {"word": {"none": ["zebra"]}}, EVERY - {ROBIN}),
    ("label:small", {"label": {"any": ["small"]}}, {W2}),
    ("label:wren,robin", {"label": {"any": ["wren", "robin"]}}, {W1, W2, ROBIN}),
    ("label:wren label:small", {"label": {"all": ["wren", "small"]}}, {W2}),
    ("-label:wren,small", {"label": {"none": ["wren", "small"]}}, {ROBIN, NONE, SAY}),
    ("no:label", {"label": None}, {NONE}),
    ("has:label", {"label": {"exists": True}}, EVERY - {NONE}),
    (r'label:"a \"b\", c"', {"label": 'a "b", c'}, {SAY}),
    ("width>=640", {"width": {"gte": 640}}, {W1, NONE, SAY}),
    ("width>640 height<1080px", {"width": {"gt": 640}, "height": {"lt": 1080}}, {SAY}),
    ("-width>=640", {"width": {"lt": 640}}, {W2, ROBIN}),
    ("width:300,800", {"width": {"any": [300, 800]}}, {ROBIN, SAY}),
    ("size>=2.5mb", {"size": {"gte": 2.5 * 2**20}}, {W2}),
    ("-format:gif,jpg", {"format": {"none": ["gif", "jpg"]}}, {W1, NONE, SAY}),
    ("orientation:portrait,square", {"orientation": {"any": ["portrait", "square"]}}, {W2, ROBIN}),
    ("-orientation:landscape", {"orientation": {"none": ["landscape"]}}, {W2, ROBIN}),
    ("filename:WREN", {"filename": {"contains": "WREN"}}, {W1, W2}),
    ("filename=robin.gif", {"filename": "robin.gif"}, {ROBIN}),
    ("id:a-1", {"external_id": "a-1"}, {W1}),
    ("-external_id:a-1", {"external_id": {"none": ["a-1"]}}, EVERY - {W1}),
    ("has:external_id", {"external_id": {"exists": True}}, {W1, ROBIN}),
    ('meta.camera:"X 100"', {"metadata": {"camera": "X 100"}}, {W1}),
    ("-meta.camera:D7", {"metadata": {"camera": {"none": ["D7"]}}}, EVERY - {W2}),
    ("meta.iso:200", {"metadata": {"iso": 200}}, {W1}),
    ('meta.iso:"200"', {"metadata": {"iso": "200"}}, {NONE}),
    ("meta.iso>=200 -meta.iso:1600", {"metadata": {"iso": {"gte": 200, "none": [1600]}}}, {W1}),
    ("has:meta.iso", {"metadata": {"iso": {"exists": True}}}, {W1, W2, NONE}),
    ("meta.good:true", {"metadata": {"good": True}}, {ROBIN}),
    ("date:2026-02", {"date": {"gte": "2026-02-01", "lt": "2026-03-01"}}, {W2}),
    ("date>=2026-04-15", {"date": {"gte": "2026-04-15"}}, {NONE, SAY}),
    ("date<2026-03 dataset:mine", {"date": {"lt": "2026-03-01"}, "dataset": "mine"}, {W1, W2}),
    ("dataset:other", {"dataset": "other"}, set()),
    ("saved:7", {"saved": {"any": [7]}}, {W1, W2}),
    ("-saved:7 width>=640", {"saved": {"none": [7]}, "width": {"gte": 640}}, {NONE, SAY}),
    ("", {}, EVERY),
]


@pytest.mark.parametrize(("text", "values", "expected"), CASES)
def test_a_filter_finds_the_same_typed_and_as_an_object(
    images: None, text: str, values: dict[str, Any], expected: set[str]
) -> None:
    if "iso>=200" in text:  # databases order numbers and texts in JSON differently
        Image.objects.filter(filename=NONE).update(metadata={})
    assert found(where_text(text)) == expected
    assert found(where_of(values)) == expected
    assert where_of(as_values(where_of(values))) == where_of(values)


def test_one_of_several_branches_has_to_hold(images: None) -> None:
    where = where_of({"format": "PNG", "any": [{"label": "wren"}, {"width": {"gte": 1000}}]})
    assert found(where) == {W1, NONE}


def test_a_key_of_the_metadata_is_never_a_lookup(images: None) -> None:
    assert found(where_of({"metadata": {"camera__contains": "X"}})) == set()
    assert found(where_of({"metadata": {"a' OR 1=1 --": "x"}})) == set()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wide", "'wide' is no condition"),
        ("colour:red", "There is no field 'colour'"),
        ("width>=large", "width is a number"),
        (f"width>={'9' * 400}", "width is a number"),
        (f"size<{'9' * 400}gb", "size is a number"),
        ("width>=1,2", "one value"),
        ("format>=gif", "format takes"),
        ("orientation:round", "landscape"),
        ("date:soon", "is no day"),
        ("date:2026-13", "is no day"),
        ("-date:2026", "compared with"),
        ("no:width", "Every image has width"),
        ("label.x:1", "only metadata has keys"),
        ("meta:1", "only metadata has keys"),
        ("saved:wrens", "is the number of a saved search"),
        ("saved:1,2,3,4,5,6", "at most 5 saved searches"),
        ('label:"open', "is no condition"),
        ("label:a " * 300, "at most 2000 characters"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(WhereError, match=words):
        where_text(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "A filter is an object"),
        ({"colour": "red"}, "colour"),
        ({"label": ["a"]}, "where.label is one value"),
        ({"label": {}}, "where.label is one value"),
        ({"label": {"gte": "a"}}, "label takes any, all, none, exists"),
        ({"label": {"any": []}}, "needs from 1"),
        ({"label": {"any": [1]}}, "is a text"),
        ({"width": {"gte": "640"}}, "is a number"),
        ({"width": {"gte": True}}, "is a number"),
        ({"width": {"gte": -1}}, "is a number"),
        ({"date": {"gte": "soon"}}, "is a day"),
        ({"external_id": {"exists": "yes"}}, "true or false"),
        ({"metadata": {}}, "an object with a field for each key"),
        ({"metadata": {"a": {"any": [{}]}}}, "is a text"),
        ({"any": []}, "a list of 1"),
        ({"any": [{}]}, "empty"),
        ({"any": [{"any": [{"label": "a"}]}]}, "no field 'any'"),
        ({"date": {"gte": "0001-01-01T00:00:00+14:00"}}, "is a day"),
        ({"date": {"lt": "9999-12-31T23:00:00-14:00"}}, "is a day"),
        # what is in branches counts as well
        ({"any": [{"metadata": dict.fromkeys("abcdefghijk", number)} for number in range(5)]}, "at most 50"),
        (
            {"any": [{"label": {"any": [f"{number}-{n}" for n in range(101)]}} for number in range(5)]},
            "at most 500 values",
        ),
        ({"word": {"any": list(vocabulary().by_word)[:51]}}, "at most 50 words"),
    ],
)
def test_an_object_that_is_no_filter_is_refused_in_words(values: object, words: str) -> None:
    with pytest.raises(WhereError, match=words):
        where_of(values)


def test_a_value_that_is_named_twice_counts_once() -> None:
    (condition,) = where_of({"metadata": {"a": {"any": [1, True, 1, "1", True]}}}).conditions
    assert condition.values == (1, True, "1")
    assert where_of({"word": {"any": ["dog"] * 200}}).conditions[0].values == ("dog",)


def test_every_field_has_a_case() -> None:
    assert {name for _, values, _ in CASES for name in values} == set(OPERATORS)


def test_an_open_filter_asks_nothing_of_the_database() -> None:
    assert Where().is_open
    assert not where_text("label:a").is_open
    assert where_text("label:a").label == "a"
    assert where_text("label:a,b").label is None
