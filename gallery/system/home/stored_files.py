"""Files that go with the rows that point at them."""

from __future__ import annotations

from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile


def delete_on_commit(file: FieldFile) -> None:
    """Remove a file once the transaction that deleted or replaced its row is committed."""
    transaction.on_commit(partial(default_storage.delete, str(file.name)))
