"""Which part of an error's text everybody may read.

Errors are kept in full. Strangers read their first line, of an error that nobody foresaw only its name, and
of a file on this machine only its name: not what libraries say of servers, and not where files lie.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

# in quotation marks to the next of them, as Python writes the file of an OSError; else to a blank
_PATH = re.compile(
    r"""(?P<quote>['"])(?P<quoted>/[^'"\n]+)(?P=quote)|(?<![\w/:.~-])(?P<bare>/[^\s'"<>|:;,)/]+/[^\s'"<>|:;,)]+)"""
)

# "KeyError: 'x'": the name of an exception that is none of ours, and what it says
_UNFORESEEN = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Timeout|Refused)): .*")


def public_text(text: str) -> str:
    """Return what everybody may read of an error that was kept."""
    named = _UNFORESEEN.sub(r"\1; the log of the server says more", text.partition("\n")[0])
    return _PATH.sub(_without_folder, named)


def with_details(public: str, details: str) -> str:
    """Return an error as it is kept: what everybody may read, then what only those who run the site may."""
    return f"{public}\n{details}" if details else public


def _without_folder(found: re.Match[str]) -> str:
    path = found["quoted"] or found["bare"]
    # addresses of this site begin with a slash too, but not with a folder of this machine
    if not _is_top_folder(path.split("/")[1]):
        return found[0]
    quote = found["quote"] or ""
    name = path.rstrip("/").rpartition("/")[2]
    return f"{quote}{name}{quote}"


@lru_cache(maxsize=64)
def _is_top_folder(name: str) -> bool:
    return Path("/", name).is_dir()
