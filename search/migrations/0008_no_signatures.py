from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0007_revisions_of_signatures'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='experiment',
            name='images_signature',
        ),
        migrations.RemoveField(
            model_name='projection',
            name='images_signature',
        ),
    ]
