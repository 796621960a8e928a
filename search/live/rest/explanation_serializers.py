"""What is asked of the explanation of a hit in the REST interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from gallery.browse.paging import LARGEST_ID
from gallery.browse.where import EVERY_IMAGE
from search.live.document import MOST_EXAMPLES, MOST_WORDS, Example, QueryDocument
from search.live.rest.box_fields import TypedBoxField
from search.live.rest.serializers import LONGEST_WORD, image_field, url_field
from search.live.rest.where_fields import TypedWhereField

IDS = rf"^[0-9]{{1,15}}(,[0-9]{{1,15}}){{0,{MOST_EXAMPLES - 2}}}$"


def _ids(words: str) -> serializers.RegexField:
    return serializers.RegexField(IDS, required=False, max_length=1000, help_text=words)


class ExplanationSerializer(serializers.Serializer[Any]):
    """Which hit of which search is explained: with exactly one of `image`, `upload` and `url`."""

    hit = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, help_text="The id of the image that was found."
    )
    image = image_field()
    upload = serializers.CharField(
        required=False, max_length=100, help_text="What `/uploads/` has answered; for some hours."
    )
    url = url_field()
    box = TypedBoxField(required=False, help_text="The part of it that was searched with: x0,y0,x1,y1.")
    like = _ids("Further examples: ids of stored images, as `15,18`.")
    unlike = _ids("Examples against: ids of stored images, as `9`.")
    word = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_WORD),
        required=False,
        max_length=MOST_WORDS,
        help_text="The words of the search, once for each.",
    )
    where = TypedWhereField(required=False, help_text="The filter of the search, as people type it.")
    dataset = serializers.CharField(
        required=False, max_length=80, help_text="Where was searched (slug); without, in all."
    )

    def validate(self, attrs: Mapping[str, object]) -> Mapping[str, object]:
        """Require exactly one query."""
        if sum(name in attrs for name in ("image", "upload", "url")) != 1:
            raise serializers.ValidationError("Give exactly one of image, upload and url.")
        return attrs

    def as_request(self) -> tuple[QueryDocument, int]:
        """Return the search, and the id of its hit."""
        values = self.validated_data
        query = Example(
            **{name: values[name] for name in ("image", "upload", "url", "box") if name in values}
        )
        document = QueryDocument(
            like=(query, *_examples(values, "like")),
            unlike=_examples(values, "unlike"),
            words=tuple(values.get("word", ())),
            where=values.get("where", EVERY_IMAGE),
            datasets=(values["dataset"],) if values.get("dataset") else (),
            explain=True,
        )
        return document, values["hit"]


def _examples(values: Mapping[str, str], name: str) -> tuple[Example, ...]:
    return tuple(Example(image=int(one)) for one in values.get(name, "").split(",") if one)
