"""Reads a filter from JSON, an object a field, and writes it.

    {"label": {"any": ["wren", "robin"]}, "width": {"gte": 640}, "format": {"none": ["GIF"]},
     "metadata": {"camera": "X100"}, "any": [{"label": "wren"}, {"date": {"gte": "2026-01-01"}}]}

A plain value stands for `{"any": [value]}`, null for `{"exists": false}`. A list alone is refused: nobody can
tell whether it means one of them or all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone

from gallery.browse.where import (
    NUMBERS,
    OPERATORS,
    ORIENTATIONS,
    Collection,
    Condition,
    Value,
    Where,
    WhereError,
)
from gallery.vocabulary.words import unknown_word, vocabulary

MOST_VALUES, MOST_BRANCHES = 200, 10
# of a filter in all, branches included: each may be compared with every image
MOST_CONDITIONS, MOST_IN_ALL, MOST_WORDS = 50, 500, 50
MOST_COLLECTIONS = 5
LONGEST_TEXT = 500
LARGEST_NUMBER = 2**63 - 1
BRANCHES = "any"
LISTS, FLAGS = ("any", "all", "none"), ("exists",)
FORMATS = {"JPG": "JPEG", "TIF": "TIFF"}


def where_of(values: object) -> Where:
    """Return the filter that an object says. Raises: WhereError, which names what is wrong."""
    found = _where(values, "where", inner=False)
    require_few(found)
    return found


def require_few(where: Where) -> None:
    """Raise WhereError for a filter that asks for more than is answered in time."""
    conditions = where.all_conditions
    if len(conditions) > MOST_CONDITIONS:
        raise WhereError(f"A filter has at most {MOST_CONDITIONS} conditions, and not {len(conditions)}.")
    if sum(len(one.values) for one in conditions) > MOST_IN_ALL:
        raise WhereError(f"All conditions of a filter together name at most {MOST_IN_ALL} values.")
    if sum(len(one.values) for one in conditions if one.field == "word") > MOST_WORDS:
        raise WhereError(f"A filter names at most {MOST_WORDS} words.")
    if len(where.collections) > MOST_COLLECTIONS:  # each may be a search of its own
        raise WhereError(f"A filter refers to at most {MOST_COLLECTIONS} saved searches.")


def as_values(where: Where) -> dict[str, object]:
    """Return a filter as an object that `where_of` reads."""
    found: dict[str, Any] = {}
    for condition in where.conditions:
        fields = found.setdefault(condition.field, {})
        if condition.key:
            fields = fields.setdefault(condition.key, {})
        values = [_plain(value) for value in condition.values]
        fields[condition.operator] = values if condition.operator in LISTS else values[0]
    if where.branches:
        found[BRANCHES] = [as_values(branch) for branch in where.branches]
    return found


def condition(field: str, operator: str, values: tuple[object, ...], key: str = "") -> Condition:
    """Return a condition with values of the field's kind. Raises: WhereError."""
    place = f"{field}.{key}" if key else field
    if operator not in OPERATORS[field]:
        raise WhereError(f"{place} takes {_listed(OPERATORS[field])}, not {operator}.")
    if not values or len(values) > MOST_VALUES:
        raise WhereError(f"{place}.{operator} needs from 1 to {MOST_VALUES} values.")
    read = _flag if operator in FLAGS else _reader(field)
    named = [read(value, f"{place}.{operator}") for value in values]
    each = dict.fromkeys((type(value), value) for value in named)  # metadata has true, and 1
    return Condition(field, operator, tuple(value for _, value in each), key)


def _where(values: object, place: str, *, inner: bool) -> Where:
    if not isinstance(values, Mapping):
        what = "A filter" if place == "where" else place
        raise WhereError(f"{what} is an object with a field for each condition.")
    conditions: list[Condition] = []
    branches: tuple[Where, ...] = ()
    for name, asked in values.items():
        if name == BRANCHES and not inner:
            branches = _branches(asked, f"{place}.{BRANCHES}")
        elif name == "metadata":
            conditions += _of_metadata(asked, f"{place}.metadata")
        elif name in OPERATORS:
            conditions += _conditions(name, asked, f"{place}.{name}")
        else:
            raise WhereError(f"There is no field {name!r} in {place}: there are {_listed(OPERATORS)}.")
    return Where(tuple(conditions), branches)


