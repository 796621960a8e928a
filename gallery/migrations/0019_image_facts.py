"""Filters and facets read what they compare off an index, without the rows of the images."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("gallery", "0018_external_ids")]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=Q(("deleted_at__isnull", True), ("missing_since__isnull", True)),
                fields=[
                    "dataset",
                    "width",
                    "height",
                    "size_bytes",
                    "format",
                    "created_at",
                    "category",
                    "deleted_at",
                    "missing_since",
                    "id",
                ],
                name="image_by_facts",
            ),
        ),
    ]
