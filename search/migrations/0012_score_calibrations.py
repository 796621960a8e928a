import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0011_hidden_embeddings'),
    ]

    operations = [
        migrations.CreateModel(
            name='ScoreCalibration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('values', models.JSONField(help_text='A search.index.calibration.Calibration.')),
                ('generation', models.CharField(blank=True, help_text='Empty before the first one.', max_length=100)),
                ('embeddings', models.PositiveBigIntegerField(help_text='How many there were.')),
                ('labelled', models.PositiveBigIntegerField(help_text='How many images of the dataset had a category.')),
                ('seconds', models.FloatField(help_text='To fit it.')),
                ('fitted_at', models.DateTimeField(auto_now=True)),
                ('index', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='calibration', to='search.searchindex')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
