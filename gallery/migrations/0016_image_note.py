from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("gallery", "0015_releases_and_backups"),
    ]

    operations = [
        migrations.AddField(
            model_name="image",
            name="note",
            field=models.CharField(
                blank=True,
                default="",
                help_text="How its file was read, where that is not as usual.",
                max_length=200,
            ),
        ),
    ]
