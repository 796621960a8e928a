"""The words suggested for images: stored, shown apart from labels, taken as a label or removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet, Sum

from gallery.access import audit
from gallery.errors import NotFoundError, SemsearchError
from gallery.ingest import image_changes
from gallery.ingest.image_changes import Labels
from gallery.models import Dataset, Image, SuggestedWord, WordVerdict
from gallery.vocabulary.words import Meaning, plain_word, vocabulary

WHOLE: Final = 10_000  # a confidence of one
SHOWN_FROM: Final = 0.5  # what is said to be in an image is more likely so than not
MOST_SHOWN: Final = 5
# a broader word is shown beside its class where texts have it often, but for what says too little
OFTEN: Final = 5
SAYING_LITTLE: Final = frozenset({
    "organism", "living thing", "device", "container", "machine", "covering", "structure", "solid", "fluid",
    "liquid", "instrument", "equipment",
})  # fmt: skip


# rows of the ORM took eight times as long, and extraction waits
_INSERT = (
    f"INSERT INTO {SuggestedWord._meta.db_table} (image_id, dataset_id, key, confidence) "
    "VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


class UnknownWordError(NotFoundError):
    """A word was never suggested for an image."""


@dataclass(frozen=True)
class Seen:
    """The classes that a network sees in an image, likeliest first: keys of meanings, and their shares."""

    image: int
    classes: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Suggestion:
    """A word for an image and how sure the network is of it, 0 to 1; `broader` stands above a class."""

    meaning: Meaning
    confidence: float
    broader: bool = False


def store(dataset: Dataset | int, seen: Iterable[Seen]) -> int:
    """Store what was seen in images of a dataset; returns of how many.

    Images that have words keep those, and what people removed stays removed. Images that are gone are passed
    over.
    """
    dataset_id = dataset if isinstance(dataset, int) else dataset.pk
    found = list(seen)
    if not found:
        return 0
    for _ in range(3):
        try:
            with transaction.atomic():
                return _insert(dataset_id, found)
        except IntegrityError:
            continue  # an image went between the look and the insert: look again
    raise SemsearchError("The images keep changing while their words are stored; run the job again.")


def _insert(dataset_id: int, found: Sequence[Seen]) -> int:
    ids = [one.image for one in found]
    there = set(Image.everything.filter(pk__in=ids).values_list("pk", flat=True))
    # shares of two networks do not add up: those of the first one stay until they are forgotten
    there -= set(SuggestedWord.objects.filter(image__in=ids).values_list("image", flat=True))
    wrong = _removed(ids)
    rows = [
        (one.image, dataset_id, key, 0 if key in wrong.get(one.image, ()) else round(share * WHOLE))
        for one in found
        if one.image in there
        for key, share in one.classes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
    return len(there)


def _removed(image_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return the classes that people said are not in images, by image."""
    meanings = vocabulary().meanings
    found: dict[int, set[int]] = defaultdict(set)
    rows = WordVerdict.objects.filter(image__in=image_ids, right=False)
    for image, key in rows.values_list("image", "key"):
        found[image] |= meanings[key].classes if key in meanings else set()
    return found


def forget(dataset: Dataset) -> None:
    """Forget what was computed for a dataset, to compute it anew; what people said stays."""
    SuggestedWord.objects.filter(image__in=Image.everything.filter(dataset=dataset)).delete()


def of_images(image_ids: Sequence[int]) -> dict[int, list[Suggestion]]:
    """Return what is shown beside each of some images: surest first, without what is decided or a label."""
    shares = shares_of(image_ids)
    decided: dict[int, set[int]] = defaultdict(set)
    for image, key in WordVerdict.objects.filter(image__in=image_ids).values_list("image", "key"):
        decided[image].add(key)
    images = Image.objects.filter(pk__in=image_ids).prefetch_related("further")
    forms = vocabulary().forms
    labels = {image.pk: {form for name in image.labels for form in forms(name)} for image in images}
    return {pk: shown(shares[pk], decided[pk], labels.get(pk, set())) for pk in image_ids}


