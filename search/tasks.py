"""What beat asks for: indexes kept small to search, and everything compared with everything."""

from __future__ import annotations

from celery import shared_task

from gallery.system import outages
from gallery.system.home import disk_space


@shared_task(name="search.tasks.compact", acks_late=False)
def compact() -> None:
    """Queue a build of each live index that has changed enough."""
    from search.maintenance import schedule

    with outages.left_for_later():
        if not disk_space.is_low():
            schedule.compact()


@shared_task(name="search.tasks.tune", acks_late=False)
def tune() -> None:
    """Queue a tuning of each dataset that is searched tuned and whose labels are others now."""
    from search.experiments.tuning import tuning_jobs

    with outages.left_for_later():
        if not disk_space.is_low():
            tuning_jobs.enqueue_due()


@shared_task(name="search.tasks.tidy", acks_late=False)
def tidy() -> None:
    """Empty the bin and the uploads of what is due, and show images again whose file is back."""
    from search.maintenance import schedule

    schedule.tidy()


@shared_task(name="search.tasks.verify", acks_late=False)
def verify() -> None:
    """Queue a comparison of pictures, embeddings, indexes and files, unless something is at work on them."""
    from search.maintenance import schedule

    with outages.left_for_later():
        if not disk_space.is_low():
            schedule.enqueue_verification()


@shared_task(name="search.tasks.check_indexes", acks_late=False)
def check_indexes() -> None:
    """Look for damage in the indexes that serve, and have them built anew."""
    from search.indexing import inspection

    with outages.left_for_later():
        inspection.inspect()
