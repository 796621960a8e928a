from django.db import migrations, models

import gallery.system.log_context


class Migration(migrations.Migration):

    dependencies = [
        ("gallery", "0012_closed_datasets"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="request_id",
            field=models.CharField(
                blank=True,
                default=gallery.system.log_context.request_id,
                help_text="The request that led to it.",
                max_length=64,
            ),
        ),
    ]
