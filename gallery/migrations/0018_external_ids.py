from django.db import migrations, models
from django.db.models import Q

SHOWN = Q(("deleted_at__isnull", True), ("missing_since__isnull", True))


class Migration(migrations.Migration):

    dependencies = [
        ("gallery", "0017_labels_and_sources"),
    ]

    operations = [
        migrations.AddField(
            model_name="image",
            name="external_id",
            field=models.CharField(
                blank=True,
                default=None,
                help_text="What another system knows it by.",
                max_length=200,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="image",
            name="metadata",
            field=models.JSONField(
                blank=True, default=dict, help_text="What else is known of it, by name."
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(condition=SHOWN, fields=["sha256", "id"], name="image_by_sha256"),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(condition=SHOWN, fields=["filename", "id"], name="image_by_filename"),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=SHOWN & Q(("external_id__isnull", False)),
                fields=["external_id", "id"],
                name="image_by_external_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="image",
            constraint=models.UniqueConstraint(
                condition=Q(("deleted_at__isnull", True), ("external_id__isnull", False)),
                fields=("dataset", "external_id"),
                name="one_image_per_external_id",
            ),
        ),
    ]
