"""Tells which files are photos, by file extension and by first bytes. Imports no decoder."""

from __future__ import annotations

from typing import Final

SNIFF_BYTES: Final = 64
"""How many first bytes of a file `sniff` and `describe_unsupported` need."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# JPEG XL and JPEG 2000 can't be read, but they are photos: they must be shown with a reason, not be left out.
PICTURE_EXTENSIONS: Final = _words(
    "jpg jpeg jpe jfif jif mpo png apng webp tif tiff gif bmp dib heic heif heics heifs hif avif avifs jxl jp2 j2k"
)
RAW_EXTENSIONS: Final = _words(
    "3fr arw ari bay cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf ori pef raf raw "
    "rw2 rwl rwz sr2 srf srw x3f"
)
VIDEO_EXTENSIONS: Final = _words(
    "3g2 3gp asf avi braw f4v flv insv lrv m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf ogv rm vob webm wmv"
)
# Deliberately long: a file with one of these need not be opened.
OTHER_EXTENSIONS: Final = _words(
    "aae acr ai aif aiff apk app bak bat bin bib bz2 c cfg conf cpp crdownload css csv ctg ctl cube dat "
    "db dll dmg doc docx dop dxf ebook eml eps epub exe flac gpx gz h htm html icc icm ico icns ics idx "
    "ind indd ini ipynb iso jar java js json jsonl key kml kmz lnk log lrcat lrdata lrprev lua lut m3u "
    "m4a md mid mobi modd moff mp3 msi numbers odp ods odt ogg opus otf pages part partial pdf php pickle "
    "pkl plist pp3 ppt pptx ps psb psd pub py pyc rar rb rst rtf rs sh sidecar so sql sqlite sqlite3 srt "
    "svg svgz tar tex tgz thm tmp toml torrent ts ttf txt url vcf wav webloc wma woff woff2 xcf xls xlsx "
    "xml xmp xz yaml yml zip zst 7z on1 cos cop cot spd tflite npz npy h5 keras parquet"
)

_ISO_MEDIA: Final = b"ftyp"
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))
_HEIF_BRANDS: Final = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_BMP_HEADER_SIZES: Final = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
_UNSUPPORTED: Final = (
    (b"%PDF", "pdf"),
    (b"8BPS", "photoshop"),
    (b"\xff\x0a", "jpeg-xl"),
    (b"\x00\x00\x00\x0cJXL \r\n", "jpeg-xl"),
    (b"\x00\x00\x00\x0cjP  \r\n", "jpeg-2000"),
    (b"\xff\x4f\xff\x51", "jpeg-2000"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"PK\x03\x04", "zip"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"IIU\x00", "raw"),
    (b"<!DOCTYPE", "web-page"),
    (b"<html", "web-page"),
    (b"<svg", "svg"),
)


def sniff(head: bytes) -> str | None:
    """Return the picture container that a file begins with, or None for anything else.

    Args:
        head: the first bytes of the file, preferably `SNIFF_BYTES` of them.

    Returns:
        "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF" or "AVIF".
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    # The two letters alone would make a photo of any text that begins with "BM".
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if head[4:8] == _ISO_MEDIA:
        return _sniff_iso_media(head)
    return None


def describe_unsupported(head: bytes) -> str | None:
    """Return what a file is that `sniff` does not recognize, such as "video" (see `reasons.not_a_picture`), or None."""
    for signature, kind in _UNSUPPORTED:
        if head.startswith(signature):
            return kind
    if head[4:8] == _ISO_MEDIA:
        return "raw" if head[8:12] == b"crx " else "video"
    return None


def _sniff_iso_media(head: bytes) -> str | None:
    """Tell AVIF from HEIC by the major brand, or by the compatible brands if that is neither."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] in _AVIF_BRANDS:
        return "AVIF"
    if brands[0] not in _HEIF_BRANDS:
        return None
    if brands[0] in (b"mif1", b"msf1") and any(brand in _AVIF_BRANDS for brand in brands):
        return "AVIF"
    return "HEIF"
