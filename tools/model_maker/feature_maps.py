"""Runs the early layers of both networks once on many views of each photo; retraining reuses their output.

Retraining changes only the last blocks. The layers before them are most of the work of a training step and give the
same result every time, so their output is stored: float16, 48 kB a view for the model and 85 kB for its teacher. They
run on LiteRT, which needs a third of TensorFlow's time.

Views are other framings, angles and light than those of the photo. Unlike `alpacasorter.training.data.augment`, which
transforms a finished model input, they are cut from a larger picture, so that a closer framing shows more detail, and
they are made only once. Model and teacher see the same ones. Some are gray, and some much darker: black and brown
alpacas are few in the photos.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.runtime.backbone import SIGNATURE, scale_pixels
from alpacasorter.training.data.dataset import DatasetError
from alpacasorter.training.network.backbones import build_backbone, load_backbone
from alpacasorter.training.network.convert import convert_model
from tools.model_maker import efficientnet

STUDENT_LAYER: Final = "block_10_project_BN"
"""The last layer of MobileNetV2 that is not retrained: the next two blocks also work at a 16th of the resolution."""
TEACHER_LAYER: Final = "blocks.14.add"
"""The last layer of the teacher that is not retrained, at a 16th of the resolution."""

VIEWS: Final = 12
"""Of a photo: itself, its mirror image, and others."""
OF_UNLABELED: Final = (0, 2, 3, 6, 7, 8)
"""The views of a photo without a label."""
SMALL_VIEWS: Final = 4
FIRST_IN_OTHER_LIGHT: Final = 6
"""From this view on, the light is changed more."""

SOURCE_SIDE: Final = 512
"""Shorter side to which photos are decoded: twice a model input, for framings twice as close."""
CLOSE: Final = (0.5, 1.15)
"""Share of the picture's sides that a view shows; above 1, the remainder is filled by reflection."""
WIDE: Final = (0.8, 1.25)
"""The same for the small views that scenes are composed of."""

_STRETCH: Final = 0.12
_MAX_SHARE: Final = 1.25
_ROTATION: Final = 8.0
_SHEAR: Final = 0.06
_SHIFT: Final = 0.12
_LIGHT: Final = ((ImageEnhance.Brightness, 0.2), (ImageEnhance.Contrast, 0.2), (ImageEnhance.Color, 0.3))
_MIN_SIDE: Final = 8
_GRAY: Final = 0.10
_DARK: Final = (0.15, 1.3, 2.4)
_BRIGHT: Final = (0.10, 0.5, 0.8)
"""How often the exponent of the light is changed, and its range."""

_MADE_OF: Final = "made_of.txt"
_DONE: Final = "done"
_NETWORKS: Final = "networks"
_MAP: Final = "map"
_EMBEDDING: Final = "embedding"

Maps = npt.NDArray[np.float16]
Pixels = npt.NDArray[np.uint8]
Say = Callable[[str], None]


@dataclass(frozen=True)
class FeatureMaps:
    """The output of the early layers for all views of each photo, in files of a folder.

    Attributes:
        folder: has the files.
        side: width and height of the model's input, pixels.
        views: which views of each photo there are.
    """

    folder: Path
    side: int
    views: tuple[tuple[int, ...], ...]

    @property
    def student(self) -> Maps:
        """The maps of the model, float16 (n, VIEWS, h, w, c); those of views that there aren't are 0."""
        return self._open("mn")

    @property
    def small(self) -> Maps:
        """The maps of the model for views of half the size, float16 (n, SMALL_VIEWS, h / 2, w / 2, c)."""
        return self._open("small")

    @property
    def teacher(self) -> Maps:
        """The maps of the teacher, float16 (n, VIEWS, h, w, c)."""
        return self._open("lite")

    @property
    def embeddings(self) -> Maps:
        """The embeddings of the teacher as it is pretrained, float16 (n, VIEWS, c)."""
        return self._open("le")

    def _open(self, name: str) -> Maps:
        maps: Maps = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return maps


