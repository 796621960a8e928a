"""Settings of the web server; `manage.py serve` starts it with them."""

from __future__ import annotations

import os
from typing import Any

from semsearch_site import env as environment
from semsearch_site import logs, site_address

_env = environment.reader()

bind = site_address.address(*site_address.listens_on(_env))
workers = _env.int("WEB_PROCESSES", 1)
worker_class = "semsearch_site.web.worker.FrontWorker"
timeout = 120
graceful_timeout = 5
keepalive = 75  # as a browser keeps a connection: pages ask for many small pictures
accesslog = None
logconfig_dict = logs.configured(environment.log_format(_env), _env.str("LOG_LEVEL", "INFO"))
control_socket_disable = True
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semsearch_site.settings")
# A thread that comes out of the network, or out of a decoder, waits so long at most for one that computes in
# Python: with Python's usual 5 ms the network stood still in the meantime.
SWITCH_AFTER_S = 0.001
GARBAGE_LOOKED_FOR_EVERY = 10_000  # objects made and not freed; a request makes a few thousand and frees them
# Whoever waits at a page waits no longer for the database: a job may. Settings that are given count.
for _name, _seconds in (("DATABASE_LOCK_S", "3"), ("DATABASE_STATEMENT_S", "2.5")):
    os.environ.setdefault(_name, _seconds)
# What a search asks of NumPy and FAISS takes less than it costs to wake their threads, each request thread
# would have its own, and all would compete with the network's. They read this when they are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def post_fork(server: Any, worker: Any) -> None:
    """Look for no garbage while a process loads the site: nothing of it is any."""
    import gc

    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Load network and indexes beside the first requests, in the process that will use them."""
    import gc
    import sys
    import threading

    from gallery.jobs import kinds
    from gallery.system.measuring import measures
    from semsearch_site import memory
    from semsearch_site.monitoring import readiness
    from semsearch_site.supervision import processes

    gc.freeze()
    gc.enable()
    memory.return_large_blocks()
    readiness.SERVING.set()
    readiness.LOADING.set()
    processes.enlist("web")
    measures.here().know_jobs(kinds.registered())
    sys.setswitchinterval(SWITCH_AFTER_S)
    threading.Thread(target=_warm, daemon=True, name="warm-up").start()
    threading.Thread(target=_keep_small, daemon=True, name="memory").start()


def _warm() -> None:
    from django.db import connection

    import semsearch_site.celery  # noqa: F401  # by which the first upload sends a message
    from gallery.system import outages
    from search.live import warmup
    from semsearch_site.monitoring import readiness

    try:
        outages.persistently(warmup.warm, lambda: False)
    finally:
        readiness.LOADING.clear()
        connection.close()
    keep_what_is_loaded()


def _keep_small() -> None:
    from django.db import connection

    from search.live import warmup
    from semsearch_site import memory

    def release() -> None:
        try:
            warmup.drop_unused()
        finally:
            connection.close()

    memory.keep_trimming(release)


def keep_what_is_loaded() -> None:
    """Look for garbage rarely, and never again among what is loaded by now: that took 0.4 ms a search."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_LOOKED_FOR_EVERY)
