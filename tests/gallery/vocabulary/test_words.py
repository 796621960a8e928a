"""What words mean: ImageNet's classes, WordNet's broader terms, plurals, homonyms and unknown words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gallery.vocabulary.make_table import Synset, read_nouns, table_of
from gallery.vocabulary.words import unknown_word, vocabulary


def test_a_broader_word_stands_for_the_classes_below_it() -> None:
    (dog,) = vocabulary().means("dog")
    assert (dog.title, len(dog.classes)) == ("dog", 118)
    (beagle,) = vocabulary().means("beagle")
    assert beagle.classes == {beagle.key}
    assert beagle.key in dog.classes
    assert dog.key in {one.key for one in vocabulary().above(beagle.key)}
    assert len(vocabulary().classes) == 1000


@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("Wolves", "wolf"),
        ("musical_instruments", "musical instrument"),
        ("geese", "goose"),
        ("sports-cars", "sports car"),
        ("bus", "bus"),
        ("drinks", "beverage"),
    ],
)
def test_plurals_and_other_spellings_are_the_same_word(word: str, title: str) -> None:
    assert vocabulary().means(word)[0].title == title


def test_a_word_with_two_meanings_has_both_and_each_can_be_asked_for() -> None:
    first, second = vocabulary().means("crane")
    assert {first.title, second.title} == {"crane bird", "construction crane"}
    for one in vocabulary().meanings.values():
        assert one in vocabulary().means(vocabulary().spelled(one))


def test_of_a_word_that_is_not_known_nothing_is_claimed_but_near_ones_are_named() -> None:
    assert vocabulary().means("zebrra") == ()
    assert unknown_word("zebrra") == "No vocabulary has the word “zebrra”; near it: zebra."
    assert vocabulary().nearest("planets", ["planets and moons", "planet"])[0] == "planet"
    assert unknown_word("qqqqqqqq") == "No vocabulary has the word “qqqqqqqq”."


def test_the_table_is_made_of_wordnet_as_it_comes(tmp_path: Path) -> None:
    (tmp_path / "data.noun").write_text(
        "  1 the licence\n"
        "00000010 03 n 01 entity 0 000 | all\n"
        "00000020 05 n 02 dog 0 domestic_dog 0 001 @ 00000010 n 0000 | barks\n"
        "00000030 05 n 01 beagle 0 002 @ 00000020 n 0000 ~ 00000099 n 0000 | a hound\n"
    )
    nouns = read_nouns(tmp_path / "data.noun", {"dog%1:05:00::": 42})
    assert nouns[20] == Synset(("dog", "domestic dog"), (10,), 42)
    assert nouns[30].broader == (20,)
    table = table_of(nouns, [30], ["Beagle"], "doggies dog\nmice mouse\n")
    assert table == {
        "licence": table["licence"],  # type: ignore[index]
        "classes": [30],
        "synsets": [[20, ["dog", "domestic dog"], [], 42], [30, ["Beagle", "beagle"], [20], 0]],
        "plurals": {"doggies": "dog"},
    }
