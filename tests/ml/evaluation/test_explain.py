"""Why a photo has its prediction: where the map says so, that it adds up, and the photos that are alike."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.core.events import FILE_CHANGED, NO_EXACT_MAP, Explained
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.evaluation.explain import FULL, Explainer, activation_map
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.models.bundle import Bundle, Replay
from alpacasorter.ml.models.head import Calibration, Head, log_odds
from alpacasorter.ml.runtime.backbone import GPU_STOPPED, BackboneError
from alpacasorter.ml.scan import DECODE_SIDE, Opener
from tests.engines import opened_session, real_bundle
from tests.ml.bundles import make_bundle
from tests.picture_files import encode, picture_bytes, turned

SIDE, CELLS, CHANNELS = 224, 8, 64
RED, BLUE, GRAY = (220, 20, 20), (20, 20, 220), (90, 90, 90)


def colors_of_cells(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Stand in for a backbone: the mean color of each cell, and nothing in the other channels."""
    step = SIDE // CELLS
    found = np.zeros((CELLS, CELLS, CHANNELS), dtype=np.float32)
    found[:, :, :3] = pixels.reshape(CELLS, step, CELLS, step, 3).mean(axis=(1, 3)) / 255
    return found


def patch(size: tuple[int, int], at: tuple[float, float], color: tuple[int, int, int] = RED) -> Image.Image:
    """Return a gray picture with a colored patch of a fifth of its sides, `at` these shares of width and height."""
    image = Image.new("RGB", size, GRAY)
    width, height = size
    left, top = round(at[0] * width - width / 10), round(at[1] * height - height / 10)
    image.paste(color, (left, top, left + width // 5, top + height // 5))
    return image


class Broken:
    """A GPU that has stopped working."""

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise BackboneError(GPU_STOPPED)

    feature_map = embed


class Place:
    """A model that likes red and dislikes blue, with a library, a cache and photos that were judged."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.folder = folder / "photos"
        self.folder.mkdir()
        weights = np.zeros(CHANNELS)
        weights[0], weights[2] = 12.0, -12.0
        self.bundle = replace(bundle, head=Head(weights, -1.0, Calibration(0.9, 0.2)))
        self.labels = LabelSet(*bundle.class_names, bundle.display_names, bundle.threshold)
        self.library = Library.open(folder / "library.sqlite")
        self.cache = Cache.open(folder / "cache.sqlite")
        self.learning = PersonalHead(self.bundle, self.labels, self.library)
        self.looks = 0
        self.backbone: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]] = colors_of_cells
        self.explainer = self.explain_with(self.bundle)
        self.table = self.learning.open_folder()

    def explain_with(self, bundle: Bundle) -> Explainer:
        self.learning._bundle = bundle
        return Explainer(self.learning, self.cache, self._look)

    def _look(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.looks += 1
        return self.backbone(pixels)

    def add(self, name: str, data: bytes) -> tuple[Path, str]:
        """Put a photo there and judge it; return where it is and its content key."""
        path = self.folder / name
        path.write_bytes(data)
        opener = Opener(
            stopped=lambda: False,
            cache=self.cache,
            backbone_id=self.bundle.backbone_id,
            embedding_size=CHANNELS,
            embed=lambda pixels: self.backbone(pixels).mean(axis=(0, 1)),
            input_size=SIDE,
            threads=1,
        )
        ((embedded, _problems),) = [batch for batch in opener.run([PhotoFile(path, 1, 1)]) if batch[0].paths]
        (photo,) = self.learning.judge(embedded, self.table).photos
        return path, photo.content_key

    def explain(self, path: Path, key: str, pixels: npt.NDArray[np.uint8] | None = None) -> Explained:
        return self.explainer.explain(path, key, self.table.get(key), pixels)

    def label(self, key: str, label: str) -> None:
        self.learning.correct({key: label})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path, make_bundle(tmp_path / "model", input_size=SIDE))
    yield found
    found.library.close()
    found.cache.close()


def strongest(explained: Explained) -> tuple[int, int]:
    """Return column and row of the cell that speaks most for the positive class."""
    assert explained.map is not None
    row, column = np.unravel_index(np.argmax(explained.map.shares), (CELLS, CELLS))
    return int(column), int(row)


def assert_adds_up(explained: Explained) -> None:
    assert explained.map is not None
    total = sum(map(sum, explained.map.shares)) + explained.map.rest
    assert total == pytest.approx(log_odds(explained.probability), abs=0.01)


SHAPES = {
    "landscape": ((900, 600), (0.8, 0.2)),
    "portrait": ((600, 900), (0.3, 0.8)),
    "panorama": ((3000, 300), (0.9, 0.7)),
    "strip": ((300, 2400), (0.2, 0.1)),
}


@pytest.mark.parametrize(("size", "at"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_map_lies_over_the_photo_as_it_is_shown(
    place: Place, size: tuple[int, int], at: tuple[float, float], orientation: int
) -> None:
    shown = patch(size, at)
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = shown.transpose(turns[orientation]) if orientation in turns else shown
    path, key = place.add("one.jpg", turned(encode(stored, "JPEG"), orientation))
    explained = place.explain(path, key)
    assert explained.map is not None
    assert strongest(explained) == (int(at[0] * CELLS), int(at[1] * CELLS))
    points = np.frombuffer(explained.map.levels, np.uint8).reshape(explained.map.height, explained.map.width)
    row, column = np.unravel_index(points.argmax(), points.shape)
    assert column / points.shape[1] == pytest.approx(at[0], abs=0.1)
    assert row / points.shape[0] == pytest.approx(at[1], abs=0.1)
    assert_adds_up(explained)


def test_what_speaks_against_is_negative_and_the_rest_is_the_bias(place: Place) -> None:
    path, key = place.add("one.png", encode(patch((800, 800), (0.2, 0.2), BLUE), "PNG"))
    explained = place.explain(path, key)
    assert explained.map is not None
    shares = np.array(explained.map.shares)
    assert np.unravel_index(shares.argmin(), shares.shape) == (1, 1)
    assert shares.min() < -0.05
    assert np.abs(shares[4:, 4:]).max() < 1e-6
    assert explained.map.rest == pytest.approx(0.9 * -1.0 + 0.2, abs=1e-6)


def test_the_photo_as_it_is_shown_is_enough_if_it_was_decoded_to_the_same_size(place: Place) -> None:
    data = encode(patch((2000, 1500), (0.8, 0.2)), "JPEG")
    path, key = place.add("one.jpg", data)
    path.unlink()
    shown = decode(data, min_side=DECODE_SIDE + 40)
    explained = place.explain(path, key, shown.pixels)
    assert explained.problem is None
    assert strongest(explained) == (6, 1)
    assert_adds_up(explained)


@pytest.mark.parametrize("side", [900, 1500])
def test_a_photo_shown_larger_is_read_again_so_that_the_map_is_exact(place: Place, side: int) -> None:
    data = picture_bytes(seed=4, size=(2000, 1500))
    path, key = place.add("one.jpg", data)
    larger = decode(data, min_side=side).pixels
    before = place.explain(path, key)
    place.explainer = place.explain_with(place.bundle)
    assert place.explain(path, key, larger) == before
    place.explainer = place.explain_with(place.bundle)
    path.unlink()
    assert place.explain(path, key, larger).problem == reasons.VANISHED


def test_pixels_of_another_photo_are_not_taken_for_this_one(place: Place) -> None:
    path, key = place.add("one.jpg", encode(patch((800, 600), (0.8, 0.2)), "JPEG"))
    other = decode(encode(patch((800, 600), (0.2, 0.8)), "JPEG"), min_side=DECODE_SIDE).pixels
    # The same mean color in another place is not noticed; another mean color is.
    blue = decode(encode(patch((800, 600), (0.2, 0.8), BLUE), "JPEG"), min_side=DECODE_SIDE).pixels
    assert other.shape == blue.shape
    assert strongest(place.explain(path, key, blue)) == (6, 1)


def test_a_file_that_is_gone_or_another_one_by_now_is_explained_in_words(place: Place) -> None:
    path, key = place.add("one.jpg", encode(patch((800, 600), (0.8, 0.2)), "JPEG"))
    _other, labeled = place.add("two.jpg", encode(patch((800, 600), (0.8, 0.3)), "JPEG"))
    place.label(labeled, place.labels.positive)
    path.write_bytes(encode(patch((800, 600), (0.2, 0.8), BLUE), "JPEG"))
    explained = place.explain(path, key)
    assert (explained.map, explained.problem) == (None, FILE_CHANGED)
    path.unlink()
    explained = place.explain(path, key)
    assert (explained.map, explained.problem) == (None, reasons.VANISHED)
    # What it looks like is known without the file.
    assert [one.keys[0] for one in explained.neighbors] == [labeled]


def test_a_model_with_extra_layers_has_no_exact_map_but_neighbors(place: Place) -> None:
    path, key = place.add("one.jpg", picture_bytes(seed=1))
    _path, labeled = place.add("two.jpg", picture_bytes(seed=2))
    place.label(labeled, place.labels.negative)
    place.explainer = place.explain_with(replace(place.bundle, network={"backbone": "mobilenet_v2", "dense": [64]}))
    looks = place.looks
    explained = place.explain(path, key)
    assert (explained.map, explained.problem) == (None, NO_EXACT_MAP)
    assert [one.label for one in explained.neighbors] == [place.labels.negative]
    assert place.looks == looks


def test_a_model_whose_embedding_is_no_mean_has_no_exact_map_whatever_it_says(place: Place) -> None:
    path, key = place.add("one.jpg", picture_bytes(seed=1))
    place.backbone = lambda pixels: 2 * colors_of_cells(pixels)
    assert place.explain(path, key).problem == NO_EXACT_MAP
    place.backbone = lambda pixels: colors_of_cells(pixels)[:, :, :8]
    assert place.explain(path, key).problem == NO_EXACT_MAP


def test_a_photo_that_was_judged_on_another_device_has_a_map(place: Place) -> None:
    path, key = place.add("one.jpg", encode(patch((800, 600), (0.8, 0.2)), "JPEG"))
    embedding = place.table.get(key) * np.float32(1.005)
    explained = place.explainer.explain(path, key, embedding, None)
    assert strongest(explained) == (6, 1)


def test_training_photos_are_compared_alike_however_many_there_are(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key = place.add("one.jpg", picture_bytes(seed=1))
    kept = place.explain(path, key).training
    monkeypatch.setattr("alpacasorter.ml.evaluation.explain._KEPT_TRAINING", 1)
    monkeypatch.setattr("alpacasorter.ml.evaluation.explain._BLOCK", 7)
    place.explainer = place.explain_with(place.bundle)
    again = place.explain(path, key).training
    assert kept is not None
    assert again is not None
    assert again[0] == kept[0]
    assert again[1] == pytest.approx(kept[1], abs=1e-5)


def test_the_map_follows_a_correction_without_running_the_model_again(place: Place) -> None:
    path, key = place.add("one.jpg", encode(patch((800, 600), (0.8, 0.2)), "JPEG"))
    before = place.explain(path, key)
    looks = place.looks
    path.unlink()
    place.label(key, place.labels.negative)
    after = place.explain(path, key)
    assert after.probability < before.probability
    assert after.map is not None
    assert before.map is not None
    assert after.map.shares != before.map.shares
    assert_adds_up(after)
    assert place.looks == looks


def test_the_nearest_labeled_photos_without_the_photo_itself(place: Place) -> None:
    path, key = place.add("one.jpg", encode(patch((800, 600), (0.5, 0.5)), "JPEG"))
    assert place.explain(path, key).neighbors == ()
    assert place.explain(path, key).labeled == 0
    place.label(key, place.labels.positive)
    assert (place.explain(path, key).neighbors, place.explain(path, key).labeled) == ((), 0)
    shades = [(140, 80, 80), (40, 40, 220), (200, 30, 30), (20, 200, 20)]
    others = [place.add(f"{n}.png", encode(Image.new("RGB", (300, 300), c), "PNG")) for n, c in enumerate(shades)]
    for _path, other in others:
        place.label(other, place.labels.negative)
    explained = place.explain(path, key)
    assert explained.labeled == len(shades)
    assert [one.path for one in explained.neighbors][:1] == [others[0][0]]
    assert len(explained.neighbors) == 3
    similar = [one.similarity for one in explained.neighbors]
    assert similar == sorted(similar, reverse=True)
    assert 0 < similar[-1] <= similar[0] <= 1.0001
    assert all(one.label == place.labels.negative for one in explained.neighbors)
    # A label that is removed counts no more.
    place.learning.correct({others[0][1]: None})
    assert place.explain(path, key).labeled == len(shades) - 1
    assert others[0][1] not in [one.keys[0] for one in place.explain(path, key).neighbors]


def test_the_class_of_the_most_similar_training_photo_that_counts(place: Place) -> None:
    path, key = place.add("one.png", encode(Image.new("RGB", (300, 300), RED), "PNG"))
    vectors = np.zeros((3, CHANNELS), dtype=np.float16)
    vectors[0, :3] = np.array(RED) / 255
    vectors[1, :3] = 2.0, 0.9, 0.4
    vectors[2, 2] = 1.0
    for weights, expected in (((1, 1, 1), 0), ((0, 1, 1), 1), ((0, 0, 1), 0)):
        replay = Replay(vectors, np.array([0, 1, 0], np.uint8), np.array(weights, np.float32))
        place.explainer = place.explain_with(replace(place.bundle, replay=replay))
        found = place.explain(path, key).training
        assert found is not None
        assert found[0] == place.bundle.class_names[expected]
    nothing = Replay(vectors, np.zeros(3, np.uint8), np.zeros(3, np.float32))
    place.explainer = place.explain_with(replace(place.bundle, replay=nothing))
    assert place.explain(path, key).training is None


def test_a_photo_that_was_never_judged(place: Place) -> None:
    explained = place.explainer.explain(place.folder / "x.jpg", "ab" * 32, None, None)
    assert (explained.map, explained.problem) == (None, reasons.NOT_JUDGED)


def test_the_scale_is_the_same_for_every_photo_and_linear_between_cells() -> None:
    head = Head(np.array([1.0]), 0.0)
    cells = np.zeros((4, 4, 1), dtype=np.float32)
    cells[1, 1] = FULL / 2
    cells[2, 3] = -3 * FULL
    found = activation_map(head, cells)
    points = np.frombuffer(found.levels, np.uint8).reshape(found.height, found.width)
    step = found.width // 4
    assert points[step + step // 2, step + step // 2] == pytest.approx(192, abs=6)
    assert points[0, 0] == 128
    assert points.min() == 1
    # Half way between a cell and one that says nothing, there is half of it.
    assert points[step + step // 2, 2 * step] == pytest.approx(160, abs=4)
    # Beyond the center of an outermost cell, it stays.
    assert (points[2 * step + step // 2, 3 * step + step // 2 :] == 1).all()


@pytest.mark.model
def test_the_shipped_model_explains_what_it_says_before_and_after_a_correction(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(3):
        (photos / f"{n}.jpg").write_bytes(picture_bytes(seed=n, size=(640, 480)))
    with opened_session(tmp_path) as opened:
        session = opened.session
        judged = [photo for event in session.scan(photos, recursive=True) for photo in getattr(event, "photos", ())]
        first = judged[0]
        explained = session.explain(first.path, first.content_key)
        assert explained.probability == pytest.approx(first.probability, abs=1e-6)
        assert explained.training is not None
        assert_adds_up(explained)
        bundle = real_bundle()
        usual = bundle.calibration.scale * bundle.head.bias + bundle.calibration.offset
        assert explained.map is not None
        assert explained.map.rest == pytest.approx(usual, abs=1e-3)
        opposite = session.labels.other(session.labels.predicted(first.probability))
        learned = session.learning.correct({first.content_key: opposite})
        after = session.explain(first.path, first.content_key)
        assert after.probability == pytest.approx(
            dict(zip(learned.keys, learned.probabilities, strict=True))[first.content_key], abs=1e-6
        )
        assert math.copysign(1, after.probability - first.probability) == (
            1 if opposite == bundle.positive_label else -1
        )
        assert_adds_up(after)
        # A GPU that fails is no reason for no answer.
        session._backbone = Broken()
        other = session.explain(judged[2].path, judged[2].content_key)
        assert_adds_up(other)
        assert session.device.kind == "cpu"
        (neighbor,) = session.explain(judged[1].path, judged[1].content_key).neighbors
        assert (neighbor.keys[0], neighbor.label, neighbor.path) == (first.content_key, opposite, first.path)
