"""The index of embeddings by dataset has the image as well: PostgreSQL finds what a filter allows in it alone."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0015_sure_likenesses")]

    operations = [
        migrations.RemoveIndex(model_name="embedding", name="embedding_of_index"),
        migrations.AddIndex(
            model_name="embedding",
            index=models.Index(fields=["dataset", "spec", "id", "image"], name="embedding_of_index"),
        ),
    ]
