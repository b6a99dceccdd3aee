"""Photos from near: any part of one at any scale, in the right colors, and how it was taken."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from alpacasorter.core.photos.closeup import Closeup
from alpacasorter.core.photos.decode import decode_closeup
from alpacasorter.core.photos.exif import Shot, read_shot
from tests.icc_profiles import DISPLAY_P3, rgb_profile
from tests.picture_files import can_write

LENS, EXPOSURE, F_NUMBER, FOCAL_LENGTH, ISO, WIDE_ISO = 0xA434, 0x829A, 0x829D, 0x920A, 0x8827, 0x8833


def shot_block(details: dict[int, object], place: dict[int, object] | None = None) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R6"
    exif.get_ifd(0x8769).update(details)
    if place is not None:
        exif.get_ifd(0x8825).update(place)
    return exif.tobytes()


def stored(picture: Image.Image, container: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    if container == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(buffer, **options)
    else:
        picture.save(buffer, container, **options)
    return buffer.getvalue()


def part(closeup: Closeup, box: tuple[float, float, float, float], size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, closeup.render(box, size))


def test_a_part_at_actual_size_has_the_very_pixels_of_the_photo() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)
    closeup = Closeup(Image.fromarray(pixels), 400, 300, Shot())
    shown = np.asarray(part(closeup, (37, 51, 137, 111), (100, 60)))
    assert (shown == pixels[51:111, 37:137]).all()


def test_a_part_of_a_photo_that_is_held_reduced_is_the_same_place() -> None:
    picture = Image.new("RGB", (200, 150), "red")
    picture.paste("blue", (100, 0, 200, 150))
    closeup = Closeup(picture, 400, 300, Shot())
    shown = part(closeup, (100, 0, 300, 100), (200, 100))
    assert shown.getpixel((90, 50)) == (255, 0, 0)
    assert shown.getpixel((110, 50)) == (0, 0, 255)


def test_a_large_photo_that_is_shown_small_looks_the_same() -> None:
    picture = Image.new("RGB", (5000, 3600), "red")
    picture.paste("blue", (2500, 0, 5000, 3600))
    shown = part(Closeup(picture, 5000, 3600, Shot()), (0, 0, 5000, 3600), (500, 360))
    assert shown.getpixel((245, 100)) == (255, 0, 0)
    assert shown.getpixel((254, 100)) == (0, 0, 255)


PAIRS = [st.tuples(each, each) for each in (st.floats(-100, 500), st.floats(0.001, 300), st.integers(1, 60))]


@given(*PAIRS)
def test_any_part_at_any_scale_can_be_rendered(
    corner: tuple[float, float], extent: tuple[float, float], size: tuple[int, int]
) -> None:
    closeup = Closeup(Image.new("RGB", (120, 80), "teal"), 240, 160, Shot())
    box = (*corner, corner[0] + extent[0], corner[1] + extent[1])
    assert closeup.render(box, size, blocks=True) == bytes((0, 128, 128)) * size[0] * size[1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_colors_are_those_of_the_profile_and_a_broken_one_is_ignored(kind: str) -> None:
    if kind == "HEIF" and not can_write("heic"):
        pytest.skip("this system can't write HEIC")
    picture, options = Image.new("RGB", (64, 48), (200, 30, 30)), {"quality": 95} if kind != "PNG" else {}
    colors = []
    for profile in (None, rgb_profile(DISPLAY_P3, description="Display P3"), b"no profile at all" * 20):
        picture.info = {} if profile is None else {"icc_profile": profile}
        closeup = decode_closeup(stored(picture, kind, **options, **picture.info), min_side=48)
        colors.append(part(closeup, (0, 0, 64, 48), (64, 48)).getpixel((30, 20)))
    plain, wide, broken = colors
    assert wide[0] > plain[0] + 10, "Display P3 has a redder red"
    assert np.abs(np.subtract(plain, broken)).max() <= 2


def test_orientation_and_size_are_those_of_the_upright_photo() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (400, 200)).save(buffer, "JPEG", exif=exif)
    closeup = decode_closeup(buffer.getvalue(), min_side=50)
    assert (closeup.width, closeup.height) == (200, 400)
    assert closeup.size == (50, 100)
    with pytest.raises(ValueError, match="min_side"):
        decode_closeup(buffer.getvalue(), min_side=0)


def test_what_the_header_says_about_the_exposure() -> None:
    north = {1: "N", 2: (48.0, 8.0, 14.5), 3: "W", 4: (11.0, 34.0, 31.2)}
    details = {
        LENS: "RF24-105mm  F4 L",
        EXPOSURE: IFDRational(1, 250),
        F_NUMBER: IFDRational(56, 10),
        ISO: 400,
        FOCAL_LENGTH: IFDRational(50),
    }
    shot = read_shot(shot_block(details, north))
    assert (shot.camera, shot.lens, shot.iso) == ("Canon EOS R6", "RF24-105mm F4 L", 400)
    assert shot.seconds == pytest.approx(1 / 250)
    assert shot.f_number == pytest.approx(5.6)
    assert shot.focal_length == pytest.approx(50)
    assert shot.place == pytest.approx((48.13736, -11.57533), abs=1e-4)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_every_container_tells_it(container: str) -> None:
    if container == "HEIF" and not can_write("heic"):
        pytest.skip("this system can't write HEIC")
    exif = shot_block({ISO: 800, EXPOSURE: IFDRational(1, 60)})
    shot = decode_closeup(stored(Image.new("RGB", (64, 48)), container, exif=exif), min_side=48).shot
    assert shot.camera == "Canon EOS R6"
    assert shot.iso == 800


def test_what_makes_no_sense_is_left_out() -> None:
    nowhere = {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}
    shot = read_shot(shot_block({EXPOSURE: IFDRational(0), LENS: "----", ISO: 0, F_NUMBER: IFDRational(0)}, nowhere))
    assert shot == Shot(camera="Canon EOS R6")
    wrong = {1: "X", 2: (48.0, 8.0, 14.5), 3: "E", 4: (11.0, 34.0, 31.2)}
    assert read_shot(shot_block({}, wrong)).place is None
    beyond = {1: "N", 2: (148.0, 8.0, 14.5), 3: "E", 4: (11.0, 34.0, 31.2)}
    assert read_shot(shot_block({}, beyond)).place is None
    assert read_shot(shot_block({ISO: 65535, WIDE_ISO: 102400})).iso == 102400
    assert read_shot(b"") == read_shot(b"II*\x00") == Shot()


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_broken_headers_raise_nothing(at: int, noise: bytes) -> None:
    details = {LENS: "A lens", EXPOSURE: IFDRational(1, 250), F_NUMBER: IFDRational(56, 10), ISO: 400}
    block = bytearray(shot_block(details, {1: "N", 2: (48.0, 8.0, 14.5), 3: "E", 4: (11.0, 34.0, 31.2)}))
    block[at : at + len(noise)] = noise
    read_shot(bytes(block))
    read_shot(bytes(block[:at]))


def test_a_denominator_of_zero_is_no_number() -> None:
    block = bytearray(shot_block({EXPOSURE: IFDRational(1, 250)}))
    place = bytes(block).index(struct.pack(">LL", 1, 250))
    block[place : place + 8] = struct.pack(">LL", 1, 0)
    assert read_shot(bytes(block)).seconds is None
