"""Which names inside an archive or folder are safe, and which are those of images, side files or systems."""

from __future__ import annotations

import re
import unicodedata

# no file system takes longer names, and nobody finds his way through more folders
LONGEST_NAME = 4096
MOST_FOLDERS = 32
INSIDE = "an archive inside: import it by itself"

# kinds of files that are counted, and neither read as images nor listed as failures
SYSTEM = "hidden and system files"
SIDECARS = "side files of images"
VIDEOS = "videos and sounds"
DOCUMENTS = "documents and data"

_SYSTEM_NAMES = frozenset({
    "__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini",
    "zbthumbnail.info", "pspbrwse.jbf", "indexervolumeguid", "autorun.inf", "wpsettings.dat",
    "system volume information", "$recycle.bin", "recycler", "recycled", "found.000", "lost+found",
    "lost.dir", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp", "@sharebin",
    "network trash folder", "temporary items",
})  # fmt: skip
_SIDE_SUFFIXES = {
    SIDECARS: "xmp aae json jsonl xml thm dop pp3 on1 cos vrd arp rmd nksc comask lrtemplate pto",
    VIDEOS: "mov mp4 m4v avi mkv mts m2ts 3gp 3g2 webm wmv mpg mpeg lrv insv mp3 m4a wav aac ogg flac",
    DOCUMENTS: "txt md rst html htm css js pdf doc docx xls xlsx ods odt odp ppt pptx rtf csv tsv yaml yml "
    "toml cfg conf ini log url webloc lnk py ipynb r m sh bat db sqlite sqlite3 mat npy npz h5 hdf5 pkl "
    "pickle parquet arrow feather pt pth tfrecord lst names bib tex sha256 md5 sfv part crdownload "
    "torrent identifier",
}
_KIND_OF_SUFFIX = {suffix: kind for kind, names in _SIDE_SUFFIXES.items() for suffix in names.split()}
# files without a suffix that belong to a collection
_SIDE_NAMES = (
    "readme",
    "license",
    "licence",
    "copying",
    "notice",
    "authors",
    "changelog",
    "makefile",
    "manifest",
)
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_DRIVE = re.compile(r"[A-Za-z]:")


def is_archive(name: str) -> bool:
    """Whether a file name is that of an archive."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def is_hidden(part: str) -> bool:
    """Whether a file or folder of this name is hidden or put there by an operating system or a NAS."""
    return (part.startswith(".") and part != "..") or part.lower() in _SYSTEM_NAMES


def kind_left_out(name: str) -> str | None:
    """Return which kind of file this is that is no image and no failure, None for what may be an image.

    Only a suffix that no image has says so: "license-plate.jfif" is an image, as is "readme.JPE".
    """
    steps = parts(name)
    if any(is_hidden(step) for step in steps):
        return SYSTEM
    stem, dot, suffix = (steps[-1] if steps else "").lower().rpartition(".")
    if not dot:
        return DOCUMENTS if suffix.startswith(_SIDE_NAMES) else None
    return _KIND_OF_SUFFIX.get(suffix) if stem else None


def parts(name: str) -> tuple[str, ...]:
    """The folders and file of a name written with slashes, without empty steps."""
    return tuple(part for part in name.split("/") if part not in ("", "."))


def name_problem(name: str) -> str | None:
    """Why an entry of an archive cannot be read under its name, or None if it can."""
    if len(name) > LONGEST_NAME:
        return f"its name has more than {LONGEST_NAME:,} characters"
    steps = parts(name)
    if len(steps) > MOST_FOLDERS + 1:
        return f"it lies more than {MOST_FOLDERS} folders deep"
    if "\0" in name or not steps:
        return "not a usable file name"
    if name.startswith("/"):
        return "unsafe path: absolute"
    if _DRIVE.match(name):
        return "unsafe path: drive letter"
    if ".." in steps:
        return "unsafe path: leads out of the archive"
    if is_archive(steps[-1]):
        return INSIDE
    return None


def printable(name: str) -> str:
    """A name that can be stored and shown: no NUL, no bytes that are not UTF-8, accents as one character.

    macOS writes a letter and its accent as two characters, which look the same and are another label.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
