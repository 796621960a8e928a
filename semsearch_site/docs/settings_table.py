"""The reference of settings: `.env.example`, which names every one, as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SECTION = re.compile(r"^# --- (.+)$")
_SETTING = re.compile(r"^# ([A-Z][A-Z0-9_]*)=(\S*)(?:\s+#\s(.*))?$")
_MORE = re.compile(r"^#?\s{10,}#?\s*(\S.*)$")


@dataclass
class Setting:
    """A setting, its default as text, and what it does."""

    name: str
    default: str
    words: list[str] = field(default_factory=list)


def settings_of(example: str) -> Iterator[tuple[str, list[Setting]]]:
    """Yield the heading of each section of `.env.example` and its settings."""
    heading, found = "", list[Setting]()
    for line in example.splitlines():
        if section := _SECTION.match(line):
            if found:
                yield heading, found
            heading, found = section[1], []
        elif setting := _SETTING.match(line):
            found.append(Setting(setting[1], setting[2], [setting[3]] if setting[3] else []))
        elif found and (more := _MORE.match(line)):
            found[-1].words.append(more[1])
    if found:
        yield heading, found


def as_markdown(example: str) -> str:
    """Return the sections as headings and tables."""
    parts = []
    for heading, settings in settings_of(example):
        parts.append(
            f"## {heading[0].upper()}{heading[1:]}\n\n| setting | default | what it does |\n|---|---|---|"
        )
        parts[-1] += "".join(f"\n| `{one.name}` | {_code(one.default)} | {_cell(one)} |" for one in settings)
    return "\n\n".join(parts)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(setting: Setting) -> str:
    return " ".join(setting.words).replace("|", "\\|")
