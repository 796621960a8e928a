from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("search", "0008_no_signatures")]

    operations = [
        migrations.AlterModelOptions(
            name="searchindex", options={"verbose_name_plural": "search indexes"}
        ),
    ]
