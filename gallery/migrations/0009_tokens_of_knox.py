"""Carries over the tokens that django-rest-knox kept, so that programs go on without a new one.

Its digests are SHA-512 of the token, as ours are. They had every right of their owner and no end, and stay so.
Its table goes: accounts could not be deleted while rows of an application that is gone refer to them.
"""

from django.apps.registry import Apps
from django.db import migrations, models

TABLE = 'knox_authtoken'


class KnoxToken(models.Model):
    digest = models.CharField(max_length=128, primary_key=True)
    token_key = models.CharField(max_length=25)
    user_id = models.IntegerField()
    created = models.DateTimeField()
    expiry = models.DateTimeField(null=True)

    class Meta:
        apps = Apps()
        app_label = 'knox'
        db_table = TABLE
        managed = False


def carry_over(apps, schema_editor):
    connection = schema_editor.connection
    if TABLE not in connection.introspection.table_names():
        return
    AccessToken = apps.get_model('gallery', 'AccessToken')
    for old in KnoxToken.objects.using(connection.alias).order_by('created'):
        token = AccessToken.objects.create(
            digest=old.digest,
            prefix=old.token_key[:12],
            owner_id=old.user_id,
            name='from before',
            scopes=['read', 'search', 'write', 'admin'],
            expires_at=old.expiry,
        )
        AccessToken.objects.filter(pk=token.pk).update(created_at=old.created)


def drop_table(apps, schema_editor):
    if TABLE in schema_editor.connection.introspection.table_names():
        schema_editor.delete_model(KnoxToken)


class Migration(migrations.Migration):
    dependencies = [
        ('gallery', '0008_access_tokens'),
    ]

    operations = [
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RunPython(drop_table, migrations.RunPython.noop),
    ]
