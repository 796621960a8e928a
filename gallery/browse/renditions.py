"""What pages show of an image in place of its file, where browsers cannot show that: a JPEG of it.

It is made when it is first asked for, and kept as other derived files are.
"""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from typing import IO

from django.core.files.storage import default_storage
from django.urls import reverse

from gallery.imaging import decoding, thumbnails
from gallery.imaging.limits import image_limits
from gallery.models import Image
from gallery.system.home import derived_files, media_folders
from gallery.system.storage import storage_errors

FOLDER = media_folders.RENDITIONS
SIDE = 1600  # pixels, of the long side
VERSION = 1  # raise when renditions come to look different: an address shows the same for good
NAME = f"{VERSION}.jpg"


def is_needless(format_name: str) -> bool:
    """Whether browsers show the files of a format themselves."""
    return decoding.in_browsers(format_name)


def address_of(pk: int) -> str:
    """Return the address of the rendition of an image."""
    return reverse("gallery:media", args=[f"{FOLDER}/{pk}/{NAME}"])


def open_rendition(path: str) -> IO[bytes]:
    """Return the rendition that an address names, and make it where it is not there.

    Raises: FileNotFoundError where there is no such image or file; NotAnImageError, TooLargeError, BusyError,
        StorageUnavailableError.
    """
    parts = PurePosixPath(path).parts
    if len(parts) != 3 or not parts[1].isdecimal() or len(parts[1]) > 18 or parts[2] != NAME:
        raise FileNotFoundError(path)
    image = Image.objects.filter(pk=int(parts[1])).first()
    if image is None or is_needless(image.format):
        raise FileNotFoundError(path)
    content = derived_files.read(path)
    if content is None:
        content = _made(image)
        derived_files.write(path, content, image, ".jpg")
    return io.BytesIO(content)


def _made(image: Image) -> bytes:
    with storage_errors(), default_storage.open(str(image.file.name)) as file:
        data = file.read()
    with decoding.held(data, image_limits(), shortest_side=1, longest_side=SIDE) as (_, rgb):
        return thumbnails.thumbnail(rgb, SIDE)
