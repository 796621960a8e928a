"""What is learned of labels, and specs of tuned vectors."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gallery", "0018_external_ids"),
        ("search", "0012_score_calibrations"),
    ]

    operations = [
        migrations.AddField(
            model_name="featurespec",
            name="tuning",
            field=models.CharField(
                blank=True, default="", help_text="Of a Tuning; empty where none is used.", max_length=64
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="Tuning",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "centre",
                    models.BinaryField(help_text="float32, little endian, (d,): what is subtracted first."),
                ),
                ("weights", models.BinaryField(help_text="float32, little endian, (d, categories).")),
                (
                    "categories",
                    models.JSONField(help_text="Names of what is learned, in the order of the weights."),
                ),
                ("labels", models.PositiveIntegerField(help_text="How many images it was learned from.")),
                (
                    "labels_digest",
                    models.CharField(help_text="Of the labels that it was learned from.", max_length=64),
                ),
                (
                    "images_revision",
                    models.BigIntegerField(help_text="Of its dataset when its labels were these."),
                ),
                (
                    "seen_revision",
                    models.BigIntegerField(
                        default=0, help_text="Of its dataset when its labels were last looked at."
                    ),
                ),
                ("figures", models.JSONField(help_text="What was measured, as search.tuned.figures has it.")),
                ("seconds", models.FloatField(help_text="To measure and to learn.")),
                ("learned_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tunings",
                        to="gallery.dataset",
                    ),
                ),
                (
                    "base",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tunings",
                        to="search.featurespec",
                    ),
                ),
                (
                    "spec",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tuning_row",
                        to="search.featurespec",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
    ]
