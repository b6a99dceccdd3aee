"""The GPU trial as a process: whatever happens in it, there is either a complete report or none."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alpacasorter.ml.runtime import gpu_trial
from alpacasorter.ml.runtime.backbone import (
    DOES_NOT_RUN,
    GPU_DOES_NOT_RUN,
    GPU_IS_WRONG,
    NO_GPU,
    BackboneError,
    CpuBackbone,
)
from tests.engines import real_bundle, run_python

RUN = "import sys; from alpacasorter.ml.runtime.gpu_trial import main; sys.exit(main(sys.argv[1:]))"


class OnCpu(CpuBackbone):
    """Computes what a GPU should."""


class HalfPrecision(CpuBackbone):
    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return super().embed(pixels).astype(np.float16).astype(np.float32)


class Nonsense(CpuBackbone):
    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return super().embed(pixels)[::-1].copy()


class NotANumber(CpuBackbone):
    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return super().embed(pixels) * np.float32(np.nan)


def raising(error: Exception) -> Callable[[bytes], CpuBackbone]:
    def start(_: bytes) -> CpuBackbone:
        raise error

    return start


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], tuple[int, dict[str, object]]]:
    """Runs the trial with something else in the place of the GPU; gives exit code and report."""

    def run(gpu: object) -> tuple[int, dict[str, object]]:
        monkeypatch.setattr(gpu_trial, "GpuBackbone", gpu)
        report = tmp_path / "report.json"
        code = gpu_trial.main([str(real_bundle().backbone_path), "256", str(report)])
        return code, json.loads(report.read_text(encoding="utf-8"))

    return run


@pytest.mark.parametrize("gpu", [OnCpu, HalfPrecision])
def test_a_gpu_that_computes_rightly_is_timed(
    gpu: object, trial: Callable[[object], tuple[int, dict[str, object]]]
) -> None:
    code, report = trial(gpu)
    assert code == 0
    assert set(report) == {"milliseconds", "difference"}
    assert float(str(report["milliseconds"])) > 0
    assert float(str(report["difference"])) <= gpu_trial.TOLERANCE


@pytest.mark.parametrize("gpu", [Nonsense, NotANumber])
def test_a_gpu_that_computes_nonsense_is_refused(
    gpu: object, trial: Callable[[object], tuple[int, dict[str, object]]]
) -> None:
    assert trial(gpu) == (1, {"problem": GPU_IS_WRONG})


def test_every_error_becomes_a_code(trial: Callable[[object], tuple[int, dict[str, object]]]) -> None:
    assert trial(raising(BackboneError(NO_GPU))) == (1, {"problem": NO_GPU})
    for error in (ImportError("No module named 'x'"), OSError(5, "DLL"), RuntimeError("kLiteRt")):
        assert trial(raising(error)) == (1, {"problem": GPU_DOES_NOT_RUN})


def test_the_process_reports_and_exits(tmp_path: Path) -> None:
    broken, report = tmp_path / "broken.tflite", tmp_path / "report.json"
    broken.write_bytes(b"no network")
    assert run_python(RUN, broken, 256, report).returncode == 1
    assert json.loads(report.read_text())["problem"] in (NO_GPU, DOES_NOT_RUN, GPU_DOES_NOT_RUN)
    assert run_python(RUN).returncode == 2
    assert run_python(RUN, tmp_path / "none.tflite", 256, report).returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="hides the graphics drivers as Vulkan on Linux finds them")
def test_the_program_itself_runs_it(tmp_path: Path) -> None:
    """The frozen program has no Python to start with -m: it starts itself with a flag."""
    report = tmp_path / "report.json"
    script = "import sys; from alpacasorter.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ("--gpu-trial", real_bundle().backbone_path, 256, report)
    assert run_python(script, *arguments, VK_DRIVER_FILES="/nowhere.json").returncode == 1
    assert "problem" in json.loads(report.read_text())