def _branches(asked: object, place: str) -> tuple[Where, ...]:
    if not isinstance(asked, list) or not 0 < len(asked) <= MOST_BRANCHES:
        raise WhereError(f"{place} is a list of 1 to {MOST_BRANCHES} objects.")
    found = tuple(_where(one, f"{place}[{number}]", inner=True) for number, one in enumerate(asked))
    if any(branch.is_open for branch in found):
        raise WhereError(f"One of {place} is empty, which every image fits.")
    return found


def _of_metadata(asked: object, place: str) -> Iterator[Condition]:
    if not isinstance(asked, Mapping) or not asked:
        raise WhereError(f"{place} is an object with a field for each key.")
    for key, one in asked.items():
        yield from _conditions("metadata", one, f"{place}.{key}", str(key))


def _conditions(field: str, asked: object, place: str, key: str = "") -> Iterator[Condition]:
    if asked is None:
        yield condition(field, "exists", (False,), key)
        return
    if isinstance(asked, list) or asked == {}:
        raise WhereError(f"{place} is one value, or an object of {_listed(OPERATORS[field])}.")
    if not isinstance(asked, Mapping):
        yield condition(field, "any", (asked,), key)
        return
    for operator, values in asked.items():
        several = operator in LISTS and isinstance(values, list)
        yield condition(field, str(operator), tuple(values) if several else (values,), key)


def _reader(field: str) -> Any:
    if field in NUMBERS:
        return _number
    return {
        "date": _date,
        "orientation": _orientation,
        "format": _format,
        "metadata": _anything,
        "saved": _collection,
        "word": _word,
    }.get(field, _text)


def _text(value: object, place: str) -> Value:
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT:
        raise WhereError(f"{place} is a text of 1 to {LONGEST_TEXT} characters.")
    return value


def _word(value: object, place: str) -> Value:
    """Return a word that images can be looked for by: of one that is not known nothing can be claimed."""
    word = str(_text(value, place))
    if not vocabulary().means(word):
        raise WhereError(f"{place}: {unknown_word(word)}")
    return word


def _anything(value: object, place: str) -> Value:
    return value if isinstance(value, int | float | bool) else _text(value, place)


def _number(value: object, place: str) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_NUMBER:
        raise WhereError(f"{place} is a number from 0.")
    return value


def _flag(value: object, place: str) -> Value:
    if not isinstance(value, bool):
        raise WhereError(f"{place} is true or false.")
    return value


def _format(value: object, place: str) -> Value:
    name = str(_text(value, place)).upper()
    return FORMATS.get(name, name)


def _orientation(value: object, place: str) -> Value:
    if value not in ORIENTATIONS:
        raise WhereError(f"{place} is one of {_listed(ORIENTATIONS)}.")
    return str(value)


def _collection(value: object, place: str) -> Value:
    if isinstance(value, bool) or not re.fullmatch("[1-9][0-9]{0,17}", str(value)):
        raise WhereError(f"{place} is the number of a saved search.")
    return Collection(int(str(value)))


def _date(value: object, place: str) -> Value:
    """Return a moment; a day alone is its beginning, in the site's time zone."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(_text(value, place)))
        if timezone.is_naive(found):
            found = timezone.make_aware(found)
        return found.astimezone(UTC)  # as databases compare it: the first and last days have no such moment
    except (ValueError, OverflowError):
        raise WhereError(f"{place} is a day, as 2026-11-29, or a moment in ISO 8601.") from None


def day_begins(day: date) -> datetime:
    """Return the first moment of a day in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


def _plain(value: Value) -> str | int | float | bool:
    if isinstance(value, Collection):
        return value.number
    return value.isoformat() if isinstance(value, datetime) else value


def _listed(names: Any) -> str:
    return ", ".join(names)
