"""Makes the tables of a new database at once; one that has some is led through the migrations replaced here."""

import django.db.models.deletion
import django.utils.timezone
import gallery.accounts.models
import gallery.access.audit_actions
import gallery.job_labels
import gallery.models
import gallery.system.log_context
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('gallery', '0001_initial'),
        ('gallery', '0002_jobs_of_experiments'),
        ('gallery', '0003_atlases'),
        ('gallery', '0004_counts_and_indexes'),
        ('gallery', '0005_shares_and_attempts'),
        ('gallery', '0006_work_units_and_registered_kinds'),
        ('gallery', '0007_dataset_revision'),
        ('gallery', '0008_access_tokens'),
        ('gallery', '0009_tokens_of_knox'),
        ('gallery', '0010_audit'),
        ('gallery', '0011_derived_files'),
        ('gallery', '0012_closed_datasets'),
        ('gallery', '0013_job_request_id'),
        ('gallery', '0014_bin'),
        ('gallery', '0015_releases_and_backups'),
        ('gallery', '0016_image_note'),
        ('gallery', '0017_labels_and_sources'),
        ('gallery', '0018_external_ids'),
        ('gallery', '0019_suggested_words'),
    ]

    initial = True

    dependencies = [
        ('auth', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Backup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Of the file.', max_length=255)),
                ('version', models.CharField(max_length=40)),
                ('size_bytes', models.PositiveBigIntegerField()),
                ('images', models.PositiveBigIntegerField()),
                ('embeddings', models.PositiveBigIntegerField()),
                ('with_originals', models.BooleanField()),
                ('with_derived', models.BooleanField()),
                ('seconds', models.FloatField()),
                ('finished_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-finished_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='FailedAttempts',
            fields=[
                ('who', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('failures', models.PositiveIntegerField(default=0, help_text='Counted at the last of them.')),
                ('last_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name_plural': 'failed attempts',
                'ordering': ['-last_at'],
            },
        ),
        migrations.CreateModel(
            name='Release',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=40)),
                ('format', models.PositiveIntegerField(help_text='Of the files of the home, and what its rows mean.')),
                ('since', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='StorageMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.UUIDField(help_text='Written into the storage at first use.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='AccessToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, help_text='SHA-512, in hex.', max_length=128, unique=True)),
                ('prefix', models.CharField(help_text='How it begins, to know it by.', max_length=12)),
                ('name', models.CharField(max_length=100)),
                ('scopes', gallery.accounts.models.ScopesField(default=list)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Empty: only when it is revoked.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='To the minute.', null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='access_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('action', models.CharField(choices=gallery.access.audit_actions.choices, max_length=40)),
                ('user_id', models.BigIntegerField(help_text='The number of the account.', null=True)),
                ('actor', models.CharField(blank=True, help_text='The name of the account, command or job; empty for a stranger.', max_length=200)),
                ('token', models.CharField(blank=True, help_text='The API token that was used.', max_length=200)),
                ('address', models.CharField(blank=True, help_text='Where the request came from.', max_length=45)),
                ('dataset', models.CharField(blank=True, help_text='The slug it had then.', max_length=80)),
                ('target_kind', models.CharField(blank=True, max_length=40)),
                ('target_id', models.CharField(blank=True, max_length=40)),
                ('target', models.CharField(blank=True, help_text='The name it had then.', max_length=200)),
                ('details', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ['-id'],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['at'], name='audit_by_time'), models.Index(fields=['action', '-id'], name='audit_by_action'), models.Index(fields=['actor', '-id'], name='audit_by_actor'), models.Index(fields=['address', '-id'], name='audit_by_address'), models.Index(fields=['dataset', '-id'], name='audit_by_dataset'), models.Index(fields=['target', '-id'], name='audit_by_target')],
            },
        ),
        migrations.CreateModel(
            name='Dataset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(help_text='Used in addresses and commands.', max_length=80, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('revision', gallery.models.TriggerField(default=0, editable=False)),
                ('deleted_at', models.DateTimeField(editable=False, help_text='In the bin since then.', null=True)),
                ('deleted_slug', models.SlugField(blank=True, db_index=False, editable=False, max_length=80)),
                ('closed_at', models.DateTimeField(editable=False, help_text='When its removal for good began.', null=True)),
                ('restorations', gallery.models.TriggerField(default=0, editable=False, help_text='How often images came back among those that stayed.')),
            ],
            options={
                'ordering': ['name', 'id'],
                'indexes': [models.Index(fields=['name', 'id'], name='dataset_by_name'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['deleted_at'], name='dataset_in_bin')],
            },
        ),
        migrations.CreateModel(
            name='Image',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('file', models.FileField(max_length=200, upload_to=gallery.models.image_path)),
                ('thumbnail', models.FileField(max_length=200, upload_to=gallery.models.thumbnail_path)),
                ('filename', models.CharField(help_text='The name it came with.', max_length=500)),
                ('category', models.CharField(blank=True, help_text='Its label; empty when unknown.', max_length=200)),
                ('external_id', models.CharField(blank=True, default=None, help_text='What another system knows it by.', max_length=200, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict, help_text='What else is known of it, by name.')),
                ('split', models.CharField(blank=True, help_text='Its part of the dataset, as “train”.', max_length=20)),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('size_bytes', models.PositiveBigIntegerField()),
                ('format', models.CharField(max_length=10)),
                ('note', models.CharField(blank=True, default='', help_text='How its file was read, where that is not as usual.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('deleted_at', models.DateTimeField(editable=False, help_text='In the bin since then.', null=True)),
                ('missing_since', models.DateTimeField(editable=False, help_text='When its file was first not to be found.', null=True)),
                ('import_id', models.BigIntegerField(editable=False, help_text='The job that brought it.', null=True)),
                ('dataset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='images', to='gallery.dataset')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True)), fields=['dataset', 'id'], name='image_by_dataset'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True)), fields=['dataset', 'category', 'id'], name='image_by_category'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True)), fields=['category', 'id'], name='image_by_label'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True)), fields=['sha256', 'id'], name='image_by_sha256'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True)), fields=['filename', 'id'], name='image_by_filename'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('missing_since__isnull', True), ('external_id__isnull', False)), fields=['external_id', 'id'], name='image_by_external_id'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['deleted_at', 'id'], name='image_in_bin'), models.Index(condition=models.Q(('missing_since__isnull', False)), fields=['missing_since', 'id'], name='image_missing')],
                'constraints': [models.UniqueConstraint(fields=('dataset', 'sha256'), name='one_image_per_content'), models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True), ('external_id__isnull', False)), fields=('dataset', 'external_id'), name='one_image_per_external_id')],
            },
        ),
        migrations.CreateModel(
            name='FurtherCategory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='further', to='gallery.image')),
            ],
            options={
                'verbose_name_plural': 'further categories',
                'ordering': ['image', 'name'],
                'indexes': [models.Index(fields=['name', 'image'], name='further_by_name')],
                'constraints': [models.UniqueConstraint(fields=('image', 'name'), name='one_row_per_further_category')],
            },
        ),
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
        migrations.CreateModel(
            name='ImportSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.CharField(max_length=1000)),
                ('dataset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='sources', to='gallery.dataset')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('dataset', 'path'), name='one_row_per_source')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=gallery.job_labels.choices, max_length=20)),
                ('state', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='queued', max_length=10)),
                ('parameters', models.JSONField(blank=True, default=dict)),
                ('result', models.JSONField(blank=True, default=dict)),
                ('done', models.PositiveBigIntegerField(default=0)),
                ('total', models.PositiveBigIntegerField(default=0)),
                ('failed', models.PositiveBigIntegerField(default=0, editable=False, help_text='Files it could not use; the database counts them itself.')),
                ('message', models.CharField(blank=True, max_length=500)),
                ('error', models.TextField(blank=True)),
                ('final', models.BooleanField(default=False, help_text='Its source is at fault: trying again is of no use.')),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('consecutive_failures', models.PositiveIntegerField(default=0, help_text='Deaths of its worker and passing errors since it last got further.')),
                ('max_done', models.PositiveBigIntegerField(default=0, help_text='The most that was ever done of it.')),
                ('not_before', models.DateTimeField(blank=True, help_text='Rests until then.', null=True)),
                ('worker', models.CharField(blank=True, help_text='host:pid:token of who runs it', max_length=200)),
                ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                ('dispatched_at', models.DateTimeField(blank=True, null=True)),
                ('publish_count', models.PositiveIntegerField(default=0, help_text='Messages sent since it was queued.')),
                ('request_id', models.CharField(blank=True, default=gallery.system.log_context.request_id, help_text='The request that led to it.', max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('dataset', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='gallery.dataset')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['state', '-id'], name='job_of_state'), models.Index(fields=['dataset', '-id'], name='job_by_dataset')],
            },
        ),
        migrations.CreateModel(
            name='FailedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=500)),
                ('code', models.CharField(max_length=40)),
                ('reason', models.TextField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('image', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='failures', to='gallery.image')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='failed_files', to='gallery.job')),
                ('retry', models.ForeignKey(blank=True, help_text='The job that tries it again.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='retried_files', to='gallery.job')),
            ],
            options={
                'ordering': ['id'],
                'indexes': [models.Index(fields=['job', 'id'], name='failure_by_job')],
                'constraints': [models.UniqueConstraint(fields=('job', 'name', 'code'), name='one_failure_per_file'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='failure_has_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='SourceFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=500)),
                ('labels', models.JSONField(default=list)),
                ('split', models.CharField(blank=True, max_length=20)),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='source_files', to='gallery.image')),
                ('source', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='gallery.importsource')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('source', 'name'), name='one_row_per_source_file')],
            },
        ),
        migrations.CreateModel(
            name='SuggestedWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.PositiveIntegerField(help_text="The meaning's offset in WordNet 3.0.")),
                ('confidence', models.PositiveSmallIntegerField(help_text='In ten-thousandths; 0 where somebody said that the word is wrong.')),
                ('dataset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='gallery.dataset')),
                ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='words', to='gallery.image')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['key', 'dataset', 'confidence', 'image'], name='image_by_suggested_word')],
                'constraints': [models.UniqueConstraint(fields=('image', 'key'), name='one_row_per_suggested_word')],
            },
        ),
        migrations.CreateModel(
            name='WordVerdict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.PositiveIntegerField(help_text="The meaning's offset in WordNet 3.0; broader ones as well.")),
                ('right', models.BooleanField(help_text='It became a label; else the word was removed.')),
                ('decided_at', models.DateTimeField(auto_now=True)),
                ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='word_verdicts', to='gallery.image')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('image', 'key'), name='one_verdict_per_word')],
            },
        ),
        migrations.CreateModel(
            name='WorkUnit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField()),
                ('state', models.CharField(choices=[('running', 'running'), ('waiting', 'waiting'), ('done', 'done')], default='running', max_length=10)),
                ('total', models.PositiveIntegerField(help_text='What there was to do in it when it was first claimed.')),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('worker', models.CharField(blank=True, max_length=200)),
                ('heartbeat_at', models.DateTimeField()),
                ('attempts', models.PositiveIntegerField(default=1)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='work_units', to='gallery.job')),
            ],
            options={
                'ordering': ['job', 'first_id'],
                'indexes': [models.Index(fields=['job', 'state'], name='unit_by_state')],
                'constraints': [models.UniqueConstraint(fields=('job', 'first_id'), name='one_unit_begins_at_an_id')],
            },
        ),
        migrations.CreateModel(
            name='Category',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=200)),
                ('images', models.PositiveBigIntegerField()),
                ('dataset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='categories', to='gallery.dataset')),
            ],
            options={
                'verbose_name_plural': 'categories',
                'ordering': ['dataset', 'name'],
                'constraints': [models.UniqueConstraint(fields=('dataset', 'name'), name='one_row_per_category')],
            },
        ),
        migrations.CreateModel(
            name='AtlasPage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='Counted from 0.')),
                ('file', models.FileField(max_length=200, upload_to=gallery.models.atlas_path)),
                ('image_ids', models.BinaryField(help_text='int64 little endian, cell after cell; 0 is a hole.')),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='atlas_pages', to='gallery.dataset')),
            ],
            options={
                'ordering': ['dataset', 'number'],
                'constraints': [models.UniqueConstraint(fields=('dataset', 'number'), name='one_atlas_page_per_number')],
            },
        ),
    ]
