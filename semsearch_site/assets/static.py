"""Style sheets, scripts and the modules that scripts import, all under names made of their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.urls import get_script_prefix
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

from gallery.errors import SemsearchError
from gallery.system.home.shipped_files import program
from semsearch_site.assets import bundles

COLLECTED_FILE = "collected-from.sha256"


class StaticFolderError(SemsearchError):
    """Static files cannot be collected where they belong."""

    code = "static_not_writable"
    status = 500


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # without types
    """Names every static file by its content, so that browsers keep it for ever and never see an old one.

    A module's name changes with what it imports, so the names are worked out from the innermost module
    outwards, one step of imports a pass. What was collected is noted last, for `is_stale`.
    """

    @property
    def base_url(self) -> str:
        """Where static files are for browsers, below the prefix under which the site is asked."""
        return get_script_prefix().rstrip("/") + str(settings.STATIC_URL)

    support_js_module_import_aggregation = True
    max_post_process_passes = 20
    # names of the files that name others, found in the first pass
    _referring: set[str]

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[tuple[str, str | None, bool | Exception]]:
        """Yield the old name, the new name, and whether it worked or the error, of each collected file."""
        self._referring = set()
        if not dry_run:
            self._bundle(paths)
        yield from super().post_process(paths, dry_run=dry_run, **options)
        if not dry_run:
            Path(self.path(COLLECTED_FILE)).write_text(_of_all_sources())

    def create_compressor(self, **options: Any) -> Compressor:
        """Return what compresses all but source maps: large, and asked for by developer tools alone."""
        return Compressor(**options | {"extensions": (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")})

    def url_converter(self, name: str, *args: Any) -> Callable[[re.Match[str]], str]:
        """Return what gives a file's references their new names, and note that the file has some."""
        converted = super().url_converter(name, *args)

        def noted(found: re.Match[str]) -> str:
            if "sourceMappingURL" not in found[0]:  # whose name is final: nothing in it is given another
                self._referring.add(name)
            return str(converted(found))

        return noted

    def _post_process(self, paths: dict[str, Any], adjustable: list[str], hashed: dict[str, str]) -> Any:
        """Make a pass: after the first only over what can still change, as others take seconds to search."""
        if hashed:
            paths = {name: path for name, path in paths.items() if name in self._referring}
        return super()._post_process(paths, adjustable, hashed)

    def _bundle(self, paths: dict[str, Any]) -> None:
        """Write the modules of each page into one file, which is then named by its content as any other."""
        for entries in bundles.asked_for():
            if not all(entry in paths for entry in entries):  # of an application that is not collected here
                continue
            name = bundles.name_of(entries)
            path = Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(bundles.bundled(entries), encoding="utf-8")
            paths[name] = (self, name)


def is_stale() -> bool:
    """Whether pages would miss style sheets or scripts, or get older ones than those installed.

    Contents are compared, not times: those of an image or a checkout say nothing.
    """
    try:
        return (Path(settings.STATIC_ROOT) / COLLECTED_FILE).read_text() != _of_all_sources()
    except OSError:  # there is none, or the folder cannot be read: who collects says what is wrong
        return True


def collect_changed() -> None:
    """Collect static files unless those that are installed have been. Raises: StaticFolderError."""
    if not is_stale():
        return
    try:
        call_command("collectstatic", verbosity=0, interactive=False)
    except OSError as error:
        raise StaticFolderError(
            f"Static files cannot be collected in {settings.STATIC_ROOT} ({error.strerror or error}): let "
            f"{program()} collectstatic do it as who may write there, or name another folder in STATIC_ROOT."
        ) from error


def _of_all_sources() -> str:
    """Return what stands for the names and contents of all static files, and for how they are collected."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    found.update(Path(bundles.__file__).read_bytes())
    found.update(repr(bundles.asked_for()).encode())
    found.update(settings.STATIC_URL.encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(["CVS", ".*", "*~"]), key=lambda one: one[0]):
            found.update(f"{name}\0".encode())
            with storage.open(name) as file:
                found.update(hashlib.file_digest(file.file, "sha256").digest())
    return found.hexdigest()
