"""Sends what is due by the schedule: in `celery beat`, or in a thread of the worker that `serve` starts.

Celery's own scheduler keeps its times in a shelve, which a full disk or a kill can break, gives up where a
message cannot be sent, and in a worker is a process that nobody starts anew.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from celery import beat, bootsteps
from django.utils import timezone

from gallery.jobs import broker
from gallery.system import outages

logger = logging.getLogger(__name__)

LOOKED_AT_EVERY_S = 1.0
AGAIN_AFTER_S = 1.0


class Scheduler(beat.Scheduler):
    """Keeps when each task was sent last in a small file, and sends it later where the broker is away."""

    # messages go by the connections of the application, which find the broker again by themselves
    producer: Any = None

    def __init__(self, app: Any, schedule_filename: str = "", **options: Any) -> None:
        self._path = Path(schedule_filename)
        self.stopping = threading.Event()
        super().__init__(app, **options)

    def setup_schedule(self) -> None:
        """Take the tasks from the settings, and from the file when each was sent last."""
        super().setup_schedule()
        # damaged, or of an earlier version: as if there were none
        with suppress(OSError, ValueError, AttributeError, TypeError):
            for name, at in json.loads(self._path.read_text()).items():
                if name in self.schedule:
                    sent = min(datetime.fromisoformat(at), timezone.now())
                    self.schedule[name].last_run_at = sent

    def sync(self) -> None:
        """Write the file; where that fails, as on a full disk, the next start only sends a task too soon."""
        sent = {name: str(entry.last_run_at) for name, entry in self.schedule.items()}
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            aside.write_text(json.dumps(sent))
            aside.replace(self._path)
        except OSError as error:
            logger.info("When tasks were sent last could not be kept: %s", error)
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send a task; while the broker is away, again and again."""
        while True:
            try:
                self.apply_async(entry, advance=False)
            except beat.SchedulingError as error:
                if not broker.is_away(error):
                    logger.error("The task %s could not be sent: %s", entry.name, error)
                    return
                outages.BROKER.began(error)
            else:
                outages.BROKER.ended()
                return
            if self.stopping.wait(AGAIN_AFTER_S):
                return


class ScheduleThread(bootsteps.StartStopStep):
    """The scheduler as a thread of a worker that is started with `--schedules`."""

    def __init__(self, parent: Any, schedules: bool = False, **options: Any) -> None:
        self.enabled = schedules
        self._ended = threading.Event()
        self._scheduler: Scheduler | None = None
        self._thread = threading.Thread(target=self._run, args=(parent.app,), daemon=True, name="schedule")
        super().__init__(parent, **options)

    def start(self, parent: Any) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """End, and keep when each task was sent last."""
        self._ended.set()
        if self._scheduler is not None:
            self._scheduler.stopping.set()
        self._thread.join(5.0)

    def _run(self, app: Any) -> None:
        path = app.conf.beat_schedule_filename
        while not self._ended.is_set():
            try:
                self._scheduler = Scheduler(app, path, max_interval=LOOKED_AT_EVERY_S)
                self._tick(self._scheduler)
            except Exception:  # nothing else would start it anew
                logger.exception("The schedule broke; it is begun again.")
                self._ended.wait(AGAIN_AFTER_S)

    def _tick(self, scheduler: Any) -> None:
        pause_s = 0.0
        while not self._ended.wait(pause_s):
            pause_s = scheduler.tick()
            if scheduler.should_sync():
                scheduler._do_sync()
        scheduler.close()
