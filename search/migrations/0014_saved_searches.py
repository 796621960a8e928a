import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('search', '0013_tunings'),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedSearch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('document', models.JSONField(help_text='As it was asked, without a cursor.')),
                ('address', models.TextField(blank=True, help_text='The query part of its address on the page.')),
                ('shared', models.BooleanField(default=False, help_text='Everybody who may search here sees it.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('seen_at', models.DateTimeField(help_text='When its owner looked at it last.')),
                ('seen_image', models.PositiveBigIntegerField(help_text='The newest image at that time.')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='saved_searches', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'saved searches',
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='one_saved_search_per_name')],
            },
        ),
        migrations.CreateModel(
            name='SavedExample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='What names it as an upload.', max_length=40, unique=True)),
                ('data', models.BinaryField(help_text='The file, or a smaller copy of a large one.')),
                ('search', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='examples', to='search.savedsearch')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
