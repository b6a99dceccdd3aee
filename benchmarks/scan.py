"""Scan throughput on 12-megapixel JPEGs against the article's way, batched Keras and the lower bound, in one run."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import report, seconds_of, twelve_megapixel_jpegs

PHOTOS = 96
KERAS_PHOTOS = 24
ROUNDS = 3
SIDE = 224
"""Side length in pixels for the Keras variants; the bundled model has its own."""


def article(folder: Path) -> tuple[float, float]:
    """Return the milliseconds per photo of `predict` one by one, and of a dataset in batches of 32."""
    output = subprocess.run(
        [sys.executable, __file__, "--keras", str(folder)], capture_output=True, text=True, check=True
    ).stdout
    one, batched = output.split()[-2:]
    return float(one), float(batched)


def keras_main(folder: Path) -> None:
    """Measure Keras, in a separate process because of TensorFlow's threads and memory."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np

    base = keras.applications.MobileNetV2(input_shape=(SIDE, SIDE, 3), include_top=False, weights=None)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(inputs)
    x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    paths = sorted(folder.rglob("*.jpg"))[:KERAS_PHOTOS]

    def judge(path: Path) -> None:
        picture = keras.utils.load_img(path, target_size=(SIDE, SIDE), interpolation="bilinear")
        model.predict(keras.utils.img_to_array(picture)[np.newaxis], verbose=0)

    judge(paths[0])
    one = seconds_of(lambda: [judge(path) for path in paths]) / len(paths)
    dataset = keras.utils.image_dataset_from_directory(
        folder, labels=None, image_size=(SIDE, SIDE), batch_size=32, shuffle=False, verbose=False
    )
    count = len(list(folder.rglob("*.jpg")))
    model.predict(np.zeros((32, SIDE, SIDE, 3), np.float32), verbose=0)
    batched = seconds_of(lambda: model.predict(dataset, verbose=0)) / count
    print(1e3 * one, 1e3 * batched)


def bound(paths: list[Path]) -> tuple[float, float]:
    """Return the milliseconds per photo of decoding alone and of inference alone, on one thread."""
    from alpacasorter import paths as places
    from alpacasorter.core.photos.decode import decode, model_input
    from alpacasorter.core.photos.reading import read_photo
    from alpacasorter.ml.models.bundle import load_bundle
    from alpacasorter.ml.runtime.backbone import CpuBackbone
    from alpacasorter.ml.scan import DECODE_SIDE, THUMBNAIL_SIDE

    def prepare(path: Path) -> object:
        photo = decode(read_photo(path), min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE)
        return model_input(photo.pixels, side)

    bundle = load_bundle(places.bundled_model())
    side = bundle.input_size
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    pixels = model_input(decode(read_photo(paths[0]), min_side=DECODE_SIDE).pixels, side)
    backbone.embed(pixels)
    sample = paths[:24]
    decoding = seconds_of(lambda: [prepare(path) for path in sample]) / len(sample)
    inference = seconds_of(lambda: [backbone.embed(pixels) for _ in sample]) / len(sample)
    return 1e3 * decoding, 1e3 * inference


def ours(folder: Path, scratch: Path) -> tuple[float, int]:
    """Return the milliseconds per photo of a scan with an empty cache, and how many threads it used."""
    from alpacasorter import paths as places
    from alpacasorter.core.events import Finished
    from alpacasorter.core.session_paths import Places
    from alpacasorter.ml.engine import open_engine

    shutil.rmtree(scratch, ignore_errors=True)
    engine = open_engine(Places(places.bundled_model(), scratch / "data", scratch / "cache"), "cpu", trial_now=False)
    start = time.perf_counter()
    *_, finished = engine.session.scan(folder, recursive=True)
    seconds = time.perf_counter() - start
    assert isinstance(finished, Finished)
    assert finished.judged == finished.opened == PHOTOS
    threads = engine.session.device.threads
    engine.close()
    return 1e3 * seconds / PHOTOS, threads


def main() -> None:
    """Print everything. Each round measures the bound and then a scan; the median of the rounds counts.

    Keras runs between two halves of the rounds, so that a machine that slows down does not favor either side.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, scratch = Path(name) / "photos", Path(name) / "scratch"
        paths = twelve_megapixel_jpegs(folder / "photos", PHOTOS)
        rounds = [(*bound(paths), *ours(folder, scratch)) for _ in range(ROUNDS)]
        one, batched = article(folder)
        rounds += [(*bound(paths), *ours(folder, scratch)) for _ in range(ROUNDS)]
    decoding, inference, scan, threads = (statistics.median(column) for column in zip(*rounds, strict=True))
    share = statistics.median((d + i) / t / s for d, i, s, t in rounds)
    print(f"per photo: predict {one:.1f} ms, in batches {batched:.1f} ms")
    print(f"per photo on one thread: decoding {decoding:.1f} ms, inference {inference:.1f} ms")
    print(f"per scanned photo: {scan:.1f} ms on {threads:.0f} threads, {1e3 / scan:.0f} photos/s")
    report("scan against predict one by one", f"{one / scan:.1f} x", "at least 8 x", one / scan >= 8)
    report("scan against dataset + predict in batches", f"{batched / scan:.1f} x", "at least 3 x", batched / scan >= 3)
    report("scan against its bound", f"{share:.0%}", "at least 90%", share >= 0.9)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keras"]:
        keras_main(Path(sys.argv[2]))
    else:
        main()
