"""How sure likenesses to categories have to be to count in full; those learned before always do."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0014_saved_searches")]

    operations = [
        migrations.AddField(
            model_name="tuning",
            name="usual",
            field=models.FloatField(
                default=0.0,
                help_text="The greatest likeness from which on likenesses count in full; 0: always.",
            ),
        ),
    ]
