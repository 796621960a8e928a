from django.db import migrations, models

HELP = 'Of its dataset when it was computed; another one now: stale.'


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0007_dataset_revision'),
        ('search', '0005_embedding_counts'),
    ]

    operations = [
        # no dataset ever has the revision -1
        migrations.AddField(
            model_name='experiment',
            name='images_revision',
            field=models.BigIntegerField(default=-1, help_text=HELP),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='projection',
            name='images_revision',
            field=models.BigIntegerField(default=-1, help_text=HELP),
            preserve_default=False,
        ),
        # on the way back everything is out of date
        migrations.AlterField(
            model_name='experiment',
            name='images_signature',
            field=models.CharField(default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='projection',
            name='images_signature',
            field=models.CharField(default='', max_length=64),
        ),
    ]
