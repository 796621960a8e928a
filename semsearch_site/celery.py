"""The Celery application; its settings are the `CELERY_*` names of `settings.py`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")

app = Celery("semsearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
