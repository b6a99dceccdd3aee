"""The picture key stays when metadata changes, differs when the picture does, and survives any bytes."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest

from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key
from tests.metadata_writers import PROGRAMS, XMP, can_run, with_keyword, write_keyword
from tests.picture_files import GOOD_KINDS, can_write, make_picture, picture_bytes, png_chunk

KINDS = [kind for kind in GOOD_KINDS if kind != "bmp" and can_write(kind)]
CANT_BE_WRITTEN = {("exiv2", kind) for kind in ("gif", "gif_animated", "heic", "avif")}
SHARED = Path(__file__).parents[4] / "shared" / "photos" / "camera"


def key_of(data: bytes) -> str:
    return picture_key(data, content_key(data))


def is_whole(data: bytes) -> bool:
    return key_of(data) == content_key(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_keyword_does_not_change_the_picture(kind: str) -> None:
    data = picture_bytes(kind)
    tagged = with_keyword(data)

    assert key_of(tagged) == key_of(data)
    assert content_key(tagged) != content_key(data)
    assert not is_whole(data)
    before, after = decode(data, min_side=32), decode(tagged, min_side=32)
    assert (before.pixels == after.pixels).all()


@pytest.mark.parametrize("program", PROGRAMS)
def test_other_programs_do_not_change_the_picture(program: str, tmp_path: Path) -> None:
    if not can_run(program):
        pytest.skip(f"{program} is not installed")
    paths = {kind: tmp_path / kind for kind in KINDS if (program, kind) not in CANT_BE_WRITTEN}
    before = {kind: make_picture(path, kind=kind).read_bytes() for kind, path in paths.items()}

    for change in ("turn", "keyword", "strip"):
        # One call for all of them, because starting the program takes longer than its work.
        write_keyword(*paths.values(), by=program, change=change)
        for kind, path in paths.items():
            after = path.read_bytes()
            assert (change, kind) == ("turn", "rotated_8") or after != before[kind], (kind, change)
            assert key_of(after) == key_of(before[kind]), (kind, change)
            before[kind] = after


@pytest.mark.parametrize("kind", KINDS)
def test_other_pictures_have_other_keys(kind: str) -> None:
    first, second = picture_bytes(kind, seed=1), picture_bytes(kind, seed=2)

    assert key_of(first) != key_of(second)
    assert key_of(first) == key_of(picture_bytes(kind, seed=1))


def test_pictures_with_the_same_pixels_in_other_containers_differ() -> None:
    keys = [key_of(picture_bytes(kind)) for kind in ("jpeg", "jpeg_progressive", "png", "webp", "gif", "tiff_lzw")]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("kind", ["jpeg", "jpeg_progressive", "png", "webp", "tiff", "gif", "heic", "avif"])
def test_one_changed_byte_of_the_picture_is_seen(kind: str) -> None:
    if not can_write(kind):
        pytest.skip("this machine can't write it")
    data = bytearray(picture_bytes(kind, seed=3))
    key = key_of(bytes(data))
    at = {"tiff": 2000}.get(kind, len(data) - 200)
    data[at] ^= 0x10

    assert key_of(bytes(data)) != key


@pytest.mark.parametrize(
    "trailer",
    [
        b"\x00\x00\x0a\x0ajunk",
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(3000),
        b"SEFH" + bytes(64) + b"SEFT",
        picture_bytes("jpeg", seed=9),
        bytes(300_001) + picture_bytes("jpeg", seed=9),
    ],
    ids=["bytes", "video", "Samsung", "picture", "far picture"],
)
def test_what_follows_a_jpeg_is_not_its_picture(trailer: bytes) -> None:
    data = picture_bytes("jpeg", size=(1200, 900), seed=1)
    assert key_of(data + trailer) == key_of(data)


def test_an_end_marker_across_two_blocks_is_found() -> None:
    data = picture_bytes("jpeg", seed=1)
    head, end = data[:-2], data[-2:]
    for more in range(262_000, 262_300):
        # Zeros decode as something, and only the place of the marker matters here.
        shifted = head + bytes(more - len(head)) + end
        assert key_of(shifted + b"\xff\xd9after") == key_of(shifted)


def test_second_pictures_are_not_the_picture() -> None:
    assert key_of(picture_bytes("jpeg_of_two")) != key_of(picture_bytes("jpeg_of_two", seed=1))
    two = picture_bytes("jpeg_of_two")
    assert key_of(two[: two.index(b"\xff\xd9") + 2]) == key_of(two)
    assert key_of(picture_bytes("tiff_of_two")) == key_of(picture_bytes("tiff"))


def test_color_profiles_do_not_count_and_frames_do() -> None:
    from PIL import ImageCms

    from tests.picture_files import corner_picture, encode

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        plain, colored = (encode(corner_picture(), form, **more) for more in ({}, {"icc_profile": profile}))
        assert key_of(plain) == key_of(colored), form
    for still, animated in (("gif", "gif_animated"), ("png", "png_animated"), ("webp", "webp_animated")):
        assert key_of(picture_bytes(still)) != key_of(picture_bytes(animated))


def test_pixels_of_a_png_may_be_divided_into_other_chunks() -> None:
    data = picture_bytes("png", seed=5)
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">L", data, at)
    pixels = data[at + 8 : at + 8 + length]
    divided = b"".join(png_chunk(b"IDAT", pixels[n : n + 100]) for n in range(0, length, 100))

    assert key_of(data[:at] + divided + data[at + 12 + length :]) == key_of(data)


def test_what_is_unknown_or_damaged_counts_as_a_whole() -> None:
    assert is_whole(picture_bytes("bmp"))
    assert is_whole(b"")
    assert is_whole(b"no picture at all")
    for kind in ("png", "gif", "webp", "tiff"):
        assert is_whole(picture_bytes(kind)[:-20]), kind
    if can_write("heic"):
        heic = picture_bytes("heic")
        start = int.from_bytes(heic[:4], "big")
        length = int.from_bytes(heic[start : start + 4], "big")
        assert key_of(heic + b"maker's own") == key_of(heic)
        assert is_whole(heic + heic[start : start + length]), "nobody knows which of the two is meant"
    png = picture_bytes("png")
    assert is_whole(png[:33] + png_chunk(b"ABCD", b"must not be skipped") + png[33:])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the photos of real cameras are not here")
@pytest.mark.parametrize("program", PROGRAMS)
def test_photos_of_real_cameras(program: str, tmp_path: Path) -> None:
    if not can_run(program):
        pytest.skip(f"{program} is not installed")
    suffixes = (".jpg", ".heic") if program == "exiftool" else (".jpg",)
    paths = [path for path in sorted(SHARED.iterdir()) if path.suffix.lower() in suffixes]
    keys = {path.name: key_of(path.read_bytes()) for path in paths}
    for path in paths:
        data = path.read_bytes()
        assert not is_whole(data), path.name
        assert key_of(with_keyword(data)) == keys[path.name], path.name
        (tmp_path / path.name).write_bytes(data)
    write_keyword(*tmp_path.iterdir(), by=program)
    for path in paths:
        after = (tmp_path / path.name).read_bytes()
        assert after != path.read_bytes()
        assert key_of(after) == keys[path.name], path.name
    # The same picture with its EXIF in another place.
    assert keys.get("exif-at-eof.heic") == keys.get("IMG_2927.HEIC")


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_never_an_error(kind: str) -> None:
    chance = random.Random(kind)
    good = with_keyword(picture_bytes(kind, size=(32, 24)))
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.choice((1, 3, 30))):
            data[chance.randrange(len(data))] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
        del data[chance.choice((len(data), chance.randrange(len(data)))) :]
        assert len(key_of(bytes(data))) == 64


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">L", 8 + len(body)) + name + body


def _heif(*, items: int, extents: int, length: int, properties: int = 1) -> bytes:
    """Return a file whose tiles all lie on the same bytes."""
    ids = range(2, 2 + items)
    hdlr = _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    infos = b"".join(_box(b"infe", bytes([2, 0, 0, 0]), struct.pack(">HH", n, 0), b"hvc1\x00") for n in (1, *ids))
    extent = struct.pack(">LL", 100, length)
    entries = b"".join(struct.pack(">HHH", n, 0, extents) + extent * extents for n in (1, *ids))
    dimg = _box(b"dimg", struct.pack(">HH", 1, items), b"".join(struct.pack(">H", n) for n in ids))
    used = bytes([properties]) + b"\x01" * properties
    ipma = _box(
        b"ipma", bytes(4), struct.pack(">L", items + 1), b"".join(struct.pack(">H", n) + used for n in (1, *ids))
    )
    meta = _box(
        b"meta",
        bytes(4),
        hdlr,
        _box(b"pitm", bytes(4), b"\x00\x01"),
        _box(b"iinf", bytes(4), struct.pack(">H", items + 1), infos),
        _box(b"iloc", bytes(4), b"\x44\x00", struct.pack(">H", items + 1), entries),
        _box(b"iprp", _box(b"ipco", _box(b"hvcC", bytes(1 << 20))), ipma),
        _box(b"iref", bytes(4), dimg),
    )
    return _box(b"ftyp", b"heic\x00\x00\x00\x00heic") + meta + _box(b"mdat", bytes(length))


def _tiff(*entries: tuple[int, int, int, int], rest: bytes = b"") -> bytes:
    directory = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + directory + bytes(4) + rest


def hostile() -> dict[str, bytes]:
    small, gif = picture_bytes("jpeg"), b"GIF89a\x10\x00\x10\x00\x00\x00\x00"
    riff = b"RIFF" + struct.pack("<L", (32 << 20) + 4) + b"WEBP"
    strips = struct.pack("<L", 0) * (4 << 20)
    return {
        "JPEG of segments": small[:2] + b"\xff\xef\x00\x02" * (16 << 20) + small[2:],
        "JPEG of fillers": b"\xff\xd8" + b"\xff" * (64 << 20),
        "JPEG of zeros": b"\xff\xd8\xff\xe0" + bytes(64 << 20),
        "JPEG of tables": small[:2] + b"\xff\xdb\x00\x02" * (16 << 20) + small[2:],
        "JPEG without an end": small[:-2] + bytes(64 << 20),
        "PNG of chunks": b"\x89PNG\r\n\x1a\n" + png_chunk(b"tEXt", b"") * (2 << 20),
        "PNG of pixels": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", b"") * (2 << 20),
        "WebP of chunks": riff + b"ALPH\x00\x00\x00\x00" * (4 << 20),
        "GIF of comments": gif + b"\x21\xfe\x00" * (10 << 20),
        "GIF of bytes": gif + b"\x2c" + bytes(9) + b"\x02" + b"\x01" * (32 << 20),
        "GIF of zeros": gif + bytes(64 << 20),
        "HEIC of boxes": _box(b"ftyp", b"heic\x00\x00\x00\x00heic") + _box(b"free") * (4 << 20),
        "HEIC of tiles on each other": _heif(items=20_000, extents=1, length=1 << 20),
        "HEIC of extents": _heif(items=1, extents=60_000, length=1 << 20),
        "HEIC of properties": _heif(items=200, extents=1, length=2, properties=200),
        "TIFF of strips": _tiff((273, 4, 4 << 20, 38), (279, 4, 4 << 20, 38), rest=strips),
        "TIFF on itself": _tiff(
            (273, 4, 60_000, 38), (279, 4, 60_000, 38), rest=struct.pack("<L", 1 << 20) * (1 << 20)
        ),
        "TIFF of tags": _tiff(*((tag, 1, 1 << 16, 0) for tag in range(256, 340)), rest=bytes(1 << 20)),
    }


def test_no_file_takes_long() -> None:
    for name, data in hostile().items():
        started = time.process_time()
        assert len(picture_key(data, "0" * 64)) == 64
        assert time.process_time() - started < 1.0, name


def test_xmp_of_any_size_does_not_count() -> None:
    for kind in ("png", "webp", "tiff", "gif"):
        data = picture_bytes(kind)
        assert key_of(with_keyword(data, XMP + b" " * 300_000)) == key_of(data), kind
