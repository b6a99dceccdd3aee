"""Class folders of generated pictures: positive ones are light blobs on green, the others dark stripes."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(positive: bool, seed: int, side: int = 96) -> Image.Image:
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    pixels = random.integers(0, 40, (side, side, 3))
    if positive:
        cx, cy, r = random.integers(side // 4, 3 * side // 4, 3)
        pixels[..., 1] += 100
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < (r / 2) ** 2] = (240, 230, 210)
    else:
        pixels[((x + y * random.uniform(0.2, 2)) // 8).astype(int) % 2 == 0] = (20, 40, 120)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def class_folders(root: Path, count: int = 12, *, start: int = 0, names: tuple[str, str] = ("other", "thing")) -> Path:
    for target, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(count):
            picture(bool(target), start + 2 * number + target).save(root / name / f"{name}_{number:02}.png")
    return root
