"""Enters long-lived processes among those of the site, so that `/metrics` knows of them."""

from __future__ import annotations

import logging

from gallery.system.measuring import measures

logger = logging.getLogger(__name__)


def enlist(role: str) -> None:
    """Share what this process measures with the others of the site; where it cannot, it works without."""
    from django.conf import settings

    try:
        measures.share(settings.METRICS_ROOT, role)
    except OSError as error:
        logger.warning("This process (%s) is missing in the metrics: %s", role, error)


def forget_earlier() -> None:
    """Forget what processes of an earlier start have counted."""
    from django.conf import settings

    try:
        measures.clean(settings.METRICS_ROOT)
    except OSError as error:
        logger.warning("The metrics of earlier starts stay: %s", error)
