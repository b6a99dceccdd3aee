"""Converts pixels of every kind a file may hold to 8-bit sRGB.

In two steps, because the first must see the whole picture and the second is slow, so it gets the reduced one.
"""

from __future__ import annotations

import io
import threading
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# NOCACHE: otherwise LittleCMS keeps the last pixel in the transform, which several threads share here.
_FLAGS: Final = ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION
_PROFILE_SPACES: Final = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_EIGHT_BIT: Final = frozenset(("RGB", "RGBA", "L", "LA", "CMYK", "LAB"))
_PROFILES_KEPT: Final = 16
# The value of white in gray pictures of type f(loat) and i(nteger): the smallest of these that covers every value.
_FULL_SCALES: Final = {"f": (1.0, 255.0, 65535.0), "i": (255.0, 65535.0)}
_SMALLEST_RANGE: Final = 1e-30

_profile_lock: Final = threading.Lock()


def to_eight_bit(image: Image.Image, reduction: int = 1) -> Image.Image:
    """Return the picture as 8-bit RGB, RGBA, L, LA, CMYK or LAB, both sides divided by `reduction`.

    16-bit gray keeps its full range, floating-point and 32-bit gray are scaled to the range of their values, palettes
    are resolved, and a transparent color becomes an alpha channel.

    Raises:
        ValueError: Pillow can't convert this kind of pixel to RGB.
    """
    if image.mode in ("I", "F"):  # reduced first: the scaling takes several times the memory of the picture
        return Image.fromarray(_gray(np.asarray(_reduced(image, reduction))))
    return _reduced(_with_plain_channels(image), reduction)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an 8-bit picture as RGB in the sRGB color space, on white where it is transparent.

    Args:
        image: as `to_eight_bit` returns it.
        profile: the ICC profile in the file. A broken one, or one for another kind of pixel, is ignored.
    """
    if image.mode in ("RGBA", "LA"):
        image = _on_white(image)
    transform = None
    if image.mode == "LAB":
        transform = _lab_transform()
    elif profile:
        transform = _transform(profile, image.mode)
    if transform is not None:
        converted = ImageCms.applyTransform(image, transform)
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _with_plain_channels(image: Image.Image) -> Image.Image:
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGB", "L") and "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in _EIGHT_BIT:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray(_gray(np.asarray(image)))
    target = {"1": "L", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB")
    return image.convert(target)


def _reduced(image: Image.Image, reduction: int) -> Image.Image:
    return image.reduce(reduction) if reduction > 1 else image


def _gray(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale gray values to 8 bits: by the range of their type if that is clear, else by the range of the values.

    Args:
        values: uint16, int32 or float32 (height, width).
    """
    if values.dtype.kind == "u":
        return (values >> 8).astype(np.uint8, copy=False)
    # float32 is enough for 8 bits, at half the memory of float64.
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if low >= 0:
        low = 0.0
        high = next((scale for scale in _FULL_SCALES[values.dtype.kind] if high <= scale), high)
    numbers -= low
    numbers *= 255.0 / max(high - low, _SMALLEST_RANGE)
    return np.rint(numbers).clip(0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    opaque = image.mode.removesuffix("A")
    ground = Image.new(opaque, image.size, "white")
    ground.paste(image.convert(opaque), mask=image.getchannel("A"))
    return ground


@lru_cache(maxsize=_PROFILES_KEPT)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; None if none is needed or the profile is unusable.

    Cached: a folder of photos has a handful of profiles, and building a transform costs as much as using it.
    """
    try:
        with _profile_lock:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != _PROFILE_SPACES.get(mode):
                return None
            if mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
                return None
            return _build(source, mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    with _profile_lock:
        return _build(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=_FLAGS,
    )
