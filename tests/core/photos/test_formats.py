"""Telling pictures from other files by their first bytes."""

import pytest

from alpacasorter.core.photos import formats
from alpacasorter.core.photos.formats import describe_unsupported, sniff
from tests.picture_files import GOOD_KINDS, can_write, picture_bytes

CONTAINERS = {
    "jpeg": "JPEG",
    "rotated": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "tiff": "TIFF",
    "gif": "GIF",
    "bmp": "BMP",
}


@pytest.mark.parametrize("kind", GOOD_KINDS)
def test_every_good_picture_is_recognized(kind: str) -> None:
    if not can_write(kind):
        pytest.skip(f"no encoder for {kind} on this machine")
    expected = {"heic": "HEIF", "avif": "AVIF"}.get(kind) or CONTAINERS[kind.split("_")[0]]
    assert sniff(picture_bytes(kind)[: formats.SNIFF_BYTES]) == expected


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "AVIF"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "HEIF"),
        (b"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1avif", "HEIF"),  # the last brand lies outside the box
        (b"II+\x00\x08\x00\x00\x00", "TIFF"),
        (b"", None),
        (b"\xff\xd8", None),
        (b"BMW is a maker of cars", None),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", None),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", None),
    ],
)
def test_containers_that_are_easily_mixed_up(head: bytes, container: str | None) -> None:
    assert sniff(head) == container


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7", "pdf"),
        (b"\xff\x0a\x00\x10", "jpeg-xl"),
        (b"\x00\x00\x00\x18ftypqt  ", "video"),
        (b"\x00\x00\x00\x18ftypcrx ", "raw"),
        (b"Dear diary", None),
    ],
)
def test_other_kinds_are_named(head: bytes, kind: str | None) -> None:
    assert describe_unsupported(head) == kind


def test_no_extension_is_of_two_kinds() -> None:
    kinds = (
        formats.PICTURE_EXTENSIONS,
        formats.RAW_EXTENSIONS,
        formats.VIDEO_EXTENSIONS,
        formats.OTHER_EXTENSIONS,
    )
    assert len(frozenset().union(*kinds)) == sum(map(len, kinds))
    assert all(extension == extension.lower() for kind in kinds for extension in kind)
