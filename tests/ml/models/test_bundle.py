"""Loading a model folder: a valid one is read, an invalid one is refused with a sentence."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.metadata import BundleError
from tests.ml.bundles import L2, make_bundle, replay_set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, **changes: object) -> None:
    """Change fields of model.json; a name with two underscores reaches into a table."""
    file = folder / "model.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *tables, last = name.split("__")
        place = data
        for table in tables:
            place = place[table]
        if value is None:
            del place[last]
        else:
            place[last] = value
    file.write_text(json.dumps(data), encoding="utf-8")


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Change a file and have model.json agree, as a malicious or broken builder would."""
    (folder / name).write_bytes(content)
    facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    data = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    data["files"][name] = facts
    (folder / "model.json").write_text(json.dumps(data), encoding="utf-8")


def npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    sentence = str(caught.value)
    assert sentence.startswith("The model “model” can't be used. ")
    assert str(caught.value.why) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_everything_is_read(folder):
    bundle = load_bundle(folder)
    replay = replay_set()
    assert bundle.name == "Test"
    assert bundle.version == "1.0.0"
    assert bundle.class_names == ("not_alpaca", "alpaca")
    assert (bundle.negative_label, bundle.positive_label) == ("not_alpaca", "alpaca")
    assert bundle.display_names["not_alpaca"] == "Not alpaca"
    assert bundle.label_set == "alpaca|not_alpaca"
    assert bundle.input_size == 224
    assert bundle.embedding_size == 64
    assert bundle.threshold == 0.5
    assert bundle.calibration.scale == 0.9
    assert bundle.learning.l2 == L2
    assert bundle.learning.correction_weight == 3.0
    assert bundle.learning.flip_confidence == 0.8, "as in bundles from before this was a setting"
    assert bundle.quality["out_of_fold"]["all"]["accuracy"] == 0.9
    assert (bundle.replay.embeddings == replay.embeddings).all()
    assert (bundle.replay.labels == replay.labels).all()
    assert bundle.backbone_path.read_bytes().startswith(b"no network")
    assert bundle.backbone_id == hashlib.sha256(bundle.backbone_path.read_bytes()).hexdigest()[:16]
    assert bundle.card_path.read_text(encoding="utf-8") == "# Test\n"
    assert bundle.keras_weights_path() == folder / "keras_weights.npz"


def test_another_content_has_another_id(folder):
    before = load_bundle(folder).bundle_id
    edit(folder, threshold=0.6)
    assert load_bundle(folder).bundle_id != before


def test_the_pair_of_names_decides_the_label_set_not_their_order(tmp_path):
    names = {"class_names": ["b", "a"], "display_names": {"a": "A", "b": "B"}}
    assert make_bundle(tmp_path / "model", **names).label_set == "a|b"


def test_no_folder(tmp_path):
    with pytest.raises(BundleError, match="does not exist"):
        load_bundle(tmp_path / "none")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "model").write_text("x")
    assert "models add" in refusal(tmp_path / "model")


@pytest.mark.parametrize("name", ["model.json", "backbone.tflite", "head.npz", "replay.npz"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    assert name in refusal(folder)


@pytest.mark.parametrize("name", ["backbone.tflite", "head.npz", "replay.npz"])
def test_a_changed_byte(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name} was changed" in refusal(folder)


@pytest.mark.parametrize("name", ["backbone.tflite", "head.npz", "replay.npz"])
def test_a_file_cut_short(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    assert f"{name} is incomplete" in refusal(folder)


def test_weights_for_retraining_are_verified_when_they_are_needed(folder):
    (folder / "keras_weights.npz").write_bytes(b"x")
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match="keras_weights"):
        bundle.keras_weights_path()


def test_a_bundle_without_weights_for_retraining(folder):
    (folder / "keras_weights.npz").unlink()
    edit(folder, **{"files__keras_weights.npz": None})
    with pytest.raises(BundleError, match="needed to retrain"):
        load_bundle(folder).keras_weights_path()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, "\x00", "{}"])
def test_metadata_that_are_no_table(folder, text):
    (folder / "model.json").write_text(text, encoding="utf-8")
    refusal(folder)


def test_metadata_that_are_no_text(folder):
    (folder / "model.json").write_bytes(b"\xff\xfe\x00\x01")
    refusal(folder)


