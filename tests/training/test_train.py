"""A whole training run, from class folders to a bundle, and what can go wrong."""

import errno
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


from alpacasorter.core import reasons
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training import events as codes
from alpacasorter.training import finish as finishing
from alpacasorter.training import train as training
from alpacasorter.training.data import reading
from alpacasorter.training.data.dataset import MIN_SIDE
from alpacasorter.training.events import Epoch, Failed, Prepared, Stage, Stopped, Trained
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.recipe import RANDOM, Recipe
from alpacasorter.training.train import train
from tests.metadata_writers import with_keyword
from tests.picture_files import make_picture, turned
from tests.training.pictures import class_folders
from tests.training.tiny import tiny_backbone

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SIDE = 32
COUNT = 16


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr(training, "load_backbone", tiny_backbone)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = class_folders(tmp_path_factory.mktemp("data") / "photos", COUNT)
    (folder / "thing" / "thing_broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    return folder


@pytest.fixture
def recipe():
    return Recipe(weights=RANDOM, side=SIDE, epochs=2, batch_size=8, seed=3)


@pytest.fixture(scope="module")
def done(dataset, tmp_path_factory):
    """A run with everything on, and the arguments of its last stage."""
    root = tmp_path_factory.mktemp("out")
    given = {}
    original = finishing.finish

    def spy(*args, **kwargs):
        given.update(args=args, kwargs=kwargs)
        return original(*args, **kwargs)

    recipe = Recipe(
        weights=RANDOM,
        side=SIDE,
        epochs=3,
        batch_size=8,
        seed=3,
        dense=(6,),
        retrain_layers=3,
        retrain_epochs=1,
        retrain_rate=1e-3,
        name="Blobs",
        learning_rate=0.01,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "finish", spy)
        patch.setattr(training, "load_backbone", tiny_backbone)
        events = list(
            train(dataset, root / "bundle", recipe, report=root / "deep" / "report.html", preview=root / "preview.png")
        )
    return events, root, recipe, given


def only(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_events(done, dataset):
    events, root, _, _ = done
    assert isinstance(events[-1], Trained), events[-1]
    (prepared,) = only(events, Prepared)
    assert prepared.class_names == ("other", "thing")
    assert sum(prepared.training) + sum(prepared.validation) == 2 * COUNT
    ((path, reason),) = prepared.left_out
    assert path == str(dataset / "thing" / "thing_broken.png")
    assert reason == reasons.DAMAGED
    assert prepared.device == "processor"
    assert prepared.preview == str(root / "preview.png")
    epochs = only(events, Epoch)
    assert [(epoch.phase, epoch.number) for epoch in epochs] == [("head", 1), ("head", 2), ("head", 3), ("retrain", 4)]
    assert all(epoch.total == 4 for epoch in epochs)
    assert events.index(prepared) < events.index(epochs[0])
    assert any(event.total == 2 * COUNT + 1 == event.done for event in only(events, Stage))
    assert events[-1].bundle == str(root / "bundle")
    assert 0 <= events[-1].accuracy <= 1
    assert not events[-1].stopped_early
    assert sorted(path.name for path in root.iterdir()) == ["bundle", "deep", "preview.png"]


def test_the_bundle(done):
    events, root, _, _ = done
    bundle = load_bundle(root / "bundle")
    assert bundle.name == "Blobs"
    assert bundle.class_names == ("other", "thing")
    assert bundle.embedding_size == 6
    assert bundle.input_size == SIDE
    assert bundle.network == {"backbone": "mobilenet_v2", "side": SIDE, "dense": [6]}
    (prepared,) = only(events, Prepared)
    assert len(bundle.replay.labels) == sum(prepared.training), "what was held out stays out"
    assert bundle.replay.labels.sum() == prepared.training[1]
    quality = bundle.quality["held_out"]
    for figures in (quality["as_used"], quality["as_trained"]):
        assert figures["n"] == sum(prepared.validation)
    assert quality["as_used"]["accuracy"] == pytest.approx(events[-1].accuracy, abs=1e-4)
    card = bundle.card_path.read_text(encoding="utf-8")
    for text in ("# Model card: Blobs", "MobileNetV2", "| photos | ", "as the app uses it", "as trained by Keras"):
        assert text in card
    assert str(root.parent) not in card + (root / "bundle" / "model.json").read_text(encoding="utf-8")


def test_the_head_is_the_one_trained_with_the_extra_layers(done):
    """These layers separate the photos they were trained on, so the optimum for those says little about others."""
    events, root, _, given = done
    bundle = load_bundle(root / "bundle")
    network = given["args"][2]
    weights, bias = network.output()
    np.testing.assert_allclose(bundle.head.weights, weights, atol=1e-6)
    assert bundle.head.bias == pytest.approx(bias, abs=1e-6)
    quality = bundle.quality["held_out"]
    assert quality["as_used"]["confusion"] == quality["as_trained"]["confusion"]
    trained = events[-1]
    assert quality["plain"]["accuracy"] == pytest.approx(trained.plain_accuracy, abs=1e-4)
    (compared,) = [remark for remark in trained.remarks if remark.startswith(codes.plain_compared(0, 0, 1).split()[0])]
    held_out = quality["as_used"]["n"]
    plain, used = (round(held_out * share) for share in (trained.plain_accuracy, trained.accuracy))
    assert compared == codes.plain_compared(plain, used, held_out)
    said = codes.sentence(compared)
    page = (root / "deep" / "report.html").read_text(encoding="utf-8")
    assert said.split(":")[0] in page
    assert "a plain model" in bundle.card_path.read_text(encoding="utf-8")


def test_learning_starts_from_its_head(done):
    _, root, _, _ = done
    bundle = load_bundle(root / "bundle")
    nothing = Learner(bundle).learn(np.empty((0, 6)), np.empty(0, dtype=np.uint8))
    assert nothing is bundle.head
    # Not one of the photos: so small a network may have no embeddings but zeros.
    correction = np.ones((1, 6), dtype=np.float16)
    label = int(bundle.head.probability(correction)[0] >= 0.5)
    learned = Learner(bundle).learn(correction, np.array([1 - label], dtype=np.uint8))
    # Before the margin, which keeps a tag until the head is sure.
    x = correction.astype(np.float64)
    change = x @ (learned.weights - bundle.head.weights) + learned.bias - bundle.head.bias
    assert (change > 0) == (label == 0)


def test_the_app_judges_as_measured(done, dataset):
    _, root, _, given = done
    bundle = load_bundle(root / "bundle")
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    photos = given["args"][0]
    paths = [photos.dataset.examples[row].path for row in photos.split.validation]
    embeddings = np.stack(
        [backbone.embed(model_input(decode(read_photo(path), min_side=MIN_SIDE).pixels, SIDE)) for path in paths]
    )
    called = bundle.head.probability(embeddings.astype(np.float16)) >= bundle.threshold
    right = (called == (photos.held_out == 1)).mean()
    assert bundle.quality["held_out"]["as_used"]["accuracy"] == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("switches", [frozenset(), frozenset({"flip", "color"})])
def test_a_head_on_a_frozen_backbone_is_the_optimum(dataset, recipe, tmp_path, switches):
    events = list(train(dataset, tmp_path / "bundle", replace(recipe, augmentation=switches, epochs=1)))
    bundle = load_bundle(tmp_path / "bundle")
    if not switches or codes.AUGMENTATION_UNUSED in events[-1].remarks:
        best = fit_logistic(bundle.replay.embeddings, bundle.replay.labels, None, bundle.learning.l2)
        np.testing.assert_allclose(bundle.head.weights, best.weights, atol=1e-6)
        assert events[-1].plain_accuracy is None
    else:
        assert events[-1].plain_accuracy is not None
    assert bool(switches) == bool(events[-1].remarks), "it is told what augmentation was worth"


def test_the_report_and_the_preview(done):
    _, root, _, _ = done
    page = (root / "deep" / "report.html").read_text(encoding="utf-8")
    for text in ("Blobs", "thing_broken.png", "Retraining rate", "tensorflow", "Processor"):
        assert text in page
    picture = decode((root / "preview.png").read_bytes(), min_side=1)
    assert picture.format == "PNG"
    assert picture.width == 4 * SIDE + 3 * 6


def again(done, **changes):
    """Run the last stage again, on the same photos and network."""
    _, _, _, given = done
    return finishing.finish(*given["args"], **{**given["kwargs"], **changes})


def test_retraining_that_changed_nothing_is_told(done, tmp_path, monkeypatch):
    monkeypatch.setattr(
        finishing, "convert_model", lambda _model: (done[1] / "bundle" / "backbone.tflite").read_bytes()
    )
    trained = again(done, out=tmp_path / "bundle", report=None, retrained=False)
    assert codes.RETRAINING_UNUSED in trained.remarks
    assert codes.RETRAINING_UNUSED not in again(done, out=tmp_path / "bundle", report=None, retrained=True).remarks


@pytest.fixture
def standing(done, tmp_path):
    """A bundle and a report that are already where new ones are to go."""
    _, root, _, _ = done
    out, report = tmp_path / "bundle", tmp_path / "report.html"
    out.mkdir()
    for path in (root / "bundle").iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    report.write_text("the old one")
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def unchanged():
        return (
            {path.name: path.read_bytes() for path in out.iterdir()} == before
            and report.read_text() == "the old one"
            and sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "report.html"]
        )

    assert unchanged()
    return out, report, unchanged


@pytest.mark.parametrize("place", ["arrays", "report", "swap", "check"])
def test_no_space_on_the_disk(done, standing, monkeypatch, place):
    out, report, unchanged = standing

    def full(*_args, **_given):
        raise OSError(errno.ENOSPC, "No space left on device")

    # The exported network is given, which saves the conversion.
    monkeypatch.setattr(
        finishing, "convert_model", lambda _model: (done[1] / "bundle" / "backbone.tflite").read_bytes()
    )
    if place == "arrays":
        monkeypatch.setattr(finishing.np, "savez", full)
    elif place == "report":
        monkeypatch.setattr(finishing, "write_report", full)
    elif place == "swap":
        monkeypatch.setattr(finishing, "_swap", full)
    else:
        monkeypatch.setattr(finishing, "load_bundle", full)
    with pytest.raises(OSError, match="No space"):
        again(done, out=out, report=report)
    assert unchanged()


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_interrupted_while_the_folders_are_swapped(done, standing, monkeypatch, error):
    out, report, unchanged = standing
    monkeypatch.setattr(
        finishing, "convert_model", lambda _model: (done[1] / "bundle" / "backbone.tflite").read_bytes()
    )
    original, calls = type(out).rename, []

    def rename(self, target):
        calls.append(self)
        if len(calls) == 2:
            raise error
        return original(self, target)

    monkeypatch.setattr(type(out), "rename", rename)
    with pytest.raises(type(error)):
        again(done, out=out, report=report)
    assert len(calls) == 3, "aside, the new one that failed, and back"
    assert unchanged()


def test_an_existing_bundle_is_replaced(done, standing, monkeypatch):
    out, report, _ = standing
    monkeypatch.setattr(
        finishing, "convert_model", lambda _model: (done[1] / "bundle" / "backbone.tflite").read_bytes()
    )
    (out / "model.json").write_text("{}")
    assert isinstance(again(done, out=out, report=report), Trained)
    assert load_bundle(out).name == "Blobs"
    assert "Blobs" in report.read_text(encoding="utf-8")


def epochs_of(dataset, recipe, tmp_path, monkeypatch, orders=lambda: ""):
    """Train up to where the model would be saved, in the way of a graphics card: nothing is converted."""
    original = training.start
    monkeypatch.setattr(training, "start", lambda seed: f"graphics card: none, {original(seed)}")
    events = []
    generator = train(dataset, tmp_path / "bundle", recipe, orders=orders)
    for event in generator:
        events.append(event)
        if event == Stage(codes.SAVING):
            generator.close()
    monkeypatch.setattr(training, "start", original)
    assert not (tmp_path / "bundle").exists()
    return events


@pytest.mark.parametrize("switches", [frozenset(), frozenset({"flip", "color"})])
def test_the_same_seed_gives_the_same_training(dataset, recipe, tmp_path, monkeypatch, switches):
    recipe = replace(recipe, augmentation=switches)

    def figures(seed):
        events = epochs_of(dataset, replace(recipe, seed=seed), tmp_path, monkeypatch)
        return [(e.loss, e.accuracy, e.validation_loss, e.validation_accuracy) for e in only(events, Epoch)]

    first = figures(3)
    assert len(first) == 2
    assert figures(3) == first
    assert figures(4) != first


def test_litert_and_tensorflow_train_alike(done, dataset, tmp_path, monkeypatch):
    events, _, recipe, _ = done
    other = epochs_of(dataset, replace(recipe, retrain_layers=0), tmp_path, monkeypatch)
    for one, two in zip(only(events, Epoch), only(other, Epoch), strict=False):
        assert one.loss == pytest.approx(two.loss, rel=1e-3)
        assert one.validation_loss == pytest.approx(two.validation_loss, rel=1e-3)


def test_retraining_starts_from_the_best_head_for_the_frozen_backbone(dataset, recipe, tmp_path, monkeypatch):
    # With steps this small, neither phase learns anything.
    small = replace(recipe, epochs=1, learning_rate=1e-8, retrain_layers=3, retrain_epochs=1, retrain_rate=1e-8)
    head, retrained = only(epochs_of(dataset, small, tmp_path, monkeypatch), Epoch)
    assert (head.phase, retrained.phase) == ("head", "retrain")
    assert retrained.validation_loss < head.validation_loss - 0.01
    assert retrained.validation_accuracy >= head.validation_accuracy


@pytest.mark.parametrize("when", [0, 2, 6])
def test_stop_leaves_nothing(dataset, recipe, tmp_path, monkeypatch, when):
    calls = []

    def orders():
        calls.append(1)
        return "stop" if len(calls) > when else ""

    events = epochs_of(dataset, recipe, tmp_path, monkeypatch, orders)
    assert isinstance(events[-1], Stopped)
    assert len(only(events, Stopped)) == 1
    assert list(tmp_path.iterdir()) == []


def test_finish_makes_the_model_of_the_best_epoch(dataset, recipe, tmp_path, monkeypatch):
    recipe = replace(recipe, epochs=50, retrain_layers=3)
    events = epochs_of(dataset, recipe, tmp_path, monkeypatch, lambda: "finish")
    assert len(only(events, Epoch)) == 1
    assert events[-1] == Stage(codes.SAVING)
    assert not any(event.text == codes.RETRAINING for event in only(events, Stage))


def test_layers_with_nothing_to_retrain_give_a_warning(dataset, recipe, tmp_path, monkeypatch):
    events = epochs_of(dataset, replace(recipe, retrain_layers=1, epochs=1), tmp_path, monkeypatch)
    (prepared,) = only(events, Prepared)
    assert codes.nothing_to_retrain(1) in prepared.warnings
    assert [epoch.total for epoch in only(events, Epoch)] == [1]


def test_only_the_preview(dataset, recipe, tmp_path):
    events = list(train(dataset, None, recipe, preview=tmp_path / "p.png"))
    assert isinstance(events[-1], Prepared)
    assert sum(events[-1].training) + sum(events[-1].validation) in (2 * COUNT, 2 * COUNT + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


def test_a_preview_skips_unreadable_photos(recipe, tmp_path):
    folder = class_folders(tmp_path / "a", 4)
    for name in ("thing_00.png", "thing_01.png"):
        (folder / "thing" / name).write_bytes(b"no picture")
    *_, last = train(folder, None, recipe, preview=tmp_path / "p.png")
    assert isinstance(last, (Prepared, Failed))
    if isinstance(last, Prepared):
        assert {path for path, _ in last.left_out} <= {str(folder / "thing" / f"thing_0{n}.png") for n in (0, 1)}


def failed(dataset, out, recipe, **given):
    events = list(train(dataset, out, recipe, **given))
    assert isinstance(events[-1], Failed)
    assert len(only(events, Failed)) == 1
    return events[-1].reason


def test_folders_that_can_not_be_trained_on(recipe, tmp_path):
    out = tmp_path / "out"
    assert "does not exist" in failed(tmp_path / "none", out, recipe)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no subfolders" in failed(empty, out, recipe)
    (empty / "alpaca").mkdir()
    assert "only “alpaca”" in failed(empty, out, recipe)
    (empty / "dog").mkdir()
    assert "no photos of the class “alpaca”" in failed(empty, out, recipe)
    three = class_folders(tmp_path / "three", 2)
    (three / "more").mkdir()
    assert "3 (more, other, thing)" in failed(three, out, recipe)
    assert "no class “cat”" in failed(class_folders(tmp_path / "two", 2), out, replace(recipe, positive="cat"))
    few = class_folders(tmp_path / "few", 1)
    assert "at least 2 photos" in failed(few, out, recipe)
    assert "differ in more than case" in failed(
        class_folders(tmp_path / "case", 2, names=("thing", "Thing ")), out, recipe
    )
    assert not out.exists()


def test_nothing_can_be_read(recipe, tmp_path, monkeypatch):
    folder = class_folders(tmp_path / "a", 3)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture at all")
    (tmp_path / "out").mkdir()
    events = epochs_of(folder, recipe, tmp_path / "out", monkeypatch)
    assert isinstance(events[-1], Failed)
    assert "None of the photos can be read" in events[-1].reason


def test_weights_that_are_not_there(dataset, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "load_backbone", load_backbone)
    assert "no weights file" in failed(dataset, tmp_path / "out", replace(recipe, weights=str(tmp_path / "none.h5")))


def test_places_that_are_taken(dataset, recipe, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not a model folder" in failed(dataset, tmp_path / "mine", recipe)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert "inside the folder with the photos" in failed(dataset, dataset / "model", recipe)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), codes.DISK_FULL),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), codes.refused("Permission denied", "/a/b")),
        (OSError(errno.EIO, "Input/output error"), codes.refused("Input/output error")),
        (MemoryError(), codes.NO_MEMORY),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating"), codes.NO_MEMORY),
    ],
)
def test_the_system_refuses(dataset, recipe, tmp_path, monkeypatch, error, reason):
    def refuse(*_args):
        raise error

    monkeypatch.setattr(training, "start", refuse)
    assert failed(dataset, tmp_path / "out", recipe) == reason


def test_a_bug_is_not_hidden(dataset, recipe, tmp_path, monkeypatch):
    def fault(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(training, "start", fault)
    with pytest.raises(ZeroDivisionError):
        list(train(dataset, tmp_path / "out", recipe))


def test_without_tensorflow(dataset, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "has_tensorflow", lambda: False)
    assert "Training needs TensorFlow" in failed(dataset, tmp_path / "out", recipe)


def test_a_preview_names_the_same_file_in_both_classes(dataset, recipe, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(dataset, folder)
    thing = min((folder / "thing").glob("thing_??.png"))
    same = shutil.copy(thing, folder / "other" / "<b>.png")
    *_, prepared = train(folder, None, recipe)
    assert list(map(set, prepared.both_classes)) == [{str(thing), str(same)}]
    assert any(str(same) in words for words in codes.worded(prepared).warnings)


def test_a_preview_finds_what_was_tagged_or_turned_and_splits_like_the_training(dataset, recipe, tmp_path, monkeypatch):
    # Otherwise shots of one scene, for which the preview does not look, may change the split.
    monkeypatch.setattr(reading, "groups_of_near_duplicates", lambda pooled, similarity: np.arange(len(pooled)))
    folder = tmp_path / "photos"
    shutil.copytree(dataset, folder)
    things = sorted((folder / "thing").glob("thing_??.png"))
    (folder / "thing" / "thing_broken.png").unlink()
    tagged, sideways = folder / "other" / "tagged.png", folder / "other" / "sideways.jpg"
    tagged.write_bytes(with_keyword(things[0].read_bytes()))
    upright = make_picture(folder / "thing" / "upright.jpg", seed=9, size=(96, 64))
    sideways.write_bytes(turned(upright.read_bytes()))
    wanted = sorted(({str(things[0]), str(tagged)}, {str(upright), str(sideways)}), key=min)
    *_, previewed = train(folder, None, recipe)
    (prepared,) = only(train(folder, tmp_path / "bundle", recipe, report=tmp_path / "report.html"), Prepared)
    for told in (previewed, prepared):
        assert sorted(map(set, told.both_classes), key=min) == wanted
    assert (previewed.training, previewed.validation) == (prepared.training, prepared.validation)
    assert codes.ONLY_PREPARED in previewed.warnings
    assert codes.ONLY_PREPARED not in prepared.warnings
    assert "\ufffd" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_report_names_all_pictures_in_both_classes(dataset, recipe, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(dataset, folder)
    for thing in sorted((folder / "thing").glob("thing_??.png"))[:7]:
        shutil.copy(thing, folder / "other" / f"also_{thing.name}")
    list(train(folder, tmp_path / "bundle", recipe, report=tmp_path / "report.html"))
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    warned = report[report.index('class="warnings"') :].partition("</section>")[0]
    assert warned.count("also_thing_") == warned.count("<br>") == 7
    assert "…" not in warned


def test_a_picture_in_both_classes_is_named_and_not_held_out(dataset, recipe, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    shutil.copytree(dataset, folder)
    things = sorted((folder / "thing").glob("thing_??.png"))
    same = [shutil.copy(things[0], folder / "other" / "z.png")]
    with Image.open(things[1]) as picture:
        picture.convert("RGB").resize((80, 80)).save(folder / "other" / "y.jpg", quality=70)
    same.append(str(folder / "other" / "y.jpg"))
    # Copies in the same class are kept on one side, and no error.
    copies = [shutil.copy(things[2], folder / "thing" / f"copy{n}.png") for n in range(3)]
    given = {}

    def spy(photos, *args, **kwargs):
        given["photos"] = photos
        return original(photos, *args, **kwargs)

    original = finishing.finish
    monkeypatch.setattr(training, "finish", spy)
    runs = []
    for number in range(2):
        events = list(train(folder, tmp_path / f"bundle{number}", recipe, report=tmp_path / "report.html"))
        (prepared,) = only(events, Prepared)
        runs.append(given["photos"].split.validation.tolist())
        assert sorted(map(set, prepared.both_classes), key=min) == sorted(
            ({str(things[0]), str(same[0])}, {str(things[1]), str(same[1])}), key=min
        )
        (warning,) = [words for words in codes.worded(prepared).warnings if "both classes" in words]
        assert all(str(path) in warning for path in (*things[:2], *same))
    assert runs[0] == runs[1]
    photos = given["photos"]
    held = {str(photos.dataset.examples[row].path) for row in photos.split.validation}
    assert not held & {*map(str, things[:2]), *map(str, same)}
    group = {str(things[2]), *map(str, copies)}
    assert not held & group or group <= held
    counts = np.bincount(photos.targets[photos.split.validation], minlength=2)
    of_class = np.bincount(photos.targets, minlength=2)
    assert (np.abs(counts - 0.2 * of_class) <= 2).all()
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "both classes" in report
    assert "y.jpg" in report
