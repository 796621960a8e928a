"""What was computed from the images as they are now has their revision; everything else stays out of date."""

import hashlib
from itertools import groupby
from operator import itemgetter

from django.db import migrations

READ_ROWS = 10_000


def signature(images):
    """Return what was kept so far of the images of a dataset, as it was written until now."""
    counts = []
    rows = images.order_by('category', 'pk').values_list('category', 'pk').iterator(chunk_size=READ_ROWS)
    for name, group in groupby(rows, key=itemgetter(0)):
        ids = [pk for _, pk in group]
        counts.append((name, len(ids), sum(ids), sum((pk % 1_000_003) ** 2 for pk in ids) % 2**62))
    return hashlib.sha256(repr(counts).encode()).hexdigest()


def carry_over(apps, schema_editor):
    using = schema_editor.connection.alias
    made = [apps.get_model('search', name).objects.using(using) for name in ('Experiment', 'Projection')]
    for dataset in apps.get_model('gallery', 'Dataset').objects.using(using).order_by('pk'):
        rows = [some for some in (model.filter(dataset=dataset) for model in made) if some.exists()]
        if rows:
            now = signature(apps.get_model('gallery', 'Image').objects.using(using).filter(dataset=dataset))
            for some in rows:
                some.filter(images_signature=now).update(images_revision=dataset.revision)


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0006_images_revision'),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
