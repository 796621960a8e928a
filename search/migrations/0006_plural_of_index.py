from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0005_embedding_counts")]

    operations = [
        migrations.AlterModelOptions(
            name="searchindex", options={"verbose_name_plural": "search indexes"}
        ),
    ]
