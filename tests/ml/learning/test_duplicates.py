"""Copies of one picture are found whatever they are saved as, and different photos are not taken for copies."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.ml.learning.duplicates import fingerprint, in_both_classes, linked, same_pictures
from tests.training.pictures import picture

SIDE = 224


def print_of(data: bytes) -> np.ndarray:
    return fingerprint(model_input(decode(data, min_side=256).pixels, SIDE))


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_copies_share_a_group() -> None:
    pictures = [picture(n % 2 == 0, n, side=400) for n in range(4)]
    exif = Image.Exif()
    exif[0x0112] = 6
    copies = [
        saved(pictures[0]),
        saved(pictures[0], "JPEG", quality=40),
        saved(pictures[0].resize((300, 300)), "WEBP", quality=80),
        # Another flag, and turned back.
        saved(pictures[0].transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=exif),
    ]
    others = [saved(one) for one in pictures[1:]]
    groups = same_pictures(np.stack([print_of(data) for data in (*copies, *others)]))
    assert groups.tolist() == [0, 0, 0, 0, 1, 2, 3]


@pytest.mark.slow
def test_real_photos_saved_again(photos: Path) -> None:
    originals = [path.read_bytes() for path in sorted((photos / "article").rglob("*.jpg"))[:60]]
    again = []
    for number, data in enumerate(originals):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        image = image.resize((image.width * 2 // 3, image.height * 2 // 3)) if number % 2 else image
        again.append(saved(image, "JPEG", quality=30 + number))
    prints = np.stack([print_of(data) for data in (*originals, *again)])
    groups = same_pictures(prints)
    assert groups[: len(originals)].tolist() == groups[len(originals) :].tolist()
    known = len(set(originals))
    assert len(set(groups.tolist())) >= known - 2, "the data set has a few copies itself"


def test_chains_are_one_group_whatever_their_order() -> None:
    pairs = [np.array([[3, 4], [0, 1]]), np.array([[1, 4], [5, 5]])]
    assert linked(6, pairs).tolist() == linked(6, pairs[::-1]).tolist() == [0, 0, 1, 0, 0, 2]
    assert linked(0, []).tolist() == []


def test_pictures_in_both_classes() -> None:
    groups, targets = np.array([0, 1, 0, 2, 2, 1]), np.array([0, 0, 1, 0, 0, 1])
    assert [rows.tolist() for rows in in_both_classes(groups, targets)] == [[0, 2], [1, 5]]
    assert in_both_classes(groups[:2], targets[:2]) == []
