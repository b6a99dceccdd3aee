"""Pictures in rare forms, which other programs show; and what is said of those that can't be shown."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode
from tests.icc_profiles import DISPLAY_P3, rgb_profile
from tests.odd_pictures import (
    BMP_KINDS,
    SIZE,
    TIFF_KINDS,
    avif_with_alpha_of_no_size,
    bmp_of,
    corner_pixels,
    gray_pixels,
    png_gamma,
    png_primaries,
    png_with,
    tiff_of,
    with_wrong_sum,
)
from tests.picture_files import CORNERS, can_write, corner_colors, corner_picture, encode, noise_picture, png_chunk

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\..*")

GRAYS = [(76,) * 3, (150,) * 3, (29,) * 3, (226,) * 3]
P3_PLACES = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
SRGB_PLACES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


def reason_of(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        decode(data, min_side=256)
    return caught.value.reason


def assert_shown(data: bytes, *, gray: bool = False, within: int = 5) -> None:
    photo = decode(data, min_side=256, thumbnail_side=48)
    assert (photo.width, photo.height) == SIZE
    expected = GRAYS if gray else list(CORNERS)
    assert np.abs(np.subtract(corner_colors(photo.pixels), expected)).max() <= within


def flat(color: tuple[int, int, int] | int) -> Image.Image:
    return Image.new("L" if isinstance(color, int) else "RGB", (16, 16), color)


def color_of(data: bytes) -> list[int]:
    return [int(value) for value in decode(data, min_side=8).pixels[0, 0]]


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff(kind: str) -> None:
    assert_shown(TIFF_KINDS[kind](), gray=kind.startswith("gray"))


@pytest.mark.parametrize("kind", BMP_KINDS)
def test_bmp(kind: str) -> None:
    # Four bits a color make 17 steps of 255.
    assert_shown(BMP_KINDS[kind](), within=9)


def test_a_transparent_bmp_lies_on_white() -> None:
    masks = (0xFF, 0xFF0000, 0xFF00, 0xFF000000)
    pixels = b"\x00\x00\x00\x00" * 95 + b"\x00\x00\x00\xff"
    data = bmp_of(pixels * 64, bits=32, compression=3, header=124, masks=masks)
    assert decode(data, min_side=256).pixels[5, 5].tolist() == [255, 255, 255]
    assert decode(data, min_side=256).pixels[5, 95].tolist() == [0, 0, 0]


def test_a_delta_in_a_bmp_skips_pixels() -> None:
    palette = bytes((0, 0, 0, 0)) + bytes((255, 255, 255, 0))
    data = bmp_of(b"\x00\x02\x03\x02\x02\x01\x00\x01", bits=8, compression=1, palette=palette, size=(8, 8))
    shown = decode(data, min_side=8).pixels[:, :, 0] > 128
    assert np.argwhere(shown).tolist() == [[5, 3], [5, 4]]


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iCCP", b"odd\x00\x00" + zlib.compress(rgb_profile(DISPLAY_P3, description="P3"))),
        png_chunk(b"gAMA", struct.pack(">L", 100_000)),
        png_chunk(b"tEXt", b"Comment\x00hello"),
        png_chunk(b"tRNS", b"\x00\xff\x00\x00\x00\x00"),
        png_chunk(b"pHYs", bytes(9)),
        png_chunk(b"eXIf", b"MM"),
    ],
    ids=lambda chunk: chunk[4:8].decode(),
)
def test_a_png_with_a_wrong_sum_in_what_is_not_the_picture(chunk: bytes) -> None:
    assert_shown(png_with(with_wrong_sum(chunk)))


def test_a_png_with_a_wrong_sum_in_its_header_is_damaged() -> None:
    data = encode(corner_picture(SIZE), "PNG")
    assert reason_of(data[:16] + with_wrong_sum(data[16:33]) + data[33:]) == reasons.DAMAGED


def test_a_large_monitor_profile_is_used() -> None:
    profile = rgb_profile(DISPLAY_P3, description="P3")
    rng = np.random.default_rng(1)
    large = profile + rng.integers(0, 256, 2 << 20, np.uint8).tobytes()
    large = struct.pack(">L", len(large)) + large[4:]
    chunk = png_chunk(b"iCCP", b"monitor\x00\x00" + zlib.compress(large))
    assert color_of(png_with(chunk, image=flat((0, 200, 0)))) == color_of(
        encode(flat((0, 200, 0)), "PNG", icc_profile=profile)
    )


def test_long_texts_in_a_png_do_no_harm() -> None:
    packed = zlib.compress(b"x" * (70 << 20))
    texts = (
        png_chunk(b"zTXt", b"Comment\x00\x00" + packed),
        png_chunk(b"iTXt", b"Comment\x00\x01\x00\x00\x00" + packed),
        png_chunk(b"tEXt", b"Comment\x00" + b"x" * (3 << 20)),
    )
    assert_shown(png_with(*texts))


def test_the_gamma_of_a_png_is_applied_as_browsers_do() -> None:
    # Light of 55/255 is 128 in sRGB.
    assert color_of(png_with(png_gamma(1.0), image=flat((55, 55, 55)))) == pytest.approx([128] * 3, abs=2)
    assert color_of(png_with(png_gamma(1.0), image=flat(55))) == pytest.approx([128] * 3, abs=2)
    usual = flat((55, 100, 200))
    assert color_of(png_with(png_gamma(0.45455), image=usual)) == [55, 100, 200]
    assert color_of(png_with(png_gamma(0.45455), png_primaries(*SRGB_PLACES), image=usual)) == [55, 100, 200]
    # What says more comes first.
    assert color_of(png_with(png_chunk(b"sRGB", b"\x00"), png_gamma(1.0), image=usual)) == [55, 100, 200]


def test_the_primaries_of_a_png_are_applied() -> None:
    picture = flat((200, 120, 60))
    gamma = png_with(png_gamma(1 / 2.2), png_primaries(*P3_PLACES), image=picture)
    profile = encode(picture, "PNG", icc_profile=rgb_profile(DISPLAY_P3, description="P3"))
    assert color_of(gamma) == pytest.approx(color_of(profile), abs=3)


@pytest.mark.parametrize("gamma", [0.0, 0.00001, 40_000.0])
@pytest.mark.parametrize("places", [None, (0.0,) * 8, (0.3, 0.3) * 4])
def test_senseless_colors_are_ignored(gamma: float, places: tuple[float, ...] | None) -> None:
    chunks = [png_gamma(gamma)] + ([png_primaries(*places)] if places else [])
    assert color_of(png_with(*chunks, image=flat((55, 100, 200)))) == [55, 100, 200]


@pytest.mark.skipif(not can_write("avif"), reason="no AVIF encoder on this machine")
def test_an_avif_whose_alpha_has_no_size() -> None:
    data = avif_with_alpha_of_no_size()
    with pytest.raises(OSError, match="identify"):  # libavif refuses it
        Image.open(io.BytesIO(data)).load()
    assert_shown(data, within=8)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 3, 10, 100])
def test_a_jpeg_that_lacks_only_its_end_is_shown(progressive: bool, missing: int) -> None:
    picture = noise_picture((800, 600), 3)
    data = encode(picture, "JPEG", quality=92, progressive=progressive)
    whole, cut = (decode(part, min_side=600).pixels for part in (data, data[:-missing]))
    assert (whole != cut).any(axis=2).mean() < 0.02


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 5}]
)
def test_a_jpeg_that_lacks_more_is_not(options: dict[str, object]) -> None:
    picture = Image.fromarray(np.random.default_rng(2).integers(0, 256, (600, 800, 3), np.uint8))
    data = encode(picture, "JPEG", quality=92, **options)
    assert reason_of(data[: len(data) * 9 // 10]) == reasons.TRUNCATED


def _marked(data: bytes, marker: int) -> bytes:
    at = data.index(b"\xff\xc0")
    return data[: at + 1] + bytes((marker,)) + data[at + 2 :]


def test_what_is_not_supported_is_not_called_damaged() -> None:
    rgb = corner_pixels()
    jpeg = encode(corner_picture(SIZE), "JPEG")
    twelve = jpeg.index(b"\xff\xc0") + 4
    for data in (
        tiff_of(rgb, 2, compression=34_887),  # LERC
        tiff_of(rgb, 2, compression=52_546),  # JPEG XL
        tiff_of(rgb, 32_803),  # a raw sensor
        tiff_of(rgb[:, :, :1].astype(np.complex64).view(np.float32), 9),
        tiff_of(rgb, 2, more={258: (3, (5, 6, 5))}),
        bmp_of(bytes(96 * 64), bits=8, compression=3, header=64),  # Huffman
        bmp_of(bytes(96 * 64), bits=24, compression=4),
        _marked(jpeg, 0xC3),  # lossless
        jpeg[:twelve] + b"\x0c" + jpeg[twelve + 1 :],  # 12 bits
    ):
        assert reason_of(data) == reasons.UNKNOWN_KIND


def test_damage_is_called_damage() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 3000, np.uint8).tobytes()
    lzw = encode(corner_picture(SIZE), "TIFF", compression="tiff_lzw")
    deflate = tiff_of(corner_pixels(), 2, compression=8)
    for data in (lzw[:200] + noise, deflate[: len(deflate) * 2 // 3] + noise):
        assert reason_of(data) in (reasons.DAMAGED, reasons.TRUNCATED)


def test_c_libraries_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(5)
    picture = noise_picture((200, 150), 1)
    files = [
        encode(picture, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
    ]
    files += [encode(picture.convert("1"), "TIFF", compression=name) for name in ("group3", "group4", "tiff_ccitt")]
    files += [encode(picture, form) for form in ("JPEG", "PNG", "WEBP", "GIF")]
    files += [encode(picture, "AVIF")] if can_write("avif") else []
    reasons_seen = set()
    for data in files:
        for _ in range(20):
            damaged = bytearray(data)
            for place in rng.integers(len(data) // 3, len(data), 10):
                damaged[place] ^= int(rng.integers(1, 256))
            try:
                decode(bytes(damaged), min_side=64, thumbnail_side=64)
            except Unreadable as error:
                reasons_seen.add(error.reason)
    assert reasons_seen
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def packed(bits: int, samples: int, photometric: int, *, order: str = "<", compression: int = 1) -> bytes:
    """Return a TIFF of numbers that are not whole bytes."""
    colors = corner_pixels() if samples == 3 else gray_pixels()[:, :, None]
    shown = colors if photometric else 255 - colors
    numbers = np.rint(shown.astype(np.float64) * ((1 << bits) - 1) / 255).astype(np.uint16)
    each = numbers[..., None] >> np.arange(bits, dtype=np.uint16)[::-1] & 1
    rows = np.packbits(each.reshape(SIZE[1], -1).astype(np.uint8), axis=1)
    more = {256: (3, (SIZE[0],)), 258: (3, (bits,) * samples), 277: (3, (samples,)), 339: (3, (1,) * samples)}
    return tiff_of(rows, photometric, order=order, compression=compression, more=more)


@pytest.mark.parametrize("bits", [5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize(("samples", "photometric"), [(1, 0), (1, 1), (3, 2)])
@pytest.mark.parametrize(("order", "compression"), [("<", 1), (">", 1), ("<", 8)])
def test_numbers_that_are_not_whole_bytes(
    bits: int, samples: int, photometric: int, order: str, compression: int
) -> None:
    data = packed(bits, samples, photometric, order=order, compression=compression)
    assert_shown(data, gray=samples == 1, within=9)


@pytest.mark.parametrize(
    ("compression", "more"),
    [
        (34_887, {}),  # LERC
        (1, {266: (3, (2,))}),  # the lowest bit first
        (8, {317: (3, (2,))}),  # differences
        (1, {339: (3, (2,))}),  # signed
        (7, {}),  # JPEG
    ],
)
def test_numbers_of_twelve_bits_that_cannot_be_read_are_not_shown_black(
    compression: int, more: dict[int, tuple[int, tuple[int, ...]]]
) -> None:
    rows = np.zeros((SIZE[1], SIZE[0] * 12 // 8), np.uint8)
    size = {256: (3, (SIZE[0],)), 258: (3, (12,)), 277: (3, (1,)), 339: (3, (1,))}
    assert reason_of(tiff_of(rows, 1, compression=compression, more=size | more)) == reasons.UNKNOWN_KIND


@pytest.mark.parametrize("kind", [np.int8, np.int16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_short_numbers_with_a_sign_are_as_bright_whichever_end_is_white(
    kind: type[np.signedinteger], order: str
) -> None:
    full = int(np.iinfo(kind).max)
    values = np.rint(gray_pixels().astype(np.float64) * full / 255).astype(kind)
    assert_shown(tiff_of(values, 1, order=order), gray=True)
    assert_shown(tiff_of((full - values).astype(kind), 0, order=order), gray=True)
