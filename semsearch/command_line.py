"""The command `semsearch`, and `manage.py`: runs a management command by its name or a short one."""

from __future__ import annotations

import os
import sys

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

  semsearch demo                        the site with sample data, on http://127.0.0.1:8000
  semsearch serve                       the site
  semsearch import FOLDER --name SLUG   a folder or an archive; its folders are the labels
  semsearch search FILE_OR_ADDRESS      what looks like this
  semsearch experiments | maps | index | extract | evaluate | verify | backup | restore
  semsearch COMMAND --help              what a command takes
  semsearch help                        all commands

All state lies in {home}; SEMSEARCH_HOME names another folder.
"""


def main() -> None:
    """Run the command named on the command line."""
    words = sys.argv[1:]
    if words in (["version"], ["--version"]):
        from gallery.version import VERSION

        sys.stdout.write(f"semsearch {VERSION}\n")
        return
    if words:
        sys.argv[1] = SHORT.get(words[0], words[0])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from environs import EnvError

    try:
        if words in ([], ["-h"], ["--help"]):
            from semsearch_site import env

            sys.stdout.write(HELP.format(home=env.home(env.reader())))
            return
        from semsearch_site.command_line import run

        run(sys.argv)
    except (ImproperlyConfigured, EnvError) as error:
        # a sentence for who runs the site, not a way through Django
        sys.exit(str(error))


if __name__ == "__main__":
    main()
