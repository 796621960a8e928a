"""Work that the server does in the background."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from semsearch_client._async.sender import AsyncSender
from semsearch_client.archives import OnProgress, Progress
from semsearch_client.calls import Call
from semsearch_client.errors import JobFailed, JobTimeout
from semsearch_client.rows import FailedFile, JobFacts, Rows

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class AsyncJob:
    """A job of the server; `facts` are as of the last time that it was asked for."""

    def __init__(self, sender: AsyncSender, facts: JobFacts, on_progress: OnProgress | None = None) -> None:
        self._sender = sender
        self._on_progress = on_progress
        self.facts = facts

    def __repr__(self) -> str:
        return f"<job {self.id}: {self.facts.kind}, {self.facts.outcome}, {self.facts.percent} %>"

    @property
    def id(self) -> int:
        """Return its number."""
        return self.facts.id

    @property
    def state(self) -> str:
        """Return its state as of the last time: queued, running, succeeded, failed or cancelled."""
        return self.facts.state

    @property
    def result(self) -> dict[str, Any]:
        """Return what it came to: of an import how many `images`, `duplicates` and `failed`."""
        return self.facts.result

    async def refresh(self) -> AsyncJob:
        """Ask how far it is."""
        return await self._asked("jobs_retrieve")

    async def wait(
        self, timeout_s: float | None = None, *, on_progress: OnProgress | None = None, partly: bool = False
    ) -> AsyncJob:
        """Wait until it has ended; `on_progress` is called with a `Progress` whenever it has got on.

        With `partly` a job that could not use some of its files is one that succeeded.

        Raises:
            JobFailed: it failed, was cancelled, or could not use some files.
            JobTimeout: it goes on after `timeout_s` seconds.
        """
        tell = on_progress or self._on_progress
        until = None if timeout_s is None else time.monotonic() + timeout_s
        pause, last = FIRST_PAUSE_S, None
        while True:
            await self.refresh()
            now = Progress(self.facts.message or self.facts.state, self.facts.done, self.facts.total)
            if tell and now != last:
                tell(now)
            if not self.facts.active:
                break
            if until is not None and time.monotonic() + pause > until:
                raise JobTimeout(f"Job {self.id} goes on after {timeout_s} s.", code="timeout")
            # while something happens, it is worth to look again soon
            pause = FIRST_PAUSE_S if now != last else min(pause * 1.5, LONGEST_PAUSE_S)
            last = now
            await asyncio.sleep(pause)
        if self.facts.state == "succeeded" and (partly or not self.facts.failed):
            return self
        raise JobFailed(self.facts, await self.failed_files())

    async def failed_files(self) -> Rows[FailedFile]:
        """Return the files that it could not use, with reasons."""
        found = self._sender.rows(Call("jobs_failed_files_list", {"id": self.id}))
        return Rows([FailedFile.of(row) async for row in found], FailedFile)

    async def cancel(self) -> AsyncJob:
        """Stop it; what it has done stays."""
        return await self._asked("jobs_cancel_create")

    async def retry(self) -> AsyncJob:
        """Put it back into the queue after it failed or was cancelled."""
        return await self._asked("jobs_retry_create")

    async def _asked(self, operation: str) -> AsyncJob:
        self.facts = JobFacts.of(await self._sender.json(Call(operation, {"id": self.id})))
        return self
