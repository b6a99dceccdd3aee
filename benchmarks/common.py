"""Shared by the benchmarks: 12-megapixel images, timing, and printing."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import alpacasorter

if TYPE_CHECKING:
    from PIL import Image

assert alpacasorter  # Imported before NumPy, whose threads it configures; NumPy is only imported in functions here.

ROOT = Path(__file__).resolve().parent.parent
CAMERA = ROOT.parent / "shared" / "photos" / "camera"
TWELVE_MEGAPIXELS = (4000, 3000)
QUALITY = 90


def twelve_megapixel_jpegs(folder: Path, count: int) -> list[Path]:
    """Write `count` JPEGs of 4000 x 3000 pixels, no two with the same bytes, and return their paths.

    Made from camera originals if available, otherwise from noise that is as smooth as a photo.
    """
    from PIL import Image

    originals = sorted(CAMERA.glob("*.jpg"))[:8] if CAMERA.is_dir() else []
    pictures = [Image.open(path).convert("RGB").resize(TWELVE_MEGAPIXELS) for path in originals] or [
        _smooth_noise(seed) for seed in range(4)
    ]
    encoded = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
        encoded.append(buffer.getvalue())
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for n in range(count):
        path = folder / f"IMG_{n:05}.jpg"
        path.write_bytes(varied(encoded[n % len(encoded)], n))
        paths.append(path)
    return paths


def varied(jpeg: bytes, n: int) -> bytes:
    """Return a JPEG that is another picture for each number up to 2**28, although its pixels are the same."""
    # A table that no color uses.
    table = bytes(1 + (n >> 7 * place & 127) for place in range(4)) + bytes([1]) * 60
    return jpeg[:2] + b"\xff\xdb\x00\x43\x03" + table + jpeg[2:]


def _smooth_noise(seed: int) -> Image.Image:
    import numpy as np
    from PIL import Image

    coarse = np.random.default_rng(seed).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(TWELVE_MEGAPIXELS, Image.Resampling.BICUBIC)


def seconds_of(work: Callable[[], object]) -> float:
    """Return how many seconds `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def milliseconds_each(work: Callable[[int], object], count: int) -> list[float]:
    """Return how many milliseconds each of `count` calls takes."""
    return [1e3 * seconds_of(lambda n=n: work(n)) for n in range(count)]  # type: ignore[misc]


def quantiles(times: list[float]) -> tuple[float, float, float]:
    """Return median, 95th percentile and maximum."""
    ordered = sorted(times)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], ordered[-1]


def report(name: str, value: str, budget: str, met: bool | None) -> None:
    """Print one measurement next to its budget."""
    verdict = "" if met is None else ("met" if met else "MISSED")
    print(f"{name:<58} {value:>22}   {budget:<26} {verdict}", flush=True)
