from django.db import migrations, models

import gallery.models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0006_work_units_and_registered_kinds'),
    ]

    operations = [
        migrations.AddField(
            model_name='dataset',
            name='revision',
            field=gallery.models.TriggerField(default=0, editable=False),
        ),
        # on the way back the sums begin at 0, until everything is counted anew
        migrations.AlterField(
            model_name='category',
            name='id_sum',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='category',
            name='id_square_sum',
            field=models.BigIntegerField(default=0),
        ),
        migrations.RemoveField(
            model_name='category',
            name='id_sum',
        ),
        migrations.RemoveField(
            model_name='category',
            name='id_square_sum',
        ),
    ]
