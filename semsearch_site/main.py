"""The command `semsearch`, and `manage.py`: runs a management command by its name or a short one."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# what people type, and the command behind it; every other management command goes by its own name
SHORT = {
    "import": "import_dataset",
    "extract": "extract_features",
    "search": "search_images",
    "experiments": "run_experiments",
    "maps": "project_embeddings",
    "index": "rebuild_index",
}
HELP = """\
semsearch: semantic image search over your own images

  {program} demo                        the site with sample data, on http://127.0.0.1:8000
  {program} serve                       the site
  {program} import FOLDER --name SLUG   a folder or an archive; its folders are the labels
  {program} search FILE_OR_ADDRESS      what looks like this
  {program} experiments | maps | index | extract | promote | tune | evaluate | verify | backup | restore
  {program} COMMAND --help              what a command takes
  {program} help                        all commands

All state lies in {home}; SEMSEARCH_HOME names another folder.
"""


def main() -> None:
    """Run the command named on the command line; Ctrl-C ends it in a line, whenever it comes."""
    words = sys.argv[1:]
    if words in (["version"], ["--version"]):
        from gallery.version import VERSION

        sys.stdout.write(f"semsearch {VERSION}\n")
        return
    if words:
        sys.argv[1] = SHORT.get(words[0], words[0])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")
    try:
        _run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    if sys.argv[1:2] == ["search_images"]:
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
        if sys.argv[1:] in ([], ["-h"], ["--help"]):
            from semsearch_site import env

            sys.stdout.write(HELP.format(program=Path(sys.argv[0]).name, home=env.home(env.reader())))
            return
        gc.disable()  # until all is loaded, of which nothing is garbage: that saves a tenth of a start
        from semsearch_site.command_line import run

        run(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        # a sentence for who runs the site, not a way through Django
        sys.exit(str(error))
