"""Finds out how the names in a zip file are written that does not say so: by what reads as words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

# In this order among equals. A Latin code page comes before others that read the same bytes as words too, a
# Japanese one before those that take its pairs of bytes for other characters.
_CODE_PAGES = (
    "cp437", "cp1252", "cp850", "cp852", "cp1251", "cp866", "cp932", "cp949", "gb18030", "big5",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+|[^\w\s!-~]", re.UNICODE)
# of words, what one word may mix
_TOGETHER = (frozenset({"CJK", "HIRAGANA", "KATAKANA"}),)


_SAMPLE = 2000  # names that are looked at
_LOOKED_AT = 255  # bytes of a name, which no file system exceeds


def guess(names: Collection[bytes]) -> str:
    """Return the encoding of names: UTF-8 where all are, else the code page in which most words are words."""
    try:
        b"\n".join(names).decode("utf-8")
    except UnicodeDecodeError:
        every = {part[:_LOOKED_AT] for name in names for part in name.split(b"/") if not part.isascii()}
        sample = sorted(every)[:_SAMPLE]
        return min(_CODE_PAGES, key=lambda page: _implausible(sample, page))
    return "utf-8"


def decoded(name: bytes, encoding: str) -> str:
    """Return a name as text; what the encoding has no character for is replaced. Raises: LookupError."""
    return name.decode(encoding, "replace")


def _implausible(names: Collection[bytes], page: str) -> int:
    """How many words of the names, read in a code page, are no words."""
    count = 0
    for name in names:
        text = unicodedata.normalize("NFC", name.decode(page, "replace"))
        count += sum(not _is_word(word) for word in _WORD.findall(text) if not word.isascii())
    return count


def _is_word(word: str) -> bool:
    if not all(unicodedata.category(letter) in ("Lu", "Ll", "Lo", "Lm") for letter in word):
        return False
    scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in word}
    if len(scripts) > 1 and not any(scripts <= group for group in _TOGETHER):
        return False
    if scripts & {"HALFWIDTH", "FEMININE", "MASCULINE", "?"}:
        return False
    if word.upper() != word.lower() and not (word.islower() or word.isupper() or word.istitle()):
        return False
    # a word of nothing but accents is one of another alphabet, read wrongly
    return scripts != {"LATIN"} or 2 * sum(letter.isascii() for letter in word) >= len(word)
