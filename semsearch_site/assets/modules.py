"""The modules that a script imports, read from its source, so that a page can name all of them at once.

A browser that is told only of the script finds its imports one level after the other: six waves for the map.
The links of `{% modules %}` let it ask for every module in the first.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders

# `import {a} from "./b.js";` and `export {a} from "./b.js";`, over several lines too; never inside a comment,
# such as JSDoc's `@import`, for those lines begin with another sign
IMPORTED = re.compile(r"""^(?:import|export)\b(?:[^;"']*?\bfrom)?\s*["'](\.[^"']+)["']""", re.MULTILINE)


@cache
def imports(name: str) -> tuple[str, ...]:
    """Return the static names of the modules that a module imports itself, in its order.

    Raises: FileNotFoundError for a module that no static folder has.
    """
    path = finders.find(name)
    if not isinstance(path, str):
        raise FileNotFoundError(f"There is no script {name} among the static files.")
    folder = posixpath.dirname(name)
    return tuple(
        posixpath.normpath(posixpath.join(folder, imported))
        for imported in IMPORTED.findall(Path(path).read_text(encoding="utf-8"))
    )


def imported_by(*entries: str) -> list[str]:
    """Return the modules that scripts import, through others too, each once and the nearest first."""
    found = list(dict.fromkeys(entries))
    for name in found:  # it grows while it is walked
        found += [imported for imported in imports(name) if imported not in found]
    return [name for name in found if name not in entries]
