"""Makes the tables of a new database at once; one that has some is led through the migrations replaced here."""

import django.db.models.deletion
import search.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('search', '0001_initial'),
        ('search', '0002_experiments'),
        ('search', '0003_projections'),
        ('search', '0004_fewer_indexes'),
        ('search', '0005_embedding_counts'),
        ('search', '0006_images_revision'),
        ('search', '0007_revisions_of_signatures'),
        ('search', '0008_no_signatures'),
        ('search', '0009_plural_of_index'),
        ('search', '0010_feature_maps_in_one_file'),
        ('search', '0011_hidden_embeddings'),
        ('search', '0012_score_calibrations'),
        ('search', '0013_tunings'),
        ('search', '0014_saved_searches'),
        ('search', '0015_sure_likenesses'),
        ('search', '0016_images_in_embedding_of_index'),
    ]

    initial = True

    dependencies = [
        ('auth', '__first__'),
        ('gallery', '0001_squashed_0019_suggested_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='FeatureSpec',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(max_length=64, unique=True)),
                ('model', models.CharField(max_length=100)),
                ('layer', models.CharField(max_length=100)),
                ('pooling', models.CharField(max_length=20)),
                ('reduction', models.CharField(blank=True, max_length=100)),
                ('reduction_digest', models.CharField(blank=True, max_length=64)),
                ('input_size', models.PositiveIntegerField()),
                ('resize', models.CharField(max_length=20)),
                ('weights_digest', models.CharField(max_length=64)),
                ('dims', models.PositiveIntegerField()),
                ('tuning', models.CharField(blank=True, help_text='Of a Tuning; empty where none is used.', max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Experiment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(choices=[('cosine', 'cosine'), ('euclidean', 'euclidean'), ('inner_product', 'inner product'), ('manhattan', 'Manhattan')], max_length=20)),
                ('images', models.PositiveIntegerField()),
                ('images_revision', models.BigIntegerField(help_text='Of its dataset when it was computed; another one now: stale.')),
                ('k', models.PositiveIntegerField(help_text='How many first neighbours the precisions look at.')),
                ('weighted_precision', models.FloatField(blank=True, help_text='Mean, 0 to 1.', null=True)),
                ('precision', models.FloatField(blank=True, help_text='Mean, 0 to 1.', null=True)),
                ('average_precision', models.FloatField(blank=True, help_text='Mean (mAP), 0 to 1.', null=True)),
                ('extract_ms', models.FloatField(blank=True, help_text='The network up to the layer, a picture.', null=True)),
                ('categories', models.JSONField(blank=True, default=list, help_text='Scores of each category.')),
                ('confusion', models.JSONField(blank=True, default=list, help_text='Categories of the first k neighbours.')),
                ('computed_at', models.DateTimeField(auto_now=True)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='experiments', to='gallery.dataset')),
                ('spec', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='experiments', to='search.featurespec')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('dataset', 'spec', 'metric'), name='one_experiment_per_dataset_spec_and_metric')],
            },
        ),
        migrations.CreateModel(
            name='Embedding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vector', models.BinaryField(help_text='float16, little endian, not centred, as the network gave it')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('dataset', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='embeddings', to='gallery.dataset')),
                ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='embeddings', to='gallery.image')),
                ('spec', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='embeddings', to='search.featurespec')),
            ],
            options={
                'indexes': [models.Index(fields=['dataset', 'spec', 'id', 'image'], name='embedding_of_index')],
                'constraints': [models.UniqueConstraint(fields=('image', 'spec'), name='one_embedding_per_image_and_spec')],
            },
        ),
        migrations.CreateModel(
            name='HiddenEmbedding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vector', models.BinaryField(help_text='As it stood in the embedding.')),
                ('image', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='hidden_embeddings', to='gallery.image')),
                ('spec', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='search.featurespec')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('image', 'spec'), name='one_hidden_embedding_per_image_and_spec')],
            },
        ),
        migrations.CreateModel(
            name='Projection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('method', models.CharField(choices=[('umap', 'UMAP'), ('tsne', 't-SNE'), ('pca', 'PCA')], max_length=10)),
                ('parameters', models.JSONField(help_text='Those that concern the method.')),
                ('digest', models.CharField(help_text='Of the parameters; databases differ in comparing JSON.', max_length=64)),
                ('file', models.FileField(max_length=200, upload_to=search.models.projection_path)),
                ('count', models.PositiveIntegerField()),
                ('fitted', models.PositiveIntegerField(help_text='Images the map was fitted on; the others were placed.')),
                ('images_revision', models.BigIntegerField(help_text='Of its dataset when it was computed; another one now: stale.')),
                ('trustworthiness', models.FloatField(help_text='0 to 1.')),
                ('neighbour_agreement', models.FloatField(help_text='0 to 1.')),
                ('separation', models.FloatField(blank=True, help_text='Of the categories; null without labels.', null=True)),
                ('weighted_separation', models.FloatField(blank=True, help_text='Times the trustworthiness.', null=True)),
                ('seconds', models.FloatField(help_text='To lay it out and to judge it.')),
                ('computed_at', models.DateTimeField(auto_now=True)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='projections', to='gallery.dataset')),
                ('spec', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='projections', to='search.featurespec')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('dataset', 'spec', 'method', 'digest'), name='one_projection_per_dataset_spec_method_and_parameters')],
            },
        ),
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
        migrations.CreateModel(
            name='SearchIndex',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('live', models.BooleanField(default=False, help_text='Answers live searches of its dataset.')),
                ('revision', models.PositiveBigIntegerField(default=0, help_text='Grows with every change of its embeddings.')),
                ('embeddings', models.PositiveBigIntegerField(default=0, editable=False, help_text='How many there are; the database counts them itself.')),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='indexes', to='gallery.dataset')),
                ('spec', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='indexes', to='search.featurespec')),
            ],
            options={
                'verbose_name_plural': 'search indexes',
                'constraints': [models.UniqueConstraint(fields=('dataset', 'spec'), name='one_index_per_dataset_and_spec'), models.UniqueConstraint(condition=models.Q(('live', True)), fields=('dataset',), name='one_live_index_per_dataset')],
            },
        ),
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
        migrations.CreateModel(
            name='RemovedEmbedding',
            fields=[
                ('embedding_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('removed_at', models.DateTimeField(auto_now_add=True)),
                ('index', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='removed', to='search.searchindex')),
            ],
        ),
        migrations.CreateModel(
            name='IndexBuild',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('building', 'building'), ('published', 'published'), ('failed', 'failed')], default='building', max_length=10)),
                ('generation', models.CharField(blank=True, max_length=100)),
                ('manifest', models.JSONField(blank=True, default=dict)),
                ('error', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('index', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='builds', to='search.searchindex')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Tuning',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('centre', models.BinaryField(help_text='float32, little endian, (d,): what is subtracted first.')),
                ('weights', models.BinaryField(help_text='float32, little endian, (d, categories).')),
                ('usual', models.FloatField(default=0.0, help_text='The greatest likeness from which on likenesses count in full; 0: always.')),
                ('categories', models.JSONField(help_text='Names of what is learned, in the order of the weights.')),
                ('labels', models.PositiveIntegerField(help_text='How many images it was learned from.')),
                ('labels_digest', models.CharField(help_text='Of the labels that it was learned from.', max_length=64)),
                ('images_revision', models.BigIntegerField(help_text='Of its dataset when its labels were these.')),
                ('seen_revision', models.BigIntegerField(default=0, help_text='Of its dataset when its labels were last looked at.')),
                ('figures', models.JSONField(help_text='What was measured, as search.tuned.figures has it.')),
                ('seconds', models.FloatField(help_text='To measure and to learn.')),
                ('learned_at', models.DateTimeField(auto_now_add=True)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tunings', to='search.featurespec')),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tunings', to='gallery.dataset')),
                ('spec', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tuning_row', to='search.featurespec')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='ExperimentQuery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('neighbours', models.BinaryField(help_text='Image ids, int64 little endian, nearest first.')),
                ('scores', models.BinaryField(help_text='float32 little endian, higher is nearer.')),
                ('weighted_precision', models.FloatField(blank=True, null=True)),
                ('precision', models.FloatField(blank=True, null=True)),
                ('average_precision', models.FloatField(blank=True, null=True)),
                ('experiment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='queries', to='search.experiment')),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='experiment_queries', to='gallery.image')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('experiment', 'image'), name='one_query_per_experiment_and_image')],
            },
        ),
        migrations.CreateModel(
            name='FeatureMatrix',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(max_length=200, upload_to=search.models.matrix_path)),
                ('count', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matrices', to='gallery.dataset')),
                ('spec', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='matrices', to='search.featurespec')),
            ],
            options={
                'indexes': [models.Index(fields=['dataset', 'spec', 'id'], name='matrix_of_features')],
            },
        ),
    ]