def shares_of(image_ids: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return how likely the classes are that are seen in some images, by image and key."""
    meanings = vocabulary().meanings
    found: dict[int, dict[int, float]] = {pk: {} for pk in image_ids}
    rows = SuggestedWord.objects.filter(image__in=image_ids, confidence__gt=0)
    for image, key, confidence in rows.values_list("image", "key", "confidence"):
        if key in meanings:
            found[image][key] = confidence / WHOLE
    return found


def shares_of_meanings(shares: dict[int, float]) -> dict[int, float]:
    """Return how likely each meaning is, of the shares of classes: those of all classes in it together."""
    found: dict[int, float] = defaultdict(float)
    known = vocabulary()
    for key, share in shares.items():
        for meaning in (known.meanings[key], *known.above(key)):
            found[meaning.key] += share
    return found


def shown(
    shares: dict[int, float], decided: Collection[int] = (), labels: Collection[str] = ()
) -> list[Suggestion]:
    """Return what is shown of the classes seen in an image, without keys and plain words to leave out."""
    known = vocabulary()
    sums = {key: share for key, share in shares_of_meanings(shares).items() if share >= SHOWN_FROM}
    above = {up.key for key in sums for up in known.above(key)}
    narrow = [key for key in sums if key not in above]
    broader = [next((up.key for up in known.above(key) if _tells(up)), None) for key in narrow]
    chosen = dict.fromkeys(narrow, False) | {key: True for key in broader if key and key not in narrow}
    found = [
        Suggestion(known.meanings[key], min(1.0, sums[key]), is_broader)
        for key, is_broader in chosen.items()
        if key in sums
        and key not in decided
        and known.meanings[key].title not in SAYING_LITTLE
        and not {*labels} & {*map(plain_word, known.meanings[key].names)}
    ]
    return sorted(found, key=lambda one: (one.broader, -one.confidence))[:MOST_SHOWN]


def _tells(meaning: Meaning) -> bool:
    return meaning.used >= OFTEN and meaning.title not in SAYING_LITTLE


def decide(image: Image, word: str, *, right: bool) -> None:
    """Take a suggested word as a label of an image, or remove it for good.

    As a label it becomes the category of an image that has none, and a further one elsewhere. What is removed
    takes with it what it stands above: no dog, no beagle.

    Raises: UnknownWordError for a word that is not suggested for the image.
    """
    meaning = _suggested(image, word)
    with transaction.atomic():
        WordVerdict.objects.update_or_create(image=image, key=meaning.key, defaults={"right": right})
        if right:
            image_changes.change(image, {"labels": Labels.of([*image.labels, meaning.title])})
        else:
            image.words.filter(key__in=meaning.classes).update(confidence=0)
        audit.record("image.word", image, word=meaning.title, verdict="taken" if right else "removed")


def _suggested(image: Image, word: str) -> Meaning:
    shares = dict.fromkeys(image.words.filter(confidence__gt=0).values_list("key", flat=True), 1.0)
    likely = shares_of_meanings({key: share for key, share in shares.items() if key in vocabulary().meanings})
    for meaning in vocabulary().means(word):
        if meaning.key in likely:
            return meaning
    raise UnknownWordError(f"{word!r} is not suggested for image {image.pk}.")


def classes_of(word: str) -> frozenset[int]:
    """Return the classes that a word stands for, in the sense that covers most; none of a word not known."""
    means = vocabulary().means(word)
    return means[0].classes if means else frozenset()


def suggested_with(word: str, least: float = SHOWN_FROM, among: Sequence[int] | None = None) -> Q:
    """Return what holds for images for which a word, or narrower ones together, are this likely.

    Where it is asked of images of some ids alone, `among` says so.
    """
    seen = summed(classes_of(word))
    if among is not None:
        seen = seen.filter(image__in=among)
    return Q(pk__in=seen.filter(total__gte=round(least * WHOLE)).values("image"))


def with_some(among: Sequence[int] | None = None) -> QuerySet[SuggestedWord, int]:
    """Return the ids of images, or of some alone, in which a class is seen surely enough to be shown."""
    seen = SuggestedWord.objects.filter(confidence__gte=round(SHOWN_FROM * WHOLE))
    if among is not None:
        seen = seen.filter(image__in=among)
    return seen.values_list("image", flat=True)


def counts(rows: QuerySet[Image] | None, datasets: Sequence[Dataset]) -> list[tuple[str, int]]:
    """Return in how many images each class is sure enough to be shown, most frequent first.

    Of all images of the datasets, or of all, where `rows` is None.
    """
    seen = SuggestedWord.objects.filter(confidence__gte=round(SHOWN_FROM * WHOLE))
    seen = seen.filter(dataset__in=datasets or Dataset.objects.all())
    if rows is not None:
        seen = seen.filter(image__in=rows.values("pk"))
    known = vocabulary()
    counted = seen.order_by().values_list("key").annotate(n=Count("pk"))
    named = [(known.spelled(known.meanings[key]), n) for key, n in counted if key in known.meanings]
    return sorted(named, key=lambda pair: (-pair[1], pair[0]))


def summed(classes: Iterable[int], datasets: Sequence[int] | None = None) -> QuerySet[Any, Any]:
    """Return the images in which any of some classes is seen, with the sum of confidences as `total`.

    Only those of some datasets (ids), where these are given.
    """
    rows = SuggestedWord.objects.filter(key__in=list(classes), confidence__gt=0)
    if datasets is not None:
        rows = rows.filter(dataset__in=datasets)
    return rows.order_by().values("image").annotate(total=Sum("confidence"))
