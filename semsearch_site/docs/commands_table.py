"""The reference of management commands: what their own parsers take, as tables."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

OURS = ("gallery", "search", "semsearch_site", "benchmarks")
# arguments whose defaults are settings
OF_SETTINGS = {"host": "HOST", "port": "PORT"}
# commands of Django that ours stand before and that are used as Django documents them
DJANGO = frozenset({"collectstatic", "flush", "migrate"})


def commands() -> Iterator[tuple[str, BaseCommand]]:
    """Yield the names of our commands in order, and the commands."""
    for name, app in sorted(get_commands().items()):
        if app in OURS and name not in DJANGO:
            yield name, load_command_class(str(app), name)


def as_markdown() -> str:
    """Return a heading, a sentence and a table of arguments for each command."""
    return "\n\n".join(_described(name, command) for name, command in commands())


def _described(name: str, command: BaseCommand) -> str:
    parser = command.create_parser("manage.py", name)
    known = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}
    actions = [action for action in parser._actions if action.dest not in known]
    usage = " ".join(["manage.py", name, *(_usage(action) for action in actions)])
    lines = [f"## {name}", "", f"    {usage}", "", command.help]
    if actions:
        lines += ["", "| argument | default | what it does |", "|---|---|---|"]
        lines += [f"| `{_shown(action)}` | {_default(action)} | {_words(action)} |" for action in actions]
    return "\n".join(lines)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    metavar = action.metavar if isinstance(action.metavar, str) else None
    choices = None if action.choices is None else "|".join(str(choice) for choice in action.choices)
    name = metavar or choices or action.dest.upper()
    return {"*": f"[{name} …]", "+": f"{name} [{name} …]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _usage(action: argparse.Action) -> str:
    shown = _shown(action).replace("\\|", "|")
    return shown if not action.option_strings or action.required else f"[{shown}]"


def _shown(action: argparse.Action) -> str:
    option = max(action.option_strings, key=len, default="")
    return " ".join(word for word in (option, _value(action)) if word).replace("|", "\\|")


def _default(action: argparse.Action) -> str:
    if action.dest in OF_SETTINGS:
        return f"`{OF_SETTINGS[action.dest]}`"
    value = action.default
    if isinstance(value, Path):
        value = value.relative_to(settings.BASE_DIR) if value.is_relative_to(settings.BASE_DIR) else value
    if isinstance(value, list | tuple):
        value = ",".join(str(one) for one in value)
    if value in (None, "", (), [], argparse.SUPPRESS) or isinstance(value, bool):
        return ""
    return f"`{value}`"


def _words(action: argparse.Action) -> str:
    """Return the help of an argument; its default has a column of its own."""
    words = re.sub(r"\s*\(?default: %\(default\)s\)?", "", action.help or "")
    return words.replace("|", "\\|").replace("%%", "%").replace("\n", " ")
