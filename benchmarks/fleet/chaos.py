"""Kills workers, Redis and the web server at random moments of a run, and looks at what came of it."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from benchmarks.fleet.fleet import Fleet, copied, manage, prepared
from benchmarks.fleet.servers import Servers
from benchmarks.jpegs import SMALL, jpegs

COUNT = 4000
KILLS = 5
WORKERS = 4
SEED = 7
# whoever watches a service starts it again after about this time
RESTART_AFTER_S = 1.0
# the rest is there before the run begins; a quarter comes in zips while it goes on
UPLOADS = 4
MOST_TIMES = 1.5
WITHIN_S = 900.0


@dataclass
class Downtime:
    """When each part was killed, and how long the parts were down in all."""

    kills: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How large the run is and how often each part is killed."""

    count: int = COUNT
    kills: int = KILLS
    workers: int = WORKERS
    seed: int = SEED


def chaos(count: int = COUNT) -> dict[str, Any]:
    """Measure a run that nobody disturbs, then the same one with kills; raises when anything is lost."""
    return compared(Plan(count=count), settings.CACHE_ROOT)


def compared(plan: Plan, cache: Path) -> dict[str, Any]:
    """Make both runs of a plan and return what they took and left behind."""
    images = jpegs(plan.count, cache, SMALL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = Servers(keep_queue=True)
        servers.start()
        try:
            archives = _archives(images[: plan.count // 4], folder)
            rest = _laid_out(images[plan.count // 4 :], folder / "rest")
            token = prepared(folder / "source", servers, cache, rest)

            def run(name: str, disturb: Callable[[Fleet, threading.Event], Downtime] | None) -> _Outcome:
                home = copied(folder / "source", folder / name, servers)
                return _run(home, servers, plan, _Uploads(archives, token), disturb)

            calm = run("calm", None)
            wild = run("wild", lambda fleet, stop: _disturb(fleet, stop, plan, calm.seconds))
        finally:
            servers.stop()
    limit = MOST_TIMES * calm.seconds + wild.down.seconds
    return {
        "images": plan.count,
        "workers": plan.workers,
        "seconds": round(wild.seconds, 1),
        "undisturbed_seconds": round(calm.seconds, 1),
        "down_seconds": round(wild.down.seconds, 1),
        "limit_seconds": round(limit, 1),
        "within_limit": wild.seconds <= limit,
        "kills": {
            part: sum(1 for _, name in wild.down.kills if name.startswith(part))
            for part in ("worker", "redis", "web server")
        },
        "seed": plan.seed,
        **wild.report,
    }


@dataclass(frozen=True)
class _Uploads:
    archives: list[Path]
    token: str


@dataclass(frozen=True)
class _Outcome:
    seconds: float
    down: Downtime
    report: dict[str, Any]


def _run(
    home: Path,
    servers: Servers,
    plan: Plan,
    uploads: _Uploads,
    disturb: Callable[[Fleet, threading.Event], Downtime] | None,
) -> _Outcome:
    down, stop = Downtime(), threading.Event()
    with Fleet(home, servers, plan.workers) as fleet:
        began = time.monotonic()
        sender = threading.Thread(target=_upload, args=(fleet, uploads), daemon=True)
        sender.start()
        if disturb is not None:
            down = disturb(fleet, stop)
        sender.join(WITHIN_S)
        _wait(fleet, plan.count, began + WITHIN_S)
        seconds = time.monotonic() - began
    report = manage(home, servers, "verify", "--json")
    twice = fleet.rows("SELECT image_id FROM search_embedding GROUP BY image_id, spec_id HAVING count(*) > 1")
    states = fleet.rows("SELECT state, count(*) FROM gallery_job GROUP BY state ORDER BY state")
    found = {**report, "embedded_twice": len(twice), "jobs": dict(states)}
    exact = report["ok"] and report["images"] == report["embeddings"] == report["indexed"] == plan.count
    if not exact or twice or set(found["jobs"]) != {"succeeded"}:
        raise RuntimeError(f"The run left things wrong: {found}\n{fleet.log()}")
    return _Outcome(seconds, down, found)


def _upload(fleet: Fleet, uploads: _Uploads) -> None:
    for archive in uploads.archives:
        fleet.upload("pictures", archive, uploads.token)


def _wait(fleet: Fleet, count: int, deadline: float) -> None:
    """Wait until every picture is embedded and no job waits or runs."""
    while time.monotonic() < deadline:
        active = fleet.rows("SELECT count(*) FROM gallery_job WHERE state IN ('queued', 'running')")
        if active == [(0,)] and fleet.count("search_embedding") == fleet.count("gallery_image") == count:
            return
        time.sleep(0.1)
    jobs = fleet.rows("SELECT id, kind, state, done, total, message, error FROM gallery_job ORDER BY id")
    raise RuntimeError(f"Not done in time: {jobs}\n{fleet.log()}")


def _disturb(fleet: Fleet, stop: threading.Event, plan: Plan, calm_seconds: float) -> Downtime:
    """Kill each part some times, at seeded moments of a run that takes about so long undisturbed."""
    rng, down, began = random.Random(plan.seed), Downtime(), time.monotonic()
    parts = ["redis", "web server"] * plan.kills + [rng.choice(fleet.workers) for _ in range(plan.kills)]
    rng.shuffle(parts)
    moments = sorted(rng.uniform(0.03, 0.9) * calm_seconds for _ in parts)
    for moment, part in zip(moments, parts, strict=True):
        stop.wait(max(0.0, began + moment - time.monotonic()))
        killed = time.monotonic()
        fleet.servers.kill_redis() if part == "redis" else fleet.kill(part)
        stop.wait(RESTART_AFTER_S)
        fleet.servers.start_redis() if part == "redis" else fleet.start(part)
        down.kills.append((killed - began, part))
        down.seconds += time.monotonic() - killed
    return down


def _archives(images: Sequence[Path], folder: Path) -> list[Path]:
    """Return zips that hold some pictures each."""
    archives = []
    for number in range(UPLOADS):
        path = folder / f"{number}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for image in images[number::UPLOADS]:
                archive.write(image, f"{image.parent.name}/{image.name}")
        archives.append(path)
    return archives


def _laid_out(images: Sequence[Path], folder: Path) -> Path:
    """Return a folder with copies of pictures, as it is imported."""
    for image in images:
        target = folder / image.parent.name / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, target)
    return folder
