"""A serializer that shares its fields with others of its kind answers each for itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rest_framework import serializers

from gallery.api.shared_fields import SharedFields
from gallery.api.strict import FIXED_FIELD, UNKNOWN_FIELD, KnownFields


class Inner(KnownFields, serializers.Serializer[Any]):
    box = serializers.ListField(child=serializers.FloatField(), required=False)


class Form(SharedFields, KnownFields, serializers.Serializer[Any]):
    k = serializers.IntegerField(required=False, default=20, min_value=1)
    like = Inner(many=True, required=False)
    made = serializers.CharField(read_only=True)


class FormWithAName(Form):
    like = None  # type: ignore[assignment]
    name = serializers.CharField()


def test_fields_are_those_of_the_class_and_are_made_once() -> None:
    assert Form(data={}).fields is Form().fields
    assert set(Form().fields) == {"k", "like", "made"}
    assert set(FormWithAName().fields) == {"k", "name", "made"}
    assert Form().fields["k"] is not FormWithAName().fields["k"]


def test_what_one_was_sent_is_not_seen_by_another() -> None:
    first = Form(data={"k": "3", "like": [{"box": [1]}]})
    wrong = Form(data={"k": "0", "like": [{"boxes": 1}], "made": "a", "name": "b"})
    second = Form(data={})
    assert [form.is_valid() for form in (first, wrong, second)] == [True, False, True]
    assert (first.validated_data, second.validated_data) == ({"k": 3, "like": [{"box": [1.0]}]}, {"k": 20})
    assert wrong.errors == {"made": [FIXED_FIELD], "name": [UNKNOWN_FIELD]}


def test_threads_are_answered_each_for_itself() -> None:
    def ask(number: int) -> Any:
        form = Form(data={"k": str(number), "like": [{"box": [number]}] * 3})
        form.is_valid(raise_exception=True)
        return form.validated_data

    numbers = range(1, 401)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, numbers))
    assert found == [{"k": number, "like": [{"box": [float(number)]}] * 3} for number in numbers]
