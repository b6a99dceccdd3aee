"""The numbers the backbone sees, pinned: a change here would make every bundle judge wrongly in silence."""

import io

import numpy as np
import pytest
from PIL import Image

from alpacasorter import paths
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.head import sigmoid
from alpacasorter.ml.runtime.backbone import CpuBackbone, scale_pixels


def picture(width: int, height: int) -> np.ndarray:
    """A picture with slopes, edges and fine detail in every channel."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    red = (x * 255) // max(width - 1, 1)
    green = ((x // 16 + y // 16) % 2) * 200 + 20
    blue = (x * x + 3 * y * y) % 256
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_scale_is_exactly_minus_one_to_one():
    scaled = scale_pixels(np.array([0, 51, 102, 255], dtype=np.uint8))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [-1.0, -0.6, -0.2, 1.0], atol=1e-7)
    assert (scaled[0], scaled[3]) == (-1.0, 1.0)


def test_every_value_scales_as_the_formula_says():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(scale_pixels(values), values / 127.5 - 1, atol=1e-7)


def test_scaling_leaves_its_input_alone():
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    scale_pixels(pixels)[:] = 5
    assert (pixels == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16])
def test_only_bytes_are_scaled(dtype):
    with pytest.raises(TypeError, match="uint8"):
        scale_pixels(np.zeros((2, 2, 3), dtype=dtype))


GOLDEN = {
    # (width, height): mean of each channel and the pixels at (0, 0), (10, 200), (112, 112), (223, 223)
    (224, 224): (
        (127.004, 120.0, 127.122),
        [[0, 20, 0], [228, 20, 108], [128, 20, 0], [255, 20, 4]],
    ),
    (640, 480): (
        (127.0, 120.013, 127.065),
        [[0, 20, 5], [228, 20, 125], [128, 178, 105], [254, 20, 159]],
    ),
    (300, 900): (
        (127.004, 119.983, 126.878),
        [[0, 20, 17], [228, 20, 71], [127, 220, 127], [255, 49, 118]],
    ),
    (2000, 1000): (
        (127.062, 119.994, 127.031),
        [[0, 20, 54], [228, 138, 154], [128, 184, 126], [254, 20, 127]],
    ),
    (37, 21): (
        (127.054, 112.926, 122.178),
        [[0, 20, 0], [230, 20, 41], [128, 220, 118], [255, 220, 192]],
    ),
}
GOLDEN_EMBEDDING = [0.0945, 1.3729, 0.0, 0.1514, 0.0003, 0.03, 0.0, 0.0]


@pytest.mark.parametrize("size", GOLDEN, ids=str)
def test_golden_model_inputs(size):
    means, samples = GOLDEN[size]
    found = model_input(decode(png(picture(*size)), min_side=256).pixels, 224)
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found.mean(axis=(0, 1)), means, atol=0.01)
    np.testing.assert_array_equal([found[0, 0], found[10, 200], found[112, 112], found[223, 223]], samples)


def test_the_whole_picture_is_seen():
    wide = np.zeros((256, 1024, 3), dtype=np.uint8)
    wide[:, :64] = 255
    wide[:, -64:] = 255
    found = model_input(decode(png(wide), min_side=256).pixels, 224)
    assert found[:, 0].min() > 250
    assert found[:, -1].min() > 250
    assert found[:, 112].max() == 0


@pytest.mark.model
def test_golden_embedding():
    """From the bytes of a file to the shipped backbone's answer."""
    bundle = load_bundle(paths.bundled_model())
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    pixels = model_input(decode(png(picture(640, 480)), min_side=256).pixels, bundle.input_size)
    found = backbone.embed(pixels)
    assert found.shape == (bundle.embedding_size,)
    np.testing.assert_allclose(found[:8], GOLDEN_EMBEDDING, atol=1e-3)
    shares, rest = bundle.head.activation_map(backbone.feature_map(pixels))
    assert shares.shape == (8, 8)
    assert sigmoid(shares.sum() + rest) == pytest.approx(bundle.head.probability(found[np.newaxis])[0], abs=1e-5)