def compute_maps(
    names: Sequence[str],
    root: Path,
    few_views: npt.NDArray[np.bool_],
    *,
    side: int,
    backbone: str,
    teacher_wheel: Path,
    folder: Path,
    say: Say = lambda _text: None,
) -> FeatureMaps:
    """Return the maps of all photos; those that are in the folder already are not computed again.

    It takes 0.8 s a photo and core.

    Args:
        names: the photos, relative to root.
        root: their folder.
        few_views: which photos have only OF_UNLABELED, (n,).
        side: width and height of the model's input, pixels.
        backbone: the pretrained weights of the model, as for `load_backbone`.
        teacher_wheel: the package with the weights of the teacher.
        folder: where to keep them, about 2 MB a photo.
        say: called with a sentence now and then.

    Raises:
        DatasetError: a photo can't be read, or the folder is that of other photos or networks.
        WeightsError: the weights can't be read.
    """
    views = tuple(OF_UNLABELED if few else tuple(range(VIEWS)) for few in few_views)
    maps = FeatureMaps(folder, side, views)
    made_of = "\n".join([_fingerprint(backbone), _fingerprint(str(teacher_wheel)), str(side), *names])
    if (folder / _MADE_OF).is_file():
        if (folder / _MADE_OF).read_text(encoding="utf-8") != made_of:
            raise DatasetError(f"{folder} belongs to other photos or networks. Choose another folder, or remove it.")
    else:
        _create(folder, len(names), side, backbone, teacher_wheel)
        (folder / _MADE_OF).write_text(made_of, encoding="utf-8")
    missing = [row for row in range(len(names)) if not (folder / _DONE / str(row)).exists()]
    if missing:
        say(f"computing feature maps of {len(missing)} photos")
        jobs = [(row, str(root / names[row]), views[row]) for row in missing]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count() or 1, context, _prepare_process, (folder, side)) as pool:
            for place, _done in enumerate(pool.map(_run, jobs), 1):
                if place % 200 == 0:
                    say(f"{place} of {len(missing)} photos")
    return maps


def _fingerprint(network: str) -> str:
    """Return the hash of a file with weights, or the name of a network that is no file."""
    path = Path(network)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else network


def _create(folder: Path, count: int, side: int, backbone: str, teacher_wheel: Path) -> None:
    import keras

    # First, because it is the most likely to be refused.
    teacher = efficientnet.load(teacher_wheel)
    (folder / _DONE).mkdir(parents=True, exist_ok=True)
    (folder / _NETWORKS).mkdir(exist_ok=True)
    network = load_backbone("mobilenet_v2", backbone, side)
    half = build_backbone("mobilenet_v2", side // 2)
    half.set_weights(network.get_weights())
    shapes = {}
    for name, each in (("mn", network), ("small", half)):
        early = keras.Model(each.input, {_MAP: each.get_layer(STUDENT_LAYER).output})
        (folder / _NETWORKS / f"{name}.tflite").write_bytes(convert_model(early))
        shapes[name] = early.output[_MAP].shape[1:]
    pooled = keras.layers.GlobalAveragePooling2D()(teacher.output)
    both = keras.Model(teacher.input, {_MAP: teacher.get_layer(TEACHER_LAYER).output, _EMBEDDING: pooled})
    (folder / _NETWORKS / "lite.tflite").write_bytes(convert_model(both))
    _allocate(folder / "mn.npy", (count, VIEWS, *shapes["mn"]))
    _allocate(folder / "small.npy", (count, SMALL_VIEWS, *shapes["small"]))
    _allocate(folder / "lite.npy", (count, VIEWS, *both.output[_MAP].shape[1:]))
    _allocate(folder / "le.npy", (count, VIEWS, pooled.shape[-1]))


def _allocate(file: Path, shape: tuple[int, ...]) -> None:
    np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape).flush()


