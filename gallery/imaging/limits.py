"""How large a picture may be and what decoding may take, as the settings say."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from gallery.imaging.decoding import ImageLimits

# Nobody waits for the images of a job: rather than be refused they wait for all that are before them.
PATIENCE_OF_JOBS_S = 900.0
MOST_WAITING_FOR_JOBS = 1000


def image_limits(*, of_a_job: bool = False) -> ImageLimits:
    """Return the configured limits of one picture; those of a job wait longer for room to be decoded."""
    limits = ImageLimits(
        max_bytes=settings.MAX_PICTURE_BYTES,
        max_pixels=settings.MAX_PICTURE_PIXELS,
        max_side=settings.MAX_PICTURE_SIDE,
        memory_bytes=settings.DECODE_MEMORY_MB * 2**20,
        wait_s=settings.DECODE_WAIT_S,
        decode_s=settings.DECODE_TIMEOUT_S,
    )
    return (
        replace(limits, wait_s=PATIENCE_OF_JOBS_S, most_waiting=MOST_WAITING_FOR_JOBS) if of_a_job else limits
    )