def test_absurdly_large_metadata(folder):
    with (folder / "model.json").open("ab") as file:
        file.write(b" " * (1 << 21))
    assert "large" in refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "1"},
        {"format": True},
        {"format": 0},
        {"name": ""},
        {"name": "a\nb"},
        {"name": 3},
        {"version": None},
        {"class_names": ["alpaca"]},
        {"class_names": ["alpaca", "Alpaca"]},
        {"class_names": ["../up", "alpaca"]},
        {"class_names": ["..", "alpaca"]},
        {"class_names": ["", "alpaca"]},
        {"class_names": ["a" * 65, "alpaca"]},
        {"class_names": ["con:trol", "alpaca"]},
        {"class_names": [1, 2]},
        {"display_names": {"alpaca": "Alpaca"}},
        {"display_names": []},
        {"input_size": 0},
        {"input_size": 100_000},
        {"input_size": 224.0},
        {"embedding_size": 65},
        {"embedding_size": -1},
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"threshold": float("nan")},
        {"calibration__scale": 0.0},
        {"calibration__scale": -1.0},
        {"calibration__scale": 1e-300},
        {"calibration__offset": float("inf")},
        {"calibration__offset": "0"},
        {"calibration__offset": 10**400},
        {"calibration": None},
        {"head": []},
        {"head__l2": 0.0},
        {"head__l2": -1.0},
        {"head__l2": float("nan")},
        {"head__l2": 1e300},
        {"head__l2": 1e-300},
        {"head__l2": 10**400},
        {"head__l2": None},
        {"learning__correction_weight": float("nan")},
        {"learning__yield_similarity": 1.5},
        {"learning__replay_weight": 0.0},
        {"learning__replay_weight": 1e-300},
        {"learning__correction_weight": 1e-300},
        {"learning__stiffness": 0.0},
        {"learning__stiffness": -1.0},
        {"learning__stiffness": float("nan")},
        {"learning__stiffness": 1e300},
        {"learning__stiffness": 1e-300},
        {"learning__flip_confidence": 0.5},
        {"learning__flip_confidence": "high"},
        {"backbone_id": "0" * 16},
        {"preprocessing": "another"},
        {"quality": None},
        {"files": None},
        {"files": {}},
        {"files": []},
        {"files__head.npz": {"sha256": 1, "bytes": 1}},
        {"files__head.npz": {"sha256": "x", "bytes": 1 << 40}},
        {"files__head.npz": "x"},
        {"files__../../etc/passwd": {"sha256": "x", "bytes": 1}},
        {"files__/etc/passwd": {"sha256": "x", "bytes": 1}},
        {"files__evil.py": {"sha256": "x", "bytes": 1}},
    ],
    ids=str,
)
def test_metadata_that_make_no_sense(folder, changes):
    edit(folder, **changes)
    refusal(folder)


def test_a_newer_format_asks_for_an_update(folder):
    edit(folder, format=2)
    assert "Update AlpacaSorter" in refusal(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        {"weights": np.ones(64)},
        {"weights": np.ones(63), "bias": np.float64(0)},
        {"weights": np.ones((8, 8)), "bias": np.float64(0)},
        {"weights": np.ones(64, dtype=np.float32), "bias": np.float64(0)},
        {"weights": np.full(64, np.nan), "bias": np.float64(0)},
        {"weights": np.ones(64), "bias": np.float64(np.inf)},
        {"weights": np.array([object()] * 64), "bias": np.float64(0)},
    ],
    ids=["no bias", "short", "square", "float32", "nan", "inf", "pickle"],
)
def test_a_head_that_makes_no_sense(folder, arrays):
    replace_file(folder, "head.npz", npz(**arrays))
    refusal(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"embeddings": np.ones((40, 63), dtype=np.float16)},
        {"embeddings": np.ones((39, 64), dtype=np.float16)},
        {"embeddings": np.full((40, 64), np.inf, dtype=np.float16)},
        {"embeddings": np.ones((40, 64), dtype=np.float32)},
        {"labels": np.full(40, 2, dtype=np.uint8)},
        {"labels": np.zeros(40)},
        {"weights": np.full(40, -1, dtype=np.float32)},
    ],
    ids=["narrow", "short", "inf", "float32", "label 2", "float labels", "negative"],
)
def test_a_replay_set_that_makes_no_sense(folder, changes):
    replay = replay_set()
    arrays = {"embeddings": replay.embeddings, "labels": replay.labels, "weights": replay.weights}
    replace_file(folder, "replay.npz", npz(**{**arrays, **changes}))
    refusal(folder)


def test_a_pickle_is_not_run(folder, tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    replace_file(folder, "head.npz", npz(weights=np.array([Evil()], dtype=object), bias=np.float64(0)))
    refusal(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"PK\x03\x04 not a zip", b"\x93NUMPY nothing", b"x"])
def test_arrays_that_are_no_archive(folder, content):
    replace_file(folder, "head.npz", content)
    refusal(folder)


def test_an_array_that_claims_an_absurd_size(folder):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 45,)})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("weights.npy", header.getvalue())
        archive.writestr("bias.npy", header.getvalue())
    replace_file(folder, "head.npz", stream.getvalue())
    refusal(folder)


def test_a_folder_that_can_not_be_read_is_a_refusal(folder):
    (folder / "head.npz").unlink()
    (folder / "head.npz").mkdir()
    assert "head.npz" in refusal(folder)


def test_a_copy_is_the_same_bundle(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert load_bundle(tmp_path / "copy").bundle_id == load_bundle(folder).bundle_id


def test_loading_imports_no_runtime(folder):
    script = (
        "import sys; from pathlib import Path; from alpacasorter.ml.models.bundle import load_bundle;"
        f"load_bundle(Path({str(folder)!r}));"
        "heavy = {'tensorflow', 'keras', 'ai_edge_litert', 'PIL', 'PySide6', 'sklearn', 'h5py'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, cwd=Path(__file__).parents[2])
