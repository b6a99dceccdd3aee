"""The pictures of the self-test."""

import numpy as np
import pytest

from alpacasorter.cli.self_test.samples import FORMATS, SIZE, looks_right, sample
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.formats import sniff


@pytest.mark.parametrize("form", FORMATS)
def test_sample_is_what_it_says(form: str) -> None:
    assert sniff(sample(form)) == form
    pixels = decode(sample(form), min_side=min(SIZE)).pixels
    assert looks_right(pixels)
    assert not looks_right(np.ascontiguousarray(pixels[:, ::-1])), "mirrored"
    assert not looks_right(np.ascontiguousarray(pixels[..., ::-1])), "red for blue"


def test_there_is_one_of_each_format() -> None:
    assert set(FORMATS) == {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF"}
