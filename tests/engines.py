"""What tests of the engine share: the real bundle, folders of photos, and a quick stand-in for the backbone."""

from __future__ import annotations

import functools
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter import paths
from alpacasorter.core.events import Finished, Found, Judged, JudgedPhoto, Learned, Problems
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.engine import Session
from alpacasorter.ml.models.bundle import Bundle, Replay, load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.ml.runtime.device import Device
from alpacasorter.ml.scan import DECODE_SIDE
from tests.picture_files import picture_bytes

SIZE = 1280
CPU = Device("cpu", 2, 0.0, "for the test")


@functools.cache
def real_bundle() -> Bundle:
    """Return the shipped bundle."""
    return load_bundle(paths.bundled_model())


@functools.cache
def few_replayed() -> Bundle:
    """Return the shipped bundle with a tenth of its replay set: it learns the same way, in no time."""
    bundle = real_bundle()
    replay = bundle.replay
    return replace(
        bundle, replay=Replay(replay.embeddings[::10], replay.labels[::10], replay.weights[::10]), bundle_id="f" * 16
    )


@functools.cache
def real_backbone() -> CpuBackbone:
    """Return the shipped backbone on the CPU."""
    return CpuBackbone(real_bundle().backbone_path.read_bytes())


def quick_embed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return 1280 of the pixels: enough to tell photos apart, in no time."""
    return pixels[::7, ::7].reshape(-1)[:SIZE].astype(np.float32) / 255


def input_of(path: Path) -> npt.NDArray[np.uint8]:
    """Return the model input of a photo, made by the loader alone."""
    return model_input(decode(read_photo(path), min_side=DECODE_SIDE).pixels, real_bundle().input_size)


def places_in(folder: Path) -> Places:
    """Return places below a folder, with the shipped bundle."""
    return Places(paths.bundled_model(), folder / "data", folder / "cache")


def fill(folder: Path, count: int, *, size: tuple[int, int] = (320, 240), first: int = 0) -> list[Path]:
    """Make photos that all differ; return their paths in the order in which they are found."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for n in range(first, first + count):
        made.append(folder / f"photo{n}.jpg")
        made[-1].write_bytes(picture_bytes(seed=n, size=size))
    return made


def fill_fast(folder: Path, count: int, *, size: tuple[int, int] = (96, 64)) -> list[Path]:
    """Make very many photos that look alike but whose bytes, and so their content and picture keys, differ."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = picture_bytes(seed=1, size=size)
    made = [folder / f"photo{n}.jpg" for n in range(count)]
    for n, path in enumerate(made):
        path.write_bytes(varied(picture, n))
    return made


def varied(jpeg: bytes, n: int) -> bytes:
    """Return a JPEG that is another picture for each number up to 2**28, although its pixels are the same."""
    # A table that no color uses.
    table = bytes(1 + (n >> 7 * place & 127) for place in range(4)) + bytes([1]) * 60
    return jpeg[:2] + b"\xff\xdb\x00\x43\x03" + table + jpeg[2:]


class Opened:
    """A session with its library and its cache in a folder."""

    library_problem = ""

    def __init__(self, folder: Path, *, bundle: Bundle | None = None) -> None:
        self.library = Library.open(folder / "data" / "library.sqlite")
        self.cache = Cache.open(folder / "cache" / "cache.sqlite")
        self.session = Session(bundle=bundle or real_bundle(), library=self.library, cache=self.cache, device=CPU)

    def close(self) -> None:
        self.library.close()
        self.cache.close()


@contextmanager
def opened_session(folder: Path, *, bundle: Bundle | None = None) -> Iterator[Opened]:
    """Open a session, close it in the end."""
    opened = Opened(folder, bundle=bundle)
    try:
        yield opened
    finally:
        opened.close()


class Outcome:
    """What a window would know after the events of a scan."""

    def __init__(self, events: Iterable[object]) -> None:
        self.events = list(events)
        self.photos: dict[Path, JudgedPhoto] = {}
        self.found: list[Path] = []
        self.problems: dict[Path, str] = {}
        self.learned: list[Learned] = []
        for event in self.events:
            match event:
                case Found():
                    self.found += [file.path for file in event.files]
                case Judged():
                    self.photos |= {photo.path: photo for photo in event.photos}
                case Problems():
                    self.problems |= {problem.path: problem.reason for problem in event.problems}
                case Learned():
                    self.learned.append(event)

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last

    def probabilities(self) -> dict[str, float]:
        """Return the probability of each photo by content key, in the order of the keys.

        Not as they came: a scan finishes photos in another order each time, and tests pick some of them.
        """
        return dict(sorted((photo.content_key, photo.probability) for photo in self.photos.values()))


def by_key(learned: Learned) -> dict[str, float]:
    """Return the probability of each photo by content key."""
    return dict(zip(learned.keys, learned.probabilities.tolist(), strict=True))


def stand_in_for_python(path: Path, body: str) -> Path:
    """Write a program that is started in the place of Python for the GPU's trial, whose report is sys.argv[-1]."""
    if os.name != "posix":
        pytest.skip("a script is a program on POSIX systems only")
    path.write_text(f"#!{sys.executable}\nimport os, sys, time, pathlib\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def is_running(pid: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_python(script: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a process of its own."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, env=os.environ | variables
    )
