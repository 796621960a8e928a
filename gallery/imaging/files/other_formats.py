"""Names what is not read, by its first bytes: another format, a film, a document, a placeholder."""

from __future__ import annotations

import re

_SIGNATURES = (
    (b"\xff\x0a", "JPEG XL images are"),
    (b"\0\0\0\x0cJXL ", "JPEG XL images are"),
    (b"II\xbc", "JPEG XR images are"),
    (b"8BPS\0\2", "Photoshop's large documents (PSB) are"),
    (b"P7\n", "PAM images are"),
    (b"\x76\x2f\x31\x01", "OpenEXR images are"),
    (b"#?RADIANCE", "Radiance HDR images are"),
    (b"#?RGBE", "Radiance HDR images are"),
    (b"SIMPLE  =", "FITS images are"),
    (b"gimp xcf", "GIMP's own files (XCF) are"),
    (b"DDS ", "DDS textures are"),
    (b"\xabKTX", "KTX textures are"),
    (b"qoif", "QOI images are"),
    (b"FLIF", "FLIF images are"),
    (b"BPG\xfb", "BPG images are"),
    (b"\x01\xda", "SGI images are"),
    (b"\x59\xa6\x6a\x95", "Sun raster images are"),
    (b"AT&TFORM", "DjVu documents are"),
    (b"%PDF", "PDF documents are"),
    (b"%!PS", "PostScript drawings are"),
    (b"\xc5\xd0\xd3\xc6", "PostScript drawings are"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafiles are"),
    (b"\x1aE\xdf\xa3", "films are"),
    (b"\0\0\1\xba", "films are"),
    (b"\0\0\1\xb3", "films are"),
    (b"FLV\1", "films are"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 files are"),
    (b"CDF\1", "NetCDF files are"),
    (b"\x93NUMPY", "NumPy arrays are"),
)
# the target of a symbolic link, as text: one line that names a file
_LINK = re.compile(rb"(?:\.\.?/[^\0-\x1f]{1,1000}|[^\0-\x20]{1,1000})\.[A-Za-z0-9]{1,8}\r?\n?")
_PCX = b"\x0a"
# images by three of TGA's packings without a palette begin so, and cursors nearly so
_TGA = re.compile(rb"[^\0]?\0[\2\3\n]\0{5}.{8}[\x08\x10\x18\x20]", re.DOTALL)


def name_of(data: bytes) -> str | None:
    """Return what a file is that is not read, with the verb that goes with it; None where that is unknown."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "films are"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "films are"
    if data[128:132] == b"DICM":
        return "DICOM images are"
    if data[:1] == _PCX and data[1:2] in b"\0\2\3\4\5" and data[2:3] in b"\0\1" and len(data) > 128:
        return "PCX images are"
    if data[-18:-2] == b"TRUEVISION-XFILE" or _TGA.match(data):
        return "TGA images are"
    if data.startswith(b"\0\0\2\0"):
        return "Windows cursors are"
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_markup = start.startswith((b"<?xml", b"<!doctype", b"<!--"))
    if start.startswith(b"<svg") or (is_markup and b"<svg" in start):
        return "SVG drawings are"
    return None


def placeholder_of(data: bytes) -> str | None:
    """Return what stands in this file in place of an image, and what to do; None where that is unknown."""
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        return "this is only the pointer that Git LFS leaves for an image: run git lfs pull"
    if data.startswith(b"/annex/objects/"):
        return "this is only the pointer that git-annex leaves for an image: run git annex get"
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "this is a web page, as sites send in place of an image: download the image again"
    if _LINK.fullmatch(data):
        path = data.decode(errors="replace").strip()
        return (
            f"this only names another file ({path}), as links are kept where there are none: bring that one"
        )
    return None
