"""`alpacasorter train` and `alpacasorter export-model` from the command line."""

import json
import os
import signal
import sys
import time

import pytest

from alpacasorter.training.events import FINDING, Epoch, Prepared, Stage, Trained, from_line, sentence
from tests.cli.commands import finish, program
from tests.ml.bundles import make_bundle_with_variants
from tests.training.pictures import class_folders
from tests.training.tiny import tiny_backbone

QUICK = ("--weights", "random", "--image-size", "32", "--epochs", "2", "--batch-size", "8")


@pytest.fixture
def dataset(tmp_path):
    return class_folders(tmp_path / "photos", 8)


@pytest.fixture
def tiny(monkeypatch):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.training import train

    monkeypatch.setattr(train, "load_backbone", tiny_backbone)


def test_help_needs_nothing(run):
    for command in ("train", "export-model"):
        done = run(command, "--help")
        assert done.code == 0
        assert command in done.out
        assert run(command, "--version").code == 0
    assert "train DATASET" in run("--help").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to do"),
        (("--out", "{photos}/model"), "inside the folder with the photos"),
        (("--out", "{file}"), "not a model folder"),
        (("--out", "{new}", "--report", "{file}"), "must end in .html"),
        (("--preview", "{file}"), "must end in .png"),
        (("--preview", "{new}/p.png"), "new does not exist"),
        (("--out", "{new}", "--epochs", "0"), "Epochs: must be between 1"),
        (("--out", "{new}", "--augment", "flip,bend"), "no augmentation “bend”"),
        (("--out", "{new}", "--backbone", "resnet50", "--weights", "shipped"), "don't come with the app"),
        (("--out", "{new}", "--dense", "12,many"), "not a list of whole numbers"),
        (("--out", "{new}", "--seed", "-1"), "Seed: must be between 0"),
        (("--out", "{new}", "--backbone", "vgg"), "invalid choice"),
        (("--out", "{new}", "--positive", "nobody"), "no class “nobody”"),
    ],
)
def test_wrong_usage(run, dataset, tmp_path, arguments, words):
    (tmp_path / "file.txt").write_text("mine")
    places = {"photos": dataset, "file": tmp_path / "file.txt", "new": tmp_path / "new"}
    done = run("train", dataset, *(argument.format(**places) for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert (tmp_path / "file.txt").read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_no_dataset(run, tmp_path):
    done = run("train", tmp_path / "none", "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, "")
    assert "can't be opened" in done.err


def test_without_tensorflow(run, dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    done = run("train", dataset, "--out", tmp_path / "out")
    assert (done.code, done.out) == (1, "")
    assert "Training needs TensorFlow" in done.err
    done = run("export-model", dataset, "--keras", tmp_path / "a.keras")
    assert (done.code, done.out) == (1, "")
    assert "Exporting a model needs TensorFlow" in done.err


@pytest.mark.tensorflow
@pytest.mark.slow
def test_a_training(run, dataset, tmp_path, tiny):
    out = tmp_path / "my model"
    done = run("train", dataset, "--out", out, "--preview", tmp_path / "p.png", "--augment", "flip,color", *QUICK)
    assert done.code == 0, done.err
    assert "other: " in done.out
    assert f"alpacasorter --model {out}" in done.out
    assert "Epoch 2: loss" in done.err
    # By the name of its folder it can be found: alpacasorter models use my-model.
    assert json.loads((out / "model.json").read_text(encoding="utf-8"))["name"] == "My model"
    assert f"alpacasorter models add {out}" in done.out
    assert "only 8 photos".lower() not in done.out.lower()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["my model", "my model.report.html", "p.png", "photos"]
    # Again, replacing it, with JSON output; "colour" is the old name of the switch.
    more = ("--name", "Second", "--dense", "4,3", "--augment", "colour", "--json", "--quiet")
    done = run("train", dataset, "--out", out, *more, *QUICK)
    assert done.code == 0, done.err
    events = [from_line(line) for line in done.out.splitlines()]
    assert [type(event) for event in events if not isinstance(event, Stage)] == [Prepared, Epoch, Epoch, Trained]
    metadata = json.loads((out / "model.json").read_text(encoding="utf-8"))
    assert metadata["name"] == "Second"
    assert metadata["network"]["dense"] == [4, 3]
    assert metadata["training"]["settings"]["Augmentation"] == "color"
    stages = [event.text for event in events if isinstance(event, Stage)]
    assert stages[0] == sentence(FINDING), "JSON has sentences, not codes"
    assert "epoch" not in done.err.lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.tensorflow
@pytest.mark.slow
def test_only_a_preview(run, dataset, tmp_path, tiny):
    done = run("train", dataset, "--preview", tmp_path / "p.png", "--augment", "all", *QUICK)
    assert done.code == 0, done.err
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "thing: " in done.out
    assert "Training runs on" not in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "photos"]


@pytest.mark.tensorflow
def test_folders_that_can_not_be_trained_on(run, dataset, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    (dataset / "third").mkdir()
    done = run("train", dataset, "--out", tmp_path / "out", *QUICK)
    assert (done.code, done.out) == (1, "")
    assert "3 (other, thing, third)" in done.err
    assert "Traceback" not in done.err
    done = run("train", dataset, "--out", tmp_path / "out", "--json", "--quiet", *QUICK)
    assert done.code == 1
    assert json.loads(done.out.splitlines()[-1])["event"] == "Failed"


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C can be sent to one process on POSIX only")
def test_ctrl_c_leaves_nothing(dataset, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    started = program("train", dataset, "--out", tmp_path / "out", "--json", *QUICK)
    assert started.stdout is not None
    for line in started.stdout:
        if b"Preparing" in line:
            break
    time.sleep(0.2)
    started.send_signal(signal.SIGINT)
    done = finish(started)
    assert done.code == 130, done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to write"),
        (("--keras", "model.h5"), "must end in .keras"),
        (("--tflite", "model"), "must end in .tflite"),
    ],
)
def test_wrong_usage_of_export(run, tmp_path, arguments, words):
    done = run("export-model", tmp_path, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.tensorflow
def test_export_of_what_is_no_model(run, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    done = run("export-model", tmp_path, "--keras", tmp_path / "a.keras")
    assert (done.code, done.out) == (1, "")
    assert "can't be used" in done.err
    assert not (tmp_path / "a.keras").exists()


@pytest.mark.tensorflow
@pytest.mark.slow
def test_export(run, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.training import export

    written = []
    bundle = make_bundle_with_variants(tmp_path / "model").with_variant("narrow")

    def write(folder, out, variant):
        written.append((folder, out, variant))
        return bundle

    monkeypatch.setattr(export, "export_keras", write)
    monkeypatch.setattr(export, "export_tflite", write)
    done = run("export-model", tmp_path, "--keras", tmp_path / "a.keras", "--tflite", tmp_path / "b.tflite")
    assert done.code == 0
    assert written == [(tmp_path, tmp_path / "a.keras", None), (tmp_path, tmp_path / "b.tflite", None)]
    assert done.out.split() == [str(tmp_path / "a.keras"), str(tmp_path / "b.tflite")]
    # It is the one that the user has chosen, unless another is named, so they are told which.
    for name in ("a.keras", "b.tflite"):
        assert f"{name} is Test 1.0.0 (Ponies count as: Not horse)" in done.err
