"""Reads a filter as people type it: `label:wren,robin width>=640 -format:gif no:label meta.camera:"X 100"`.

Every term has to hold; a comma means one of several. `-` before a term turns it round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from gallery.browse.where import NUMBERS, OPERATORS, Condition, Where, WhereError
from gallery.browse.where_values import condition, day_begins, require_few

LONGEST: Final = 2000
EXAMPLE: Final = "as in label:bird width>=640 -format:gif"
_QUOTED = r'"(?:[^"\\]|\\.)*"'  # within, a backslash stands before " and itself
_VALUE = rf'(?:{_QUOTED}|[^\s,"]+)'
_TERM = re.compile(
    rf"""\s*(?P<minus>-?)(?P<name>[a-z_]+)(?:\.(?P<key>{_QUOTED}|[^\s:=<>"]+))?
        (?P<sign>>=|<=|[:=<>])(?P<values>{_VALUE}(?:,{_VALUE})*)(?=\s|$)""",
    re.VERBOSE,
)
_RANGES: Final = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
_OPPOSITE: Final = {"gte": "lt", "gt": "lte", "lte": "gt", "lt": "gte", "any": "none"}
_UNITS: Final = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_OTHER_NAMES: Final = {"meta": "metadata", "file": "filename", "id": "external_id", "added": "date"}


def where_text(text: str) -> Where:
    """Return the filter that a text says. Raises: WhereError, which says what is wrong and where."""
    if len(text) > LONGEST:
        raise WhereError(f"A filter has at most {LONGEST} characters.")
    found: list[Condition] = []
    place = 0
    while text[place:].strip():
        term = _TERM.match(text, place)
        if term is None:
            raise WhereError(
                f"{text[place:].split()[0]!r} is no condition: write a field and a value, {EXAMPLE}."
            )
        found += _conditions(term)
        place = term.end()
    where = Where(tuple(found))
    require_few(where)
    return where


def _conditions(term: re.Match[str]) -> Iterator[Condition]:
    name = _OTHER_NAMES.get(term["name"], term["name"])
    key = _unquoted(term["key"] or "")
    written = re.findall(_VALUE, term["values"])
    values = [_unquoted(value) for value in written]
    turned = bool(term["minus"])
    if name in ("no", "has"):
        yield from _existing(values, exists=(name == "has") != turned)
        return
    if name not in OPERATORS:
        raise WhereError(f"There is no field {term['name']!r}: there are {', '.join(OPERATORS)}, {EXAMPLE}.")
    if (name == "metadata") != bool(key):
        raise WhereError(f"{term[0].strip()!r}: only metadata has keys, as in meta.camera:X100.")
    if name == "date":
        yield from _of_dates(term["sign"], values, turned=turned)
        return
    operator = _RANGES.get(term["sign"], "any")
    if operator != "any" and len(values) > 1:
        raise WhereError(f"{term[0].strip()!r} compares with one value.")
    if name == "filename" and term["sign"] == ":" and not turned and len(values) == 1:
        operator = "contains"
    if turned:
        operator = _OPPOSITE[operator]
    yield condition(name, operator, tuple(_typed(name, value) for value in written), key)


def _existing(fields: list[str], *, exists: bool) -> Iterator[Condition]:
    for field in fields:
        name, _, key = _OTHER_NAMES.get(field, field).partition(".")
        name = _OTHER_NAMES.get(name, name)
        if "exists" not in OPERATORS.get(name, ()):
            raise WhereError(f"Every image has {field}: ask for no:label or has:external_id.")
        yield condition(name, "exists", (exists,), key)


def _typed(field: str, value: str) -> object:
    """Return a value of a field's kind; a number or true in the metadata is a text where it is quoted."""
    if field in NUMBERS:
        found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,18})?)([a-z]*)", value.lower())
        if found is None or found[2] not in (_UNITS if field == "size" else ("", "px")):
            raise WhereError(f"{field} is a number, as in width>=640 or size<2mb, not {value!r}.")
        return int(float(found[1]) * (_UNITS[found[2]] if field == "size" else 1))
    if field == "metadata":
        if re.fullmatch(r"-?\d{1,15}(\.\d+)?", value):
            return float(value) if "." in value else int(value)
        if value in ("true", "false"):
            return value == "true"
    return _unquoted(value)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _of_dates(sign: str, values: list[str], *, turned: bool) -> Iterator[Condition]:
    if len(values) > 1 or (turned and sign in ":="):
        raise WhereError("A date is compared with one day, month or year, as in date>=2026-11 or date:2026.")
    begins, ends = _period(values[0])
    bounds = {
        ":": (("gte", begins), ("lt", ends)), "=": (("gte", begins), ("lt", ends)),
        ">=": (("gte", begins),), ">": (("gte", ends),), "<": (("lt", begins),), "<=": (("lt", ends),),
    }  # fmt: skip
    for operator, moment in bounds[sign]:
        yield condition("date", _OPPOSITE[operator] if turned else operator, (moment,))


def _period(text: str) -> tuple[datetime, datetime]:
    """Return the first moment of a day, month or year, and that of the next one."""
    found = re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", text)
    try:
        if found is None:
            raise ValueError(text)
        year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
        first = date(year, month, day)
        if found[3]:
            after = first + timedelta(days=1)
        elif found[2]:
            after = date(year + month // 12, month % 12 + 1, 1)
        else:
            after = date(year + 1, 1, 1)
        return day_begins(first), day_begins(after)
    except (ValueError, OverflowError):
        raise WhereError(f"{text!r} is no day, month or year, as 2026-11-29, 2026-11 or 2026.") from None
