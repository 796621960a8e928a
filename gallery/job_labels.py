"""The names of the kinds of job that people read; `gallery.jobs.register` sets them, the model shows them."""

from __future__ import annotations

_labels: dict[str, str] = {}


_about: dict[str, str] = {}


def choices() -> list[tuple[str, str]]:
    """Return each kind with its name, in the order of their registration."""
    return list(_labels.items())


def about(kind: str) -> str:
    """Return what a kind of job does, step by step, in a sentence; "" where nothing was said."""
    return _about.get(kind, "")


def set_about(kind: str, words: str) -> None:
    """Say what a kind does."""
    _about[kind] = words


def set_label(kind: str, label: str) -> None:
    """Name a kind."""
    _labels[kind] = label
