"""How a search folds and groups its hits, as it is asked."""

from __future__ import annotations

from typing import Any, get_args

from rest_framework import serializers

from search.live.document import GROUPED, Fold, Grouping


class GroupingSerializer(serializers.Serializer[Any]):
    """The fields of a query document that fold and group hits."""

    fold = serializers.ChoiceField(
        get_args(Fold),
        required=False,
        allow_null=True,
        help_text="Let one hit stand for those behind it: `identical` files, or what is `near` identical as "
        "well. Pages count the hits that stand.",
    )
    group = serializers.ChoiceField(
        get_args(Grouping),
        required=False,
        allow_null=True,
        help_text=f"Tell, on the first page, which groups the first {GROUPED} hits fall into: by `label`, or "
        "by what they look like (`cluster`).",
    )
