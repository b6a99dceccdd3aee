"""A stranger's model: small files that would unpack to a lot, or compute what is no answer, take nothing and say so."""

import functools
import hashlib
import io
import json
import os
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.session_paths import Places
from alpacasorter.ml.engine import open_engine
from alpacasorter.ml.models.archive import pack
from alpacasorter.ml.models.arrays import ArraysError, TooLarge, read_npz
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, HEAD, REPLAY, BundleError
from alpacasorter.ml.models.store import ModelStore
from alpacasorter.ml.models.trial import try_model
from alpacasorter.ml.runtime.backbone import (
    CRASHES,
    DOES_NOT_RUN,
    TOO_LARGE,
    UNUSABLE_NUMBERS,
    BackboneError,
    fits_in,
)
from alpacasorter.training.network.weights import WeightsError, read_weights
from tests.cli.commands import Commands
from tests.engines import real_bundle, run_python
from tests.ml.bundles import make_bundle
from tests.models import other_model, replace_backbone

ROWS = 400_000


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


def put(folder: Path, name: str, content: bytes) -> None:
    """Put a file into a model and have its metadata agree."""
    (folder / name).write_bytes(content)
    file = folder / "model.json"
    data = json.loads(file.read_text())
    data["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    file.write_text(json.dumps(data))


def packed(arrays: dict[str, tuple[str, tuple[int, ...]]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an .npz of zeros of any size, without having them in memory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, (descr, shape) in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array_header_1_0(member, {"descr": descr, "fortran_order": False, "shape": shape})
                left = int(np.prod(shape)) * np.dtype(descr).itemsize
                while left:
                    left -= member.write(bytes(min(left, 1 << 20)))
    return stream.getvalue()


@functools.cache
def bomb() -> bytes:
    """Return a replay set of which 1 MB becomes 1 GB."""
    return packed({"embeddings": ("<f2", (ROWS, 1280)), "labels": ("|u1", (ROWS,)), "weights": ("<f4", (ROWS,))})


PEAK = """
import resource, sys
from pathlib import Path
from alpacasorter.ml.models.store import ModelStore
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.metadata import BundleError
import tempfile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ModelStore(Path(tempfile.mkdtemp())).add_model(Path(sys.argv[1]))
except BundleError as error:
    print(error.why)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
@pytest.mark.parametrize("as_file", [True, False], ids=["file", "folder"])
def test_ten_megabytes_stay_ten_megabytes(tmp_path: Path, as_file: bool) -> None:
    source = other_model(tmp_path / "goats", name="Goats")
    put(source, REPLAY, bomb())
    if as_file:
        # `pack` only copies what the metadata lists.
        members = [source / name for name in ("model.json", *json.loads((source / "model.json").read_text())["files"])]
        source = tmp_path / "goats.alpacamodel"
        with zipfile.ZipFile(source, "w") as archive:
            for member in members:
                archive.write(member, member.name)
    done = run_python(PEAK, source)
    why, megabytes = done.stdout.splitlines()
    assert "replay.npz is much too large" in why
    assert int(megabytes) < 60


FEW: dict[str, tuple[str, tuple[int, ...]]] = {
    "embeddings": ("<f2", (40, 64)),
    "labels": ("|u1", (40,)),
    "weights": ("<f4", (40,)),
}
REPLAYS: dict[str, Callable[[], bytes]] = {
    "deflated zeros": bomb,
    "lzma": lambda: packed(FEW, zipfile.ZIP_LZMA),
    "bzip2": lambda: packed(FEW, zipfile.ZIP_BZIP2),
    "many tiny members": lambda: packed({f"a{n}": ("|u1", (0,)) for n in range(20_000)}),
}


@pytest.mark.parametrize("what", REPLAYS)
def test_arrays_that_would_unpack_to_a_lot(tmp_path: Path, what: str) -> None:
    folder = make_bundle(tmp_path / "model").path
    put(folder, REPLAY, REPLAYS[what]())
    tracemalloc.start()
    try:
        with pytest.raises(BundleError):
            load_bundle(folder)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_header_that_is_shorter_than_its_data(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (2,)})
        member.write(bytes(50 << 20))
    with pytest.raises(ArraysError):
        read_npz(file, limit=1 << 20)
    np.savez_compressed(file, w=np.zeros(1 << 20, np.float32))
    with pytest.raises(TooLarge):
        read_npz(file, limit=1 << 20)


def test_the_same_name_twice(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    member = io.BytesIO()
    np.save(member, np.ones(3))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("w.npy", member.getvalue())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("w.npy", member.getvalue())
    with pytest.raises(ArraysError, match="twice"):
        read_npz(file, limit=1 << 20)


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_writes_is_read(tmp_path: Path, order: str) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.float64(2), "none": np.zeros((0, 4), np.float32)}
    arrays = {name: np.asarray(array, order=order) for name, array in arrays.items()}  # type: ignore[call-overload]
    np.savez(tmp_path / "a.npz", **arrays)
    read = read_npz(tmp_path / "a.npz", limit=1 << 20)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_weights_for_retraining_do_not_unpack_either(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "keras_weights.npz", **{"conv/kernel": np.zeros(1 << 22, np.float32)})
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "keras_weights.npz", packed=False)
    assert read_weights(tmp_path / "keras_weights.npz")["conv/kernel"].size == 1 << 22


# Answers that are none

SIZE = 64
ODD_HEADS: dict[str, tuple[np.ndarray, float, float]] = {
    "weights beyond float32": (np.full(SIZE, 1e300), 0.0, 1.0),
    "products beyond float32": (np.full(SIZE, 1e36), 0.0, 1.0),
    "one of them": (np.r_[np.ones(SIZE - 1), -1e39], 0.0, 1.0),
    "bias": (np.ones(SIZE), 1e300, 1.0),
    "calibration": (np.ones(SIZE), 0.0, 1e305),
}


@pytest.mark.parametrize("what", ODD_HEADS)
def test_heads_without_an_answer(tmp_path: Path, what: str) -> None:
    weights, bias, scale = ODD_HEADS[what]
    folder = make_bundle(tmp_path / "model").path
    stream = io.BytesIO()
    np.savez(stream, weights=weights, bias=np.float64(bias))
    put(folder, HEAD, stream.getvalue())
    file = folder / "model.json"
    data = json.loads(file.read_text())
    data["calibration"]["scale"] = scale
    file.write_text(json.dumps(data))
    with pytest.raises(BundleError, match="invalid numbers"):
        load_bundle(folder)


def first_kernel(network: bytes) -> bytes:
    """Return the bytes of the first convolution's weights, as they are in the file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=network)
    interpreter.allocate_tensors()
    for detail in interpreter.get_tensor_details():
        if list(detail["shape"][1:]) == [3, 3, 3] and len(detail["shape"]) == 4:
            found = interpreter.get_tensor(detail["index"]).tobytes()
            if found in network:
                return found
    raise AssertionError("no such layer")


def with_kernel(value: float) -> Callable[[bytes], bytes]:
    def changed(network: bytes) -> bytes:
        kernel = first_kernel(network)
        return network.replace(kernel, struct.pack("<f", value) * (len(kernel) // 4))

    return changed


def with_large_input(network: bytes) -> bytes:
    side = real_bundle().input_size
    return network.replace(struct.pack("<4i", 1, side, side, 3), struct.pack("<4i", 1, 30_000, 30_000, 3))


NETWORKS: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    "nan": (with_kernel(float("nan")), {UNUSABLE_NUMBERS}),
    "infinite": (with_kernel(float("inf")), {UNUSABLE_NUMBERS}),
    "room for gigabytes": (with_large_input, {TOO_LARGE, DOES_NOT_RUN, CRASHES}),
}


@pytest.mark.parametrize("what", NETWORKS)
def test_networks_without_an_answer(tmp_path: Path, run: Commands, what: str) -> None:
    """Added, named as a folder, or chosen: each way it is refused."""
    change, outcomes = NETWORKS[what]
    source = other_model(tmp_path / "goats", name="Goats")
    replace_backbone(source, change((source / BACKBONE).read_bytes()))
    assert try_model(source) in outcomes
    store = ModelStore(tmp_path / "data")
    with pytest.raises(BundleError, match="network"):
        store.add_model(source)
    pack(load_bundle(source), tmp_path / "goats.alpacamodel")
    with pytest.raises(BundleError, match="network"):
        store.add_model(tmp_path / "goats.alpacamodel")
    assert list(store.folder.iterdir()) == []
    with pytest.raises(BackboneError):
        open_engine(Places(source, tmp_path / "data", tmp_path / "cache"), "cpu", trial_now=False)
    (tmp_path / "photos").mkdir()
    done = run("scan", tmp_path / "photos", "--model", source)
    assert done.code == 1
    assert "network" in done.err


def test_declared_tensors_are_measured_before_there_is_room_for_them() -> None:
    network = real_bundle().backbone_path.read_bytes()
    assert fits_in(network, 64 << 20)
    assert not fits_in(with_large_input(network), 1 << 30)


def test_a_model_is_tried_once_on_each_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alpacasorter.ml import engine

    tried: list[Path] = []
    monkeypatch.setattr(engine, "try_model", lambda path: tried.append(path))
    source = other_model(tmp_path / "goats", name="Goats")
    for _ in range(2):
        open_engine(Places(source, tmp_path / "data", tmp_path / "cache"), "cpu", trial_now=False).close()
    assert tried == [source]


def test_metadata_as_deep_as_it_fits(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "model").path
    for text in ("[" * 500_000, '{"a":' * 200_000, '{"format": ' + "9" * 900_000 + "}"):
        (folder / "model.json").write_text(text)
        with pytest.raises(BundleError):
            load_bundle(folder)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_special_files_in_a_folder(tmp_path: Path, run: Commands) -> None:
    folder = make_bundle(tmp_path / "model").path
    (folder / HEAD).unlink()
    os.mkfifo(folder / HEAD)
    with pytest.raises(BundleError, match="missing"):
        load_bundle(folder)
    os.mkfifo(tmp_path / "pipe")
    done = run("models", "add", tmp_path / "pipe")
    assert (done.code, "Traceback" in done.err) == (1, False)
    done = run("scan", tmp_path, "--model", tmp_path / "pipe")
    assert done.code == 1
