"""Suggested words: stored once, shown apart from labels, taken or removed for good."""

from __future__ import annotations

import pytest

from gallery.browse.where import WhereError
from gallery.browse.where_text import where_text
from gallery.models import AuditEntry, Dataset, Image, SuggestedWord
from gallery.vocabulary.words import vocabulary
from gallery.words import suggestions
from gallery.words.suggestions import Seen, UnknownWordError

pytestmark = pytest.mark.django_db


def key(word: str) -> int:
    """Return the key of what a word means first."""
    return vocabulary().means(word)[0].key


@pytest.fixture
def images(dataset: Dataset) -> list[Image]:
    """Return three images without a label."""
    return [
        Image.objects.create(
            dataset=dataset, sha256=f"{number:064}", filename=f"{number}.png", width=8, height=8,
            size_bytes=1, format="PNG",
        )
        for number in range(3)
    ]  # fmt: skip


def see(image: Image, **classes: float) -> None:
    """Store what is seen in an image."""
    shares = sorted(
        ((key(name.replace("_", " ")), share) for name, share in classes.items()), key=lambda one: -one[1]
    )
    suggestions.store(image.dataset_id, [Seen(image.pk, tuple(shares))])


def shown(image: Image) -> dict[str, float]:
    """Return the words that are shown beside an image."""
    return {
        one.meaning.title: round(one.confidence, 3) for one in suggestions.of_images([image.pk])[image.pk]
    }


def test_sure_words_are_shown_with_one_above_and_unsure_ones_are_not(images: list[Image]) -> None:
    see(images[0], zebra=0.91, sorrel=0.05)
    assert shown(images[0]) == {"zebra": 0.91, "animal": 0.96}
    see(images[1], zebra=0.3, daisy=0.2)
    assert shown(images[1]) == {}


def test_breeds_that_nobody_can_tell_apart_are_a_dog_together(images: list[Image]) -> None:
    see(images[0], beagle=0.4, pug=0.35, tabby=0.1)
    assert shown(images[0]) == {"dog": 0.75, "animal": 0.85}
    assert list(where_text("word:dog").found(Image.objects.all())) == [images[0]]
    assert list(where_text("word:cat").found(Image.objects.all())) == []
    assert list(where_text("-word:dogs").found(Image.objects.order_by("pk"))) == images[1:]
    with pytest.raises(WhereError, match="No vocabulary has the word “beaggle”; near it: beagle"):
        where_text("word:beaggle")


def test_what_is_removed_stays_removed_when_words_are_computed_anew(images: list[Image]) -> None:
    see(images[0], beagle=0.9, zebra=0.06)
    suggestions.decide(images[0], "dog", right=False)
    assert shown(images[0]) == {}
    suggestions.forget(images[0].dataset)
    assert not SuggestedWord.objects.exists()
    see(images[0], pug=0.7, zebra=0.2)
    assert "dog" not in shown(images[0])
    assert "pug" not in shown(images[0])
    assert not list(where_text("word:dog").found(Image.objects.all()))


def test_a_word_that_is_taken_is_a_label_and_no_suggestion_any_more(images: list[Image]) -> None:
    image = images[0]
    see(image, zebra=0.9)
    suggestions.decide(image, "zebra", right=True)
    image.refresh_from_db()
    assert image.category == "zebra"
    assert shown(image) == {"animal": 0.9}
    suggestions.decide(image, "animal", right=True)
    assert Image.objects.get(pk=image.pk).labels == ["zebra", "animal"]
    said = AuditEntry.objects.filter(action="image.word").order_by("pk")
    assert [(one.details["word"], one.details["verdict"]) for one in said] == [
        ("zebra", "taken"),
        ("animal", "taken"),
    ]
    assert AuditEntry.objects.filter(action="image.label").count() == 2


def test_a_word_that_was_not_suggested_cannot_be_decided(images: list[Image]) -> None:
    see(images[0], zebra=0.9)
    Image.objects.filter(pk=images[0].pk).update(category="Animals")
    assert shown(images[0]) == {"zebra": 0.9}  # what a label says is no suggestion
    with pytest.raises(UnknownWordError, match="'dog' is not suggested for image"):
        suggestions.decide(images[0], "dog", right=True)


def test_images_that_are_gone_are_passed_over_and_words_go_with_their_image(images: list[Image]) -> None:
    assert suggestions.store(images[0].dataset_id, [Seen(10**9, ((key("zebra"), 0.9),))]) == 0
    see(images[0], zebra=0.9)
    see(images[0], zebra=0.4, sorrel=0.5)  # as another network sees it
    assert [one.confidence for one in SuggestedWord.objects.all()] == [9000]
    images[0].delete()
    assert not SuggestedWord.objects.exists()