class _Process:
    """What a process needs for any photo: the networks, and the files."""

    def __init__(self, folder: Path, side: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._folder, self._side = folder, side
        self._interpreters = {
            name: Interpreter(model_path=str(folder / _NETWORKS / f"{name}.tflite"), num_threads=1)
            for name in ("mn", "small", "lite")
        }
        self._runners = {}
        for name, interpreter in self._interpreters.items():
            interpreter.allocate_tensors()
            self._runners[name] = interpreter.get_signature_runner(SIGNATURE)
        self._files = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in ("mn", "small", "lite", "le")}

    def run(self, row: int, path: str, views: tuple[int, ...]) -> None:
        try:
            pixels = decode(read_photo(Path(path)), min_side=SOURCE_SIDE).pixels
        except Unreadable as error:
            raise DatasetError(f"{Path(path).name} can't be read.") from error
        for number in views:
            for_student, for_teacher = _pictures(pixels, row, number, self._side)
            self._files["mn"][row, number] = self._runners["mn"](pixels=scale_pixels(for_student)[np.newaxis])[_MAP][0]
            scaled = ((for_teacher.astype(np.float32) - 127.0) / 128.0)[np.newaxis]
            taught = self._runners["lite"](pixels=scaled)
            self._files["lite"][row, number] = taught[_MAP][0]
            self._files["le"][row, number] = taught[_EMBEDDING][0]
        random = np.random.default_rng([row, 99])
        for number in range(SMALL_VIEWS):
            part = view(pixels, self._side // 2, random, WIDE)
            self._files["small"][row, number] = self._runners["small"](pixels=scale_pixels(part)[np.newaxis])[_MAP][0]
        (self._folder / _DONE / str(row)).touch()


def _pictures(pixels: Pixels, row: int, number: int, side: int) -> tuple[Pixels, Pixels]:
    """Return a view of a picture for the model and for the teacher."""
    if number < 2:
        both = model_input(pixels, side), model_input(pixels, efficientnet.SIDE)
        return both if number == 0 else (both[0][:, ::-1], both[1][:, ::-1])
    large = view(pixels, efficientnet.SIDE, np.random.default_rng([row, number]), CLOSE)
    if number >= FIRST_IN_OTHER_LIGHT:
        large = in_other_light(large, np.random.default_rng([row, number, 7]))
    smaller = Image.fromarray(large).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(smaller), large


_process: _Process | None = None


def _prepare_process(folder: Path, side: int) -> None:
    global _process
    _process = _Process(folder, side)


def _run(job: tuple[int, str, tuple[int, ...]]) -> None:
    assert _process is not None
    _process.run(*job)


def in_other_light(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Return a picture, uint8 (h, w, 3), that may be gray, much darker or brighter."""
    light: Any = pixels.astype(np.float32)
    if random.random() < _GRAY:
        light = np.repeat(light.mean(axis=2, keepdims=True), 3, axis=2)
    for often, least, most in (_DARK, _BRIGHT):
        if random.random() < often:
            light = 255.0 * (light / 255.0) ** random.uniform(least, most)
            break
    shown: Pixels = np.clip(light, 0, 255).astype(np.uint8)
    return shown


def view(pixels: Pixels, side: int, random: np.random.Generator, shares: tuple[float, float]) -> Pixels:
    """Return a view of a picture, uint8 (side, side, 3).

    Args:
        pixels: the picture, upright, uint8 (h, w, 3).
        side: width and height of the view, pixels.
        random: determines everything.
        shares: the smallest and the largest share of the picture's sides that the view shows.
    """
    share = random.uniform(*shares)
    stretch = np.exp(random.uniform(-_STRETCH, _STRETCH))
    width = max(_MIN_SIDE, round(side / min(share * stretch, _MAX_SHARE)))
    height = max(_MIN_SIDE, round(side / min(share / stretch, _MAX_SHARE)))
    # First reduced to the scale of the view, with anti-aliasing, which the affine transformation lacks.
    scaled = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    margin = side // 2
    mode = "reflect" if min(width, height) > margin else "edge"
    padded = np.pad(scaled, ((margin, margin), (margin, margin), (0, 0)), mode=mode)  # type: ignore[call-overload]
    center = np.array(
        [
            margin + length / 2 + random.uniform(-0.5, 0.5) * max(length - side, _SHIFT * side)
            for length in (width, height)
        ]
    )
    angle, shear = np.deg2rad(random.normal(0, _ROTATION)), random.normal(0, _SHEAR)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[mirror, shear], [0.0, 1.0]])
    shift = center - matrix @ np.array([side / 2, side / 2])
    seen = Image.fromarray(padded).transform(
        (side, side),
        Image.Transform.AFFINE,
        (matrix[0, 0], matrix[0, 1], shift[0], matrix[1, 0], matrix[1, 1], shift[1]),
        Image.Resampling.BILINEAR,
    )
    for enhance, most in _LIGHT:
        seen = enhance(seen).enhance(random.uniform(1 - most, 1 + most))
    return np.asarray(seen)
