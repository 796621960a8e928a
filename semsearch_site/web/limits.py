"""How long and how large a request may be, and how many wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# addresses that take a file, as a form of several parts; whatever else is sent is a small form or JSON
_IMAGES = re.compile(r"/api/v1/(search|images|uploads)/$")
_ARCHIVES = re.compile(r"/api/v1/datasets/[^/]+/(upload|embeddings)/$|/admin/gallery/dataset/upload/$")


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes; each holds in one web process."""

    threads: int
    waiting: int  # requests that wait for a thread
    waiting_s: float
    connections: int
    header_s: float
    grace_s: float  # so long a slow client is waited for before its rate counts
    rate_bytes_s: int
    form_bytes: int
    image_bytes: int
    archive_bytes: int
    memory_bytes: int  # of all bodies that are held in memory
    disk_bytes: int  # of all bodies of strangers in temporary files
    folder: Path  # of those files
    logs_requests: bool = False


def takes_archive(path: str) -> bool:
    """Whether a file of `archive_bytes` may be sent to a path."""
    return _ARCHIVES.match(path) is not None


def most_bytes(path: str, content_type: str, limits: Limits) -> int:
    """Return how long the body of a request to a path may be; a file comes with the fields of its form."""
    if not content_type.lower().lstrip().startswith("multipart/"):
        return limits.form_bytes
    if takes_archive(path):
        return limits.archive_bytes + limits.form_bytes
    if _IMAGES.match(path):
        return limits.image_bytes + limits.form_bytes
    return limits.form_bytes


def configured() -> Limits:
    """Return what the settings say."""
    from django.conf import settings

    return Limits(
        threads=settings.WEB_THREADS,
        waiting=settings.WEB_QUEUE,
        waiting_s=settings.WEB_QUEUE_S,
        connections=settings.WEB_CONNECTIONS,
        header_s=settings.HEADER_TIMEOUT_S,
        grace_s=settings.SLOW_CLIENT_GRACE_S,
        rate_bytes_s=settings.SLOW_CLIENT_BYTES_S,
        form_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        image_bytes=settings.MAX_PICTURE_BYTES,
        archive_bytes=settings.MAX_ARCHIVE_BYTES,
        memory_bytes=settings.BODY_MEMORY_BYTES,
        disk_bytes=settings.BODY_DISK_BYTES,
        folder=settings.BODY_FOLDER,
        logs_requests=settings.ACCESS_LOG,
    )
