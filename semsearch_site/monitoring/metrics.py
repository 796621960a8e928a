"""Answers `/metrics`: what the processes of the site measure, and how things stand at this moment."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from gallery.errors import SemsearchError
from gallery.system.measuring import measures
from gallery.version import VERSION
from semsearch_site.monitoring import metrics_of_processes, metrics_of_rows

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

logger = logging.getLogger(__name__)


class Collector:
    """What prometheus_client asks for the metrics, once for each answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; what cannot be read just now is left out, and said to be."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        yield from _info()
        yield from measures.families()
        yield from metrics_of_processes.families(settings.METRICS_ROOT)
        yield _disk_free()
        unread = 0
        for families in metrics_of_rows.FAMILIES:
            try:
                yield from list(families())
            except (DatabaseError, InterfaceError, SemsearchError) as error:
                logger.debug("Not in the metrics: %s", error)
                unread += 1
                break  # the others would wait for the same database
        yield GaugeMetricFamily(
            "semsearch_metrics_incomplete",
            "1 while the database does not answer; what it knows is left out then.",
            unread,
        )


def _info() -> Iterator[Metric]:
    from prometheus_client.metrics_core import InfoMetricFamily

    yield InfoMetricFamily("semsearch", "The version that answers.", {"version": VERSION})


def _disk_free() -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    free = shutil.disk_usage(settings.SEMSEARCH_HOME).free
    return GaugeMetricFamily("semsearch_disk_free_bytes", "What is free where the state folder is.", free)


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Collector())
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")
