#!/usr/bin/env python
"""Django's command line for semsearch."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the management command named on the command line; Ctrl-C ends it in a line, whenever it comes."""
    if sys.argv[1:] in (["version"], ["--version"]):
        from gallery.version import VERSION

        sys.stdout.write(f"semsearch {VERSION}\n")
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")
    quick = sys.argv[1:2] == ["search_images"]
    if quick:
        gc.disable()  # it ends before there is anything to collect, which saves a tenth of its time
    try:
        _run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    if quick:
        import logging

        # to take all libraries apart takes a sixth of its time
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _run() -> None:
    from django.core.exceptions import ImproperlyConfigured
    from environs import EnvError

    try:
        from semsearch_site.command_line import run

        run(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        # a sentence for who runs the site, not a way through Django
        sys.exit(str(error))


if __name__ == "__main__":
    main()
