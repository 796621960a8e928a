"""The file of a backup: a tar archive, its manifest as the last member, and a digest of all before it.

A tar tool reads it; what follows the archive's end is ignored by them. Every bit is covered: members by the
digests of the manifest, all else (headers, padding) by the digest at the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NotRequired, TypedDict

from gallery.errors import SemsearchError
from gallery.version import VERSION

FORMAT = 1
MANIFEST = "manifest.json"
TRAILER = b"semsearch backup sha256 "
TRAILER_BYTES = len(TRAILER) + 64 + 1
PIECE_BYTES = 2**20
OWNER_ONLY = 0o600


class BackupDamagedError(SemsearchError):
    """A backup is not what was written."""

    code = "backup_damaged"
    status = 422


class BackupExistsError(SemsearchError):
    """A backup would replace a file."""

    code = "backup_exists"
    status = 409


class BackupNewerError(SemsearchError):
    """A backup was made by a newer release."""

    code = "backup_newer"
    status = 409


class Member(TypedDict):
    """Size and digest of a member."""

    bytes: int
    sha256: str


class Vectors(TypedDict):
    """What restored vectors must be: how many numbers each has, and how many there are of a feature spec."""

    fingerprint: str
    dims: int
    count: int


class Manifest(TypedDict):
    """What a backup holds; `gone` are images that were deleted while it was written.

    Backups of before 0.2.0 do not say what made them.
    """

    format: int
    version: NotRequired[str]
    home_format: NotRequired[int]
    created_at: str
    database: str
    migrations: dict[str, list[str]]
    originals: bool
    derived: bool
    images: int
    embeddings: int
    vectors: list[Vectors]
    rows: dict[str, int]
    gone: list[int]
    members: NotRequired[dict[str, Member]]


class BundleWriter:
    """Writes a backup beside its name and gives it that name when it is whole.

    Raises: BackupExistsError.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise BackupExistsError(f"{path} exists already: choose another name or move it away.")
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        descriptor = os.open(self._part, os.O_CREAT | os.O_WRONLY, OWNER_ONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BackupExistsError(f"{path} is being written by another process.") from None
        # what a process has left that was killed
        os.truncate(descriptor, 0)
        self._file = _Hashed(os.fdopen(descriptor, "wb"))
        self._tar = tarfile.open(fileobj=self._file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._members: dict[str, Member] = {}

    def __enter__(self) -> BundleWriter:
        """Begin."""
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Leave nothing behind that is not whole."""
        if failed is not None:
            with suppress(OSError):  # what failed is told already
                self._tar.close()
            self._file.close()
            self._part.unlink(missing_ok=True)

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Add a member of so many bytes."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, OWNER_ONLY
        hashed = _HashedReader(content)
        self._tar.addfile(member, hashed)
        self._members[name] = {"bytes": size, "sha256": hashed.digest.hexdigest()}

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and the digest, and give the file its name."""
        content = json.dumps(manifest | {"members": self._members}, ensure_ascii=False).encode()
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mode = len(content), OWNER_ONLY
        self._tar.addfile(member, io.BytesIO(content))
        self._tar.close()
        digest = self._file.digest.hexdigest().encode()
        self._file.write(TRAILER + digest + b"\n")
        self._file.sync()
        self._part.rename(self._path)
        self._file.close()


def damage(path: Path) -> tuple[list[str], Manifest | None]:
    """Return the names of what is damaged in a backup, and its manifest where that is whole.

    Reads the whole file once. Raises: BackupDamagedError for what is no backup, BackupNewerError for one of a
    form that is not known; OSError.
    """
    with _hashed_for_reading(path) as file:
        found: dict[str, Member] = {}
        last, content, problem = "its beginning", b"", ""
        try:
            for last, member, content in _members(file):  # noqa: B007  # the last ones count
                found[last] = member
        except (tarfile.TarError, EOFError, ValueError, OSError) as error:
            problem = f" ({error})"
        file.read_rest()
        whole = file.matches_trailer()
    # where a header is damaged the archive seems to end there
    damaged = [f"the archive after {last}{problem}"] if problem or MANIFEST not in found else []
    manifest = _manifest(content) if MANIFEST in found else None
    if manifest is None:
        return damaged or [MANIFEST], None
    expected = manifest.get("members", {})
    damaged += [name for name, member in expected.items() if found.get(name) != member]
    damaged += [name for name in found if name not in expected and name != MANIFEST]
    if not whole and not damaged:
        damaged.append("what lies between the files of the archive, the manifest, or the end")
    return damaged, manifest


def each_member(path: Path, read: Callable[[str, IO[bytes]], None]) -> None:
    """Call `read` with every member but the manifest, in turn; only what was found undamaged is read so."""
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if member.name != MANIFEST and content is not None:
                read(member.name, content)


def _members(file: _Read) -> Iterator[tuple[str, Member, bytes]]:
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                raise tarfile.ReadError(f"{member.name} is no file")
            digest, count, kept = hashlib.sha256(), 0, io.BytesIO()
            while piece := content.read(PIECE_BYTES):
                digest.update(piece)
                count += len(piece)
                if member.name == MANIFEST:
                    kept.write(piece)
            yield member.name, {"bytes": count, "sha256": digest.hexdigest()}, kept.getvalue()


def _manifest(content: bytes) -> Manifest | None:
    try:
        found: Any = json.loads(content)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        return None
    if found["format"] > FORMAT:
        raise BackupNewerError(
            f"The backup was made by semsearch {found.get('version', 'of a newer release')}, and this is "
            f"{VERSION}, which does not know its form ({found['format']}): install that release first."
        )
    if found["format"] != FORMAT or not _has_its_kinds(found):
        return None
    manifest: Manifest = found  # type: ignore[assignment]  # its digest is compared before it is used
    return manifest


def _has_its_kinds(found: dict[str, Any]) -> bool:
    """Whether all that is read of a manifest later is of the kind that it is read as."""
    try:
        return (
            all(type(found[name]) is bool for name in ("originals", "derived"))
            and all(type(found[name]) is int for name in ("images", "embeddings"))
            and type(found.get("home_format", 0)) is int
            and isinstance(found["created_at"], str)
            and all(isinstance(names, list) for names in found["migrations"].values())
            and all(isinstance(name, str) for names in found["migrations"].values() for name in names)
            and all(type(count) is int for count in found["rows"].values())
            and all(type(number) is int for number in found["gone"])
            and all(
                isinstance(one["fingerprint"], str) and type(one["dims"]) is type(one["count"]) is int
                for one in found["vectors"]
            )
            and all(
                type(one["bytes"]) is int and isinstance(one["sha256"], str)
                for one in found["members"].values()
            )
        )
    except (KeyError, TypeError, AttributeError):
        return False


class _Hashed(io.RawIOBase):
    """A file whose written bytes are digested."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, piece: Any) -> int:
        self.digest.update(piece)
        return self._file.write(piece)

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        super().close()


class _HashedReader(io.RawIOBase):
    """What is read of a file, digested."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.digest.update(piece)
        return piece


class _Read(io.RawIOBase):
    """A backup that is read to its trailer, digested."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._left = path.stat().st_size - TRAILER_BYTES
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(piece)
        self._digest.update(piece)
        return piece

    def read_rest(self) -> None:
        """Read on where a damaged archive ended too early."""
        while self.read(PIECE_BYTES):
            pass

    def matches_trailer(self) -> bool:
        """Whether all before it has the digest that the trailer tells."""
        return self._file.read() == TRAILER + self._digest.hexdigest().encode() + b"\n"

    def close(self) -> None:
        self._file.close()
        super().close()


def _hashed_for_reading(path: Path) -> _Read:
    if path.stat().st_size <= TRAILER_BYTES:
        raise BackupDamagedError(f"{path} is no backup of semsearch: it is too short.")
    return _Read(path)
