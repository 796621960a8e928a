import logging

from django.core.files.storage import default_storage
from django.db import migrations

FOLDER = "feature-maps"
logger = logging.getLogger(__name__)


def remove_old_files(apps, schema_editor):
    """Remove feature maps as they were kept before, one file a channel: they are made again when asked for."""
    try:
        _remove(FOLDER)
    except FileNotFoundError:  # nothing was ever kept
        pass
    except Exception:  # whatever the storage says: `verify --repair` removes them as well
        logger.exception("Could not remove the old feature maps")


def _remove(folder):
    folders, files = default_storage.listdir(folder)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    for name in folders:
        _remove(f"{folder}/{name}")
    default_storage.delete(folder)


class Migration(migrations.Migration):

    dependencies = [
        ("search", "0009_plural_of_index"),
        ("gallery", "0011_derived_files"),
    ]

    operations = [
        migrations.RunPython(remove_old_files, migrations.RunPython.noop),
    ]
