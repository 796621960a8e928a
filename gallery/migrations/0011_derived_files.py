import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0010_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='DerivedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='What it is, and of what.', max_length=300, unique=True)),
                ('file', models.CharField(help_text='Its name in the storage.', max_length=340)),
                ('size_bytes', models.PositiveBigIntegerField()),
                ('used_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='derived_files', to='gallery.image')),
            ],
            options={
                'ordering': ['used_at', 'id'],
                'indexes': [models.Index(fields=['used_at', 'id'], name='derived_by_use')],
            },
        ),
    ]
