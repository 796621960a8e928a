"""What a search is asked with in the REST interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from gallery.api.serializers import SentFileField
from gallery.api.shared_fields import SharedFields
from gallery.api.strict import KnownFields
from gallery.browse.where import EVERY_IMAGE
from search.live.document import MOST_EXAMPLES, MOST_WORDS, Example, QueryDocument
from search.live.query import SearchRequest
from search.live.rest.box_fields import BoxField
from search.live.rest.cutoff_fields import CutoffField
from search.live.rest.grouping_fields import GroupingSerializer
from search.live.rest.where_fields import TypedWhereField, WhereField

SEARCHED_WITH = ("file", "url", "image", "vector")
LONGEST_VECTOR = 100_000
LARGEST_NUMBER = 65_504  # as features are stored, in 16 bits
MOST_TOGETHER = 50
MOST_DATASETS = 200
LONGEST_WORD = 100
LONGEST_TEXT = 500
EXAMPLES = ("image", "upload", "url", "vector")
DOCUMENT_ONLY = frozenset(
    {"like", "unlike", "words", "text", "where", "datasets", "cursor", "cutoff", "explain", "fold", "group"}
)
MOST_EXPLAINED = 50  # hits of a search: each may need a pass of the network
FORM_ONLY = frozenset({"url", "image", "vector", "index", "dataset", "label", "page"})
# hits before the page and, of a list, the id below which it begins
CURSOR = re.compile(r"^\d{1,5}(\.\d{1,18})?$", re.ASCII)


def url_field() -> serializers.CharField:
    return serializers.CharField(required=False, max_length=2000, help_text="The address of an image.")


def image_field() -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="The id of a stored image."
    )


def _vector() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.FloatField(min_value=-LARGEST_NUMBER, max_value=LARGEST_NUMBER),
        required=False,
        allow_empty=False,
        max_length=LONGEST_VECTOR,
        help_text="Features as `/images/{id}/embedding/` gives them, of the same configuration.",
    )


def _pointing(value: list[float]) -> tuple[float, ...]:
    if not any(value):
        raise serializers.ValidationError("All its numbers are 0: nothing is near it.")
    return tuple(value)


class AnySearchSerializer(SharedFields, KnownFields, serializers.Serializer[Any]):
    """A search in whatever form it comes: exactly one of what is searched with, and where to look."""

    file = SentFileField(required=False, help_text="An image.")
    url = url_field()
    image = image_field()
    vector = _vector()
    index = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The id of an index, to be asked instead of the live ones.",
    )
    dataset = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=80, help_text="Only in this one (slug)."
    )
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_null=True, allow_blank=True, max_length=200, help_text="Only with this label."
    )
    k = serializers.IntegerField(
        required=False, default=SearchRequest.k, min_value=1, help_text="Results a page."
    )
    page = serializers.IntegerField(
        required=False, default=SearchRequest.page, min_value=1, max_value=1000, help_text="Counted from 1."
    )

    def validate_vector(self, value: list[float]) -> tuple[float, ...]:
        """Refuse one that points nowhere."""
        return _pointing(value)

    def validate_k(self, value: int) -> int:
        """Refuse pages longer than the server allows."""
        if value > settings.MAX_RESULTS_PER_PAGE:
            raise serializers.ValidationError(
                f"At most {settings.MAX_RESULTS_PER_PAGE} results a page; use `page` for more."
            )
        return value

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require exactly one query."""
        if sum(name in attrs for name in SEARCHED_WITH) != 1:
            names = [name for name in SEARCHED_WITH if name in self.fields]
            raise serializers.ValidationError(f"Give exactly one of {', '.join(names[:-1])} and {names[-1]}.")
        return attrs

    def as_request(self) -> SearchRequest | QueryDocument:
        """Return the validated search."""
        return _asked(self.validated_data)


class SearchByFileSerializer(AnySearchSerializer):
    """A search with an image that is sent."""

    file = SentFileField(help_text="An image.")
    url = image = vector = None  # type: ignore[assignment]
    # a form has no null
    dataset = serializers.CharField(
        required=False, allow_blank=True, max_length=80, help_text="Only in this one (slug)."
    )
    label = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Only with this label."
    )


