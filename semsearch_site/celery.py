"""The Celery application; its settings are the `CELERY_*` names of `settings.py`."""

from __future__ import annotations

import gc
import logging
import os
from typing import Any

from celery import Celery, signals
from click import Option

from semsearch_site.supervision import processes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")
# a worker would load every page for the system checks and tell nobody what they found
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

app = Celery("semsearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["worker"].add(
    Option(("--schedules",), is_flag=True, help="Also send what is due, as `celery beat` does.")
)
# by its name: only a worker loads it
app.steps["worker"].add("semsearch_site.workers.schedule:ScheduleThread")


@signals.setup_logging.connect
def leave_the_log_to_the_settings(**_: Any) -> None:
    """Let Celery say what it says as everything else does; Django has set the log up by now, or will."""


@signals.celeryd_init.connect
def keep_what_is_loaded(**_: Any) -> None:
    """Look for no garbage among all that was loaded, which took a third of a second when a worker ended."""
    gc.freeze()


@signals.celeryd_init.connect
def enlist_worker(**_: Any) -> None:
    """Count this process among those of the site."""
    processes.enlist("worker")


@signals.beat_init.connect
@signals.beat_embedded_init.connect
def enlist_scheduler(**_: Any) -> None:
    """Count the process of beat, which may be one of a worker's own."""
    processes.enlist("scheduler")


@signals.celeryd_init.connect
def close_the_state_folder(**_: Any) -> None:
    """Keep others out of a state folder that an earlier version left open, and bring it up to date."""
    from django.conf import settings

    from gallery.system.home.home_folder import close_to_others

    close_to_others(settings.SEMSEARCH_HOME, settings.HOME_MODE, logging.getLogger(__name__).warning)
    _bring_home_up_to_date()


@signals.beat_init.connect
def _bring_home_up_to_date(**_: Any) -> None:
    import django

    django.setup()
    from semsearch_site import home

    home.up_to_date_or_exit()


@signals.celeryd_init.connect
def give_memory_back(**_: Any) -> None:
    """Let a worker that has nothing to do start anew; only workers load what that needs."""
    from semsearch_site.workers import worker_renewal  # noqa: F401
