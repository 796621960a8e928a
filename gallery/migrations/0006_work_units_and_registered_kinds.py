"""Kinds of job are what was registered, and work units and the columns of jobs bear the field's names."""

import django.db.models.deletion
from django.db import migrations, models

import gallery.job_labels


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0005_shares_and_attempts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=gallery.job_labels.choices, max_length=20),
        ),
        migrations.RenameField(
            model_name='job',
            old_name='setbacks',
            new_name='consecutive_failures',
        ),
        migrations.RenameField(
            model_name='job',
            old_name='furthest',
            new_name='max_done',
        ),
        migrations.RenameField(
            model_name='job',
            old_name='announcements',
            new_name='publish_count',
        ),
        migrations.RenameModel(
            old_name='JobShare',
            new_name='WorkUnit',
        ),
        migrations.AlterField(
            model_name='workunit',
            name='job',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='work_units', to='gallery.job'),
        ),
        migrations.AlterField(
            model_name='workunit',
            name='total',
            field=models.PositiveIntegerField(help_text='What there was to do in it when it was first claimed.'),
        ),
        migrations.RenameIndex(
            model_name='workunit',
            new_name='unit_by_state',
            old_name='share_by_state',
        ),
        migrations.RemoveConstraint(
            model_name='workunit',
            name='one_share_begins_at_an_id',
        ),
        migrations.AddConstraint(
            model_name='workunit',
            constraint=models.UniqueConstraint(fields=('job', 'first_id'), name='one_unit_begins_at_an_id'),
        ),
    ]