class ExampleSerializer(KnownFields, serializers.Serializer[Any]):
    """An image to search with: exactly one of `image`, `upload`, `url` and `vector`."""

    image = image_field()
    upload = serializers.CharField(
        required=False, max_length=100, help_text="What `/uploads/` has answered; for some hours."
    )
    url = url_field()
    vector = _vector()
    weight = serializers.FloatField(
        required=False,
        default=1.0,
        min_value=0.01,
        max_value=100,
        help_text="How much it counts beside others.",
    )
    box = BoxField(
        required=False,
        allow_null=True,
        help_text="Only this part of it: x0, y0, x1, y1 as shares of the sides of the upright image.",
    )

    def validate_vector(self, value: list[float]) -> tuple[float, ...]:
        """Refuse one that points nowhere."""
        return _pointing(value)

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require exactly one image."""
        if sum(name in attrs for name in EXAMPLES) != 1:
            raise serializers.ValidationError("Give exactly one of image, upload, url and vector.")
        if "vector" in attrs and attrs.get("box") is not None:
            raise serializers.ValidationError(
                {"box": ["A vector has no parts: name an image, upload or url."]}
            )
        return attrs


class SearchSerializer(AnySearchSerializer, GroupingSerializer):
    """A query document; or, in the simple form, a search with exactly one of `url`, `image` and `vector`.

    A document has `like`, `unlike`, `words`, `text`, `where`, `datasets`, `k`, `cursor`, `cutoff`, `explain`,
    `fold` and `group` and no other.
    Without examples, words and text it lists the images that the filter finds, newest first.
    """

    file = None  # type: ignore[assignment]
    like = ExampleSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MOST_EXAMPLES, help_text="Find what is like these together."
    )
    unlike = ExampleSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MOST_EXAMPLES, help_text="And unlike these."
    )
    words = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_WORD),
        required=False,
        max_length=MOST_WORDS,
        help_text="Find images of these words: by labels, names, metadata and what a classifier sees.",
    )
    text = serializers.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        help_text="Find images that it describes, where a model that reads text is live; alone, without "
        "`like`, `unlike`, `words` and `explain`.",
    )
    where = WhereField(
        required=False,
        help_text='Only images that it finds: `{"label": {"any": ["wren"]}, "width": {"gte": 640}}` or '
        "`label:wren width>=640`.",
    )
    datasets = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=MOST_DATASETS,
        help_text="Only in these (slugs); without, or empty, in all.",
    )
    cursor = serializers.RegexField(
        CURSOR, required=False, allow_null=True, help_text="The `next` of the page before."
    )
    cutoff = CutoffField(
        required=False,
        allow_null=True,
        help_text="Count the hits below it, a probability or a percentile of random pairs; none is left out.",
    )
    explain = serializers.BooleanField(
        required=False,
        help_text=f"Tell what each cell of the maps has in the score; of at most {MOST_EXPLAINED} hits.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Return what the fields make of it. Raises: ValidationError, also where two forms are mixed."""
        if is_document(data) and (wrong := sorted(FORM_ONLY.intersection(data))):
            made = ", ".join(sorted(DOCUMENT_ONLY.intersection(data)))
            words = (
                f"A query document has no such field, and with {made} this is one: "
                "`like` takes images, `where` labels."
            )
            raise serializers.ValidationError({name: [words] for name in wrong})
        return super().to_internal_value(data)

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require one of the two forms."""
        if not is_document(attrs):
            return super().validate(attrs)
        if attrs.get("text"):
            _require_text_alone(attrs)
        if attrs.get("unlike") and not attrs.get("like"):
            raise serializers.ValidationError({"unlike": ["Give an example under `like` as well."]})
        k = attrs.get("k")
        if attrs.get("explain") and isinstance(k, int) and k > MOST_EXPLAINED:
            raise serializers.ValidationError(
                {"k": [f"At most {MOST_EXPLAINED} hits of a search are explained; use `cursor` for more."]}
            )
        return attrs


def _require_text_alone(attrs: Mapping[str, object]) -> None:
    """Raises: ValidationError where something stands beside a text that it cannot be put together with."""
    if beside := [name for name in ("like", "unlike", "words", "explain") if attrs.get(name)]:
        raise serializers.ValidationError(
            {"text": [f"It is searched with alone: leave out {', '.join(beside)}, or the text."]}
        )


def is_document(values: object) -> bool:
    """Whether what is asked is a query document, and not of the simple form."""
    return isinstance(values, Mapping) and not DOCUMENT_ONLY.isdisjoint(values)


class FacetsSerializer(serializers.Serializer[Any]):
    """Of which images facets are asked."""

    where = TypedWhereField(required=False, help_text="As people type it: `label:wren width>=640`.")
    dataset = serializers.CharField(required=False, max_length=80, help_text="Only in this one (slug).")


class UploadSerializer(KnownFields, serializers.Serializer[Any]):
    """An image to search with later."""

    file = SentFileField(help_text="An image.")


class BatchSerializer(KnownFields, serializers.Serializer[Any]):
    """Searches that are answered together."""

    queries = SearchSerializer(many=True, allow_empty=False, max_length=MOST_TOGETHER)  # type: ignore[call-arg]

    def validate_queries(self, value: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """Refuse explanations, which take as long as many searches."""
        if any(one.get("explain") for one in value):
            raise serializers.ValidationError("Searches that explain are asked for one by one.")
        return value

    def as_requests(self) -> list[SearchRequest | QueryDocument]:
        """Return the validated searches."""
        return [_asked(values) for values in self.validated_data["queries"]]


def _asked(values: Mapping[str, Any]) -> SearchRequest | QueryDocument:
    return query_document(values) if is_document(values) else search_request(values)


def query_document(values: Mapping[str, Any]) -> QueryDocument:
    """Return a query document of validated values."""
    skipped, _, before = (values.get("cursor") or "0").partition(".")
    return QueryDocument(
        like=_examples(values, "like"),
        unlike=_examples(values, "unlike"),
        words=tuple(dict.fromkeys(word.strip() for word in values.get("words", ()))),
        text=values.get("text", ""),
        where=values.get("where", EVERY_IMAGE),
        datasets=tuple(dict.fromkeys(values.get("datasets", ()))),
        k=values.get("k", QueryDocument.k),
        skipped=int(skipped),
        before=int(before) if before else None,
        cutoff=values.get("cutoff"),
        explain=values.get("explain", False),
        fold=values.get("fold"),
        group=values.get("group"),
    )


def _examples(values: Mapping[str, Any], name: str) -> tuple[Example, ...]:
    return tuple(Example(**one) for one in values.get(name, ()))


def search_request(values: Mapping[str, Any]) -> SearchRequest:
    """Return a search of validated values."""
    upload = values.get("file")
    return SearchRequest(
        data=upload.read(settings.MAX_PICTURE_BYTES + 1) if upload is not None else None,
        url=values.get("url"),
        image_id=values.get("image"),
        vector=values.get("vector"),
        index=values.get("index"),
        dataset=values.get("dataset") or None,
        label=values.get("label") or None,
        k=values.get("k", SearchRequest.k),
        page=values.get("page", SearchRequest.page),
    )
