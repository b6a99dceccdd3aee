"""The real backbone on the CPU, and on a GPU if there is one, software included."""

import ctypes.util
import json
import sys
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter.ml.runtime import backbone as backbone_module
from alpacasorter.ml.runtime.backbone import (
    DOES_NOT_RUN,
    GPU_STOPPED,
    NO_GPU,
    NO_OUTPUTS,
    BackboneError,
    CpuBackbone,
    sentence,
)
from tests.engines import SIZE, real_backbone, real_bundle, run_python

SOFTWARE_GPU = Path("/usr/lib/chromium/vk_swiftshader_icd.json")

software_gpu = pytest.mark.skipif(
    not SOFTWARE_GPU.is_file() or ctypes.util.find_library("vulkan") is None,
    reason="needs Debian's chromium (for SwiftShader) and libvulkan1",
)

GPU_AGAINST_CPU = """
import json, sys
from pathlib import Path
import numpy as np
from alpacasorter.ml.runtime.backbone import BackboneError, CpuBackbone
from alpacasorter.ml.runtime.device import Device, open_backbone

class Settings(dict):
    def get_value(self, name): return self.get(name)
    def set_value(self, name, value): self[name] = value; self.setdefault("values", []).append(value)

model, settings = Path(sys.argv[1]).read_bytes(), Settings()
pixels = np.random.default_rng(3).integers(0, 256, (256, 256, 3), dtype=np.uint8)
try:
    gpu = open_backbone(Device("gpu", 1, 1.0, ""), model, 256, settings)
except BackboneError as error:
    print(json.dumps({"problem": error.code, "marks": settings["values"]}))
    sys.exit()
cpu = CpuBackbone(model)
print(json.dumps({
    "embedding": float(np.abs(gpu.embed(pixels) - cpu.embed(pixels)).max()),
    "feature_map": float(np.abs(gpu.feature_map(pixels) - cpu.feature_map(pixels)).max()),
    "marks": settings["values"],
}))
"""


def noise(seed: int) -> npt.NDArray[np.uint8]:
    side = real_bundle().input_size
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_embedding_is_the_mean_of_the_feature_map() -> None:
    embedding = real_backbone().embed(noise(1))
    feature_map = real_backbone().feature_map(noise(1))
    assert (embedding.shape, embedding.dtype) == ((SIZE,), np.float32)
    assert (feature_map.shape, feature_map.dtype) == ((8, 8, SIZE), np.float32)
    np.testing.assert_allclose(embedding, feature_map.mean(axis=(0, 1)), atol=1e-4)
    assert np.abs(embedding).max() > 0.1


def test_results_are_the_callers_to_keep() -> None:
    first = real_backbone().embed(noise(1))
    kept = first.copy()
    second = real_backbone().embed(noise(2))
    np.testing.assert_array_equal(first, kept)
    assert np.abs(first - second).max() > 0.01


def test_threads_at_once_get_what_one_gets() -> None:
    expected = [real_backbone().embed(noise(n)) for n in range(6)]
    got: dict[int, npt.NDArray[np.float32]] = {}

    def work(numbers: range) -> None:
        for n in numbers:
            got[n] = real_backbone().embed(noise(n))

    threads = [threading.Thread(target=work, args=(range(n, 6, 3),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, embedding in enumerate(expected):
        np.testing.assert_array_equal(got[n], embedding)


def test_pixels_must_be_bytes() -> None:
    with pytest.raises(TypeError):
        real_backbone().embed(noise(1).astype(np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [b"", b"no network", bytes(4096)])
def test_what_is_no_network_is_refused_with_a_sentence(model: bytes) -> None:
    with pytest.raises(BackboneError) as caught:
        CpuBackbone(model).embed(noise(1))
    assert caught.value.code == DOES_NOT_RUN
    assert str(caught.value) == sentence(DOES_NOT_RUN) != DOES_NOT_RUN


def test_a_cut_network_is_refused() -> None:
    model = real_bundle().backbone_path.read_bytes()
    with pytest.raises(BackboneError):
        CpuBackbone(model[: len(model) // 2]).embed(noise(1))


def test_a_network_without_our_outputs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone_module, "FEATURE_MAP_OUTPUT", "something_else")
    with pytest.raises(BackboneError) as caught:
        CpuBackbone(real_bundle().backbone_path.read_bytes()).embed(noise(1))
    assert caught.value.code == NO_OUTPUTS


def test_standard_error_stays_ours(capfd: pytest.CaptureFixture[str]) -> None:
    CpuBackbone(real_bundle().backbone_path.read_bytes()).embed(noise(1))
    sys.stderr.write("still there\n")
    sys.stderr.flush()
    assert capfd.readouterr().err == "still there\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closes a file descriptor by its number")
def test_it_runs_in_a_program_without_standard_error() -> None:
    script = """
import os, sys
os.close(2)
sys.stderr = None
import numpy as np
from pathlib import Path
from alpacasorter.ml.runtime.backbone import CpuBackbone
print(CpuBackbone(Path(sys.argv[1]).read_bytes()).embed(np.zeros((256, 256, 3), np.uint8)).shape)
"""
    done = run_python(script, real_bundle().backbone_path)
    assert (done.stdout, done.returncode) == ("(1280,)\n", 0)


def test_importing_it_is_cheap() -> None:
    script = "import sys, alpacasorter.ml.runtime.backbone; sys.exit('ai_edge_litert' in sys.modules)"
    assert run_python(script).returncode == 0


@software_gpu
def test_a_gpu_agrees_with_the_cpu() -> None:
    # In a process of its own: a graphics driver may crash the process that calls it.
    done = run_python(GPU_AGAINST_CPU, real_bundle().backbone_path, VK_DRIVER_FILES=str(SOFTWARE_GPU))
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["embedding"] <= 1e-3
    assert told["feature_map"] <= 1e-2
    assert told["marks"] == ["1", "0"], "marked as in use only until its first photo was through"


@pytest.mark.skipif(sys.platform != "linux", reason="hides the graphics drivers as Vulkan on Linux finds them")
def test_without_a_gpu_it_says_so() -> None:
    done = run_python(GPU_AGAINST_CPU, real_bundle().backbone_path, VK_DRIVER_FILES="/nowhere.json")
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"problem": NO_GPU, "marks": ["1", "0"]}


@pytest.mark.parametrize(
    "text", ["The graphics driver crashed the last time.", "No graphics processor was found.", "", "gpu-something-else"]
)
def test_what_is_not_a_code_is_shown_as_it_is(text: str) -> None:
    assert sentence(text) == text


def test_every_code_has_a_sentence() -> None:
    names = [name for name in vars(backbone_module) if name.isupper() and name.startswith(("GPU_", "NO", "DOES"))]
    codes = [getattr(backbone_module, name) for name in names]
    assert len(codes) > 8
    for code in codes:
        assert sentence(code).endswith("."), code
        assert sentence(sentence(code)) == sentence(code)


def test_a_gpu_that_stops_working_says_so() -> None:
    # Built without a real GPU: what counts is how its errors come out.
    gpu = object.__new__(backbone_module.GpuBackbone)
    gpu._lock = threading.Lock()
    gpu._shapes = {"embedding": (1, SIZE)}

    class LostBuffer:
        def write(self, _: object) -> None:
            raise RuntimeError("kLiteRtStatusErrorRuntimeFailure")

    gpu._inputs = [LostBuffer()]
    with pytest.raises(BackboneError) as caught:
        gpu.embed(noise(1))
    assert caught.value.code == GPU_STOPPED
    assert not gpu._lock.locked()
