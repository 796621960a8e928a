"""Downloads weights of Keras Applications: resumed where it broke off, checked by Keras' own digests."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from gallery.errors import WeightsError
from search.extractors.networks.applications import Application

TIMEOUT_S = 30
BLOCK_BYTES = 1 << 20
PARTIAL_CONTENT, OUT_OF_RANGE = 206, 416
# MD5, as Keras publishes them in its source, `keras/src/applications/`; it has none of MobileNet's files
PUBLISHED_MD5 = {
    "efficientnetb0_notop.h5": "50bc09e76180e00e4465e1a485ddc09d",
    "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5": "30ee3e1110167f948a6b9946edeeb738",
    "xception_weights_tf_dim_ordering_tf_kernels_notop.h5": "b0042744bf5b25fce3cb969f33bebb97",
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5": "bcbd6486424b2319ff4ef7d526e38f63",
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5": "4d473c1dd8becc155b73f8504c6f6626",
    "efficientnetb5_notop.h5": "38879255a25d3c92d5e44e04ae6cec6f",
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5": "6d6bbae143d832006294945121d1f1fc",
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5": "253f8cb515780f3b799900260a226db6",
}

# is told how many bytes there are, and how many there will be; 0 while that is not known
Report = Callable[[int, int], None]


def download(application: Application, folder: Path, report: Report) -> Path:
    """Download the weights without the classifier into a folder; what an earlier attempt has is kept.

    Raises:
        WeightsError: it failed, with the reason; a file that is not what Keras published is removed.
    """
    name = application.files[0]
    target, partial = folder / name, folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("ab") as file:
            _lock(file, application)
            _fill(file, application.address + name, report)
        _require_published(partial, name)
        partial.replace(target)
    except HTTPError as error:
        raise WeightsError(f"The download of {name} was refused: {error.code} {error.reason}.") from error
    except URLError as error:
        raise WeightsError(f"The download of {name} failed: {_reason(error)}.") from error
    except OSError as error:
        words = error.strerror or str(error)
        raise WeightsError(f"The download of {name} broke off ({words}): run it again to go on.") from error
    return target


def _lock(file: IO[bytes], application: Application) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise WeightsError(f"{application.class_name} is being downloaded by another process.") from error


def _fill(file: IO[bytes], address: str, report: Report) -> None:
    """Append what is missing. Raises: OSError where the connection breaks before the end."""
    done = file.tell()
    asked = Request(address, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urlopen(asked, timeout=TIMEOUT_S)
    except HTTPError as error:
        if done and error.code == OUT_OF_RANGE:  # all of it is there already
            return
        raise
    with answer:
        if done and answer.status != PARTIAL_CONTENT:  # this server cannot go on: from the beginning
            file.truncate(done := 0)
        length = int(answer.headers.get("Content-Length") or 0)
        total = done + length if length else 0
        while block := answer.read(BLOCK_BYTES):
            file.write(block)
            done += len(block)
            report(done, total)
    if total and done < total:
        raise ConnectionError(f"{done} of {total} bytes came")


def _require_published(path: Path, name: str) -> None:
    """Remove a file that is another than Keras published, and say so. Raises: WeightsError."""
    published = PUBLISHED_MD5.get(name)
    if published is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != published:
        path.unlink()
        raise WeightsError(
            f"{name} is not the file that Keras published (its MD5 is {found}, not {published}): it was "
            "removed. Run the download again."
        )


def _reason(error: URLError) -> str:
    reason = error.reason
    return (reason.strerror or str(reason)) if isinstance(reason, OSError) else str(reason)
