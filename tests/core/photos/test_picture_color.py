"""Colors as they should look: profiles, and pixels of more than 8 bits."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.picture import to_eight_bit
from tests.icc_profiles import DISPLAY_P3, GAMMA, SRGB, Primaries, cmyk_profile, gray_profile, rgb_profile
from tests.picture_files import encode

COLOUR = (200, 110, 60)


def shown(image: Image.Image, form: str = "PNG", **options: object) -> tuple[int, ...]:
    """Return the color of the first pixel as `decode` returns it."""
    return tuple(int(part) for part in decode(encode(image, form, **options), min_side=1).pixels[0, 0])


def in_srgb(color: tuple[int, int, int], primaries: Primaries) -> np.ndarray:
    """Convert a color by the textbook: power curve, matrix to XYZ, matrix to sRGB, curve of sRGB."""
    xyz = ((np.array(color) / 255) ** GAMMA) @ np.array(primaries)
    linear = np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return curved * 255


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_display_p3_becomes_srgb(form: str) -> None:
    profile = rgb_profile(DISPLAY_P3, description="Wide colors")
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    color = shown(Image.new("RGB", (16, 16), COLOUR), form, icc_profile=profile, **options)
    expected = in_srgb(COLOUR, DISPLAY_P3)
    assert np.abs(expected - COLOUR).max() > 8
    assert np.abs(np.subtract(color, expected)).max() <= 3


def test_transparency_is_laid_on_white_before_the_profile() -> None:
    profile = rgb_profile(DISPLAY_P3, description="Wide colors")
    assert np.abs(np.subtract(shown(Image.new("RGBA", (4, 4), (*COLOUR, 0)), icc_profile=profile), 255)).max() <= 1


def test_a_gray_profile_is_applied() -> None:
    assert shown(Image.new("L", (4, 4), 55), icc_profile=gray_profile())[0] == pytest.approx(128, abs=4)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_cmyk_profile_is_applied(form: str) -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    red, green, blue = shown(cyan, form, icc_profile=cmyk_profile())
    assert red > 180
    assert max(green, blue) < 80
    red, green, blue = shown(cyan, form)
    assert red < 40
    assert min(green, blue) > 180


def test_srgb_itself_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert shown(Image.new("RGB", (4, 4), COLOUR), icc_profile=profile) == COLOUR


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        rgb_profile(DISPLAY_P3, description="Cut short")[:200],
        cmyk_profile(),
        gray_profile(),
    ],
)
def test_a_profile_of_no_use_is_ignored(profile: bytes) -> None:
    assert shown(Image.new("RGB", (4, 4), COLOUR), icc_profile=profile) == COLOUR


def test_lab_pictures() -> None:
    lab = Image.frombytes("LAB", (1, 1), bytes((136, 80, 67)))  # red in the CIE's own colors
    red, green, blue = shown(lab, "TIFF")
    assert red > 230
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 200.0]], np.float32), [0, 128, 200]),
        (np.array([[-100.0, 0.0, 100.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.0, np.inf]], np.float32), [0, 0, 0]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
        (np.array([[0, 10**6, 5 * 10**6]], np.int32), [0, 51, 255]),
        (np.array([[7, 7, 7]], np.int32), [7, 7, 7]),
    ],
)
def test_grays_of_more_than_8_bits(values: np.ndarray, expected: list[int]) -> None:
    assert np.asarray(to_eight_bit(Image.fromarray(values))).ravel().tolist() == expected


def test_a_thin_alpha_edge_does_not_darken_when_reduced() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 64, 28))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    rows = decode(buffer.getvalue(), min_side=8).pixels[:, 0].tolist()
    assert all(red == 255 for red, _, _ in rows)
