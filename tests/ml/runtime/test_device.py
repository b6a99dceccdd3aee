"""The choice of the device, and the GPU trial with programs that crash, hang and report nonsense."""

import json
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.runtime import device as device_module
from alpacasorter.ml.runtime.backbone import (
    GPU_CRASHED,
    GPU_CRASHED_BEFORE,
    GPU_NO_ANSWER,
    NO_GPU,
    BackboneError,
    CpuBackbone,
    sentence,
)
from alpacasorter.ml.runtime.device import (
    MAX_THREADS,
    Device,
    DeviceError,
    Trial,
    TrialStopped,
    available_threads,
    choose,
    cpu_trial,
    open_backbone,
    remembered_trial,
    try_gpu,
    try_gpu_too,
)
from tests.engines import is_running, real_bundle, run_python, stand_in_for_python
from tests.ml.runtime.test_backbone import SOFTWARE_GPU, software_gpu

CRASH_WITH_THE_GPU = """
import os, sys
from pathlib import Path
from alpacasorter.core.store.cache import Cache
from alpacasorter.ml.runtime import device

class Crashing:
    def __init__(self, model): os._exit(139)

device.GpuBackbone = Crashing
device.open_backbone(device.Device("gpu", 3, 1.0, ""), b"", 224, Cache.open(Path(sys.argv[1])))
"""


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.open(tmp_path / "cache.sqlite") as opened:
        yield opened


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(device_module, "available_threads", lambda: 4)
    return 4


def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "driver", body)))


def writes(text: str) -> str:
    return f"pathlib.Path(sys.argv[-1]).write_text({text!r}, encoding='utf-8')"


def test_as_many_threads_as_cores_within_reason() -> None:
    assert 1 <= available_threads() <= MAX_THREADS


@pytest.mark.parametrize(
    ("gpu", "problem", "kind", "threads_used", "milliseconds"),
    [(5.0, "", "gpu", 5, 5.0), (11.0, "", "cpu", 4, 10.0), (10.0, "", "cpu", 4, 10.0), (None, NO_GPU, "cpu", 4, 10.0)],
)
def test_auto_takes_the_faster_one(
    threads: int, gpu: float | None, problem: str, kind: str, threads_used: int, milliseconds: float
) -> None:
    # One thread takes 40 ms, so all four together take 10 ms per photo.
    device = choose("auto", Trial(40.0, gpu, problem))
    assert (device.kind, device.threads, device.milliseconds) == (kind, threads_used, milliseconds)
    assert device.note.endswith(".")
    if problem:
        assert device.note == sentence(problem)


def test_auto_before_the_gpu_was_tried(threads: int) -> None:
    device = choose("auto", Trial(40.0, gpu_tried=False))
    assert (device.kind, device.threads, device.milliseconds) == ("cpu", 4, 10.0)
    assert "not been tried" in device.note


def test_the_user_decides(threads: int) -> None:
    cpu, gpu = choose("cpu", Trial(40.0, 1.0)), choose("gpu", Trial(40.0, 500.0))
    assert (cpu.kind, cpu.threads, cpu.milliseconds) == ("cpu", 4, 10.0)
    assert (gpu.kind, gpu.threads, gpu.milliseconds) == ("gpu", 5, 500.0)
    assert cpu.note == gpu.note
    with pytest.raises(DeviceError) as caught:
        choose("gpu", Trial(40.0, None, NO_GPU))
    assert str(caught.value).endswith(sentence(NO_GPU))


def test_a_sentence_that_an_earlier_version_stored_is_still_shown(threads: int) -> None:
    assert choose("auto", Trial(40.0, None, "The graphics driver crashed.")).note == "The graphics driver crashed."


def test_a_trial_is_remembered_on_this_machine_for_this_backbone(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembered_trial(cache, "b") is None
    stand_in(monkeypatch, tmp_path, writes('{"milliseconds": 7.5}'))
    made = try_gpu_too(Trial(40.0, gpu_tried=False), cache, "b", tmp_path, 224)
    assert made == Trial(40.0, 7.5, "", gpu_tried=True)
    assert remembered_trial(cache, "b") == made
    assert remembered_trial(cache, "another") is None
    with monkeypatch.context() as patch:
        patch.setattr(platform, "node", lambda: "another machine")
        assert remembered_trial(cache, "b") is None
    with monkeypatch.context() as patch:
        patch.setattr(device_module, "available_threads", lambda: 64)
        assert remembered_trial(cache, "b") is None
    cache.close()
    with Cache.open(tmp_path / "cache.sqlite") as reopened:
        assert remembered_trial(reopened, "b") == made


@pytest.mark.parametrize("stored", ["", "x", "[]", "{}", "null", '{"machine": 3}'])
def test_a_trial_that_makes_no_sense_is_forgotten(cache: Cache, stored: str) -> None:
    cache.set_value("gpu-trial", stored)
    assert remembered_trial(cache, "b") is None


def test_a_stored_trial_with_odd_numbers_is_forgotten(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path, writes('{"milliseconds": 7.5}'))
    try_gpu_too(Trial(40.0), cache, "b", tmp_path, 224)
    stored = json.loads(cache.get_value("gpu-trial") or "")
    for odd in ({"cpu": "fast"}, {"gpu": []}, {"cpu": None}):
        cache.set_value("gpu-trial", json.dumps(stored | odd))
        assert remembered_trial(cache, "b") is None


def test_after_a_crash_the_gpu_is_never_started_again(tmp_path: Path) -> None:
    path = tmp_path / "crash.sqlite"
    assert run_python(CRASH_WITH_THE_GPU, path).returncode == 139
    for _ in range(3):
        with Cache.open(path) as cache:
            trial = remembered_trial(cache, "b")
            assert trial is not None
            device = choose("auto", trial)
            assert (trial.problem, device.kind) == (GPU_CRASHED_BEFORE, "cpu")
            with pytest.raises(DeviceError, match="crashed"):
                choose("gpu", trial)


def test_trying_again_after_a_crash_times_both(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set_value("gpu-in-use", "1")
    crashed = remembered_trial(cache, "b")
    assert crashed == Trial(0.0, None, GPU_CRASHED_BEFORE)
    stand_in(monkeypatch, tmp_path, writes('{"milliseconds": 0.001}'))
    bundle = real_bundle()
    again = try_gpu_too(crashed, cache, "b", bundle.backbone_path, bundle.input_size)
    assert again.cpu > 0
    assert choose("auto", again).kind == "gpu"


def test_a_gpu_that_does_not_start_leaves_no_mark(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(CpuBackbone):
        def __init__(self, model: bytes) -> None:
            assert cache.get_value("gpu-in-use") == "1"
            raise BackboneError("No.")

    monkeypatch.setattr(device_module, "GpuBackbone", Failing)
    with pytest.raises(BackboneError):
        open_backbone(Device("gpu", 3, 1.0, ""), b"", 224, cache)
    assert cache.get_value("gpu-in-use") == "0"


def test_the_cpu_needs_no_mark(cache: Cache) -> None:
    model = real_bundle().backbone_path.read_bytes()
    backbone = open_backbone(Device("cpu", 2, 1.0, ""), model, 256, cache)
    assert backbone.embed(np.zeros((256, 256, 3), np.uint8)).shape == (1280,)
    assert cache.get_value("gpu-in-use") is None


def test_a_hanging_driver_is_killed_at_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = tmp_path / "pid"
    stand_in(monkeypatch, tmp_path, f"pathlib.Path({str(number)!r}).write_text(str(os.getpid()))\ntime.sleep(100)")
    assert try_gpu(tmp_path, 224, seconds=2.0) == (None, GPU_NO_ANSWER)
    assert not is_running(int(number.read_text()))


def test_a_trial_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    number = tmp_path / "pid"
    stand_in(monkeypatch, tmp_path, f"pathlib.Path({str(number)!r}).write_text(str(os.getpid()))\ntime.sleep(100)")

    def stopped() -> bool:
        return number.exists() and number.read_text() != ""

    with pytest.raises(TrialStopped):
        try_gpu_too(Trial(40.0), cache, "b", tmp_path, 224, stopped=stopped)
    assert not is_running(int(number.read_text()))
    assert remembered_trial(cache, "b") is None, "it says nothing about the driver"


@pytest.mark.parametrize(
    "body",
    [
        "os.abort()",
        "sys.exit(1)",
        writes(""),
        writes("segmentation fault"),
        writes("[1, 2]"),
        writes("3"),
        "pathlib.Path(sys.argv[-1]).write_bytes(b'\\xff\\xfe\\x00')",
        "pathlib.Path(sys.argv[-1]).mkdir()",
    ],
)
def test_a_crash_or_nonsense_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    stand_in(monkeypatch, tmp_path, body)
    assert try_gpu(tmp_path, 224) == (None, GPU_CRASHED)


def test_a_program_that_cannot_be_started_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert try_gpu(tmp_path, 224) == (None, GPU_CRASHED)


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        ('{"milliseconds": 3}', (3.0, "")),
        ('{"milliseconds": 3.25, "difference": 0.0}', (3.25, "")),
        ('{"problem": "It is on fire."}', (None, "It is on fire.")),
        ('{"milliseconds": 0}', (None, NO_GPU)),
        ('{"milliseconds": "fast"}', (None, NO_GPU)),
        ('{"milliseconds": NaN}', (None, NO_GPU)),
        ("{}", (None, NO_GPU)),
    ],
)
def test_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: str, outcome: tuple[float | None, str]
) -> None:
    # What it prints on its streams goes nowhere.
    stand_in(monkeypatch, tmp_path, f"print('chatter' * 100000)\n{writes(report)}")
    assert try_gpu(tmp_path, 224) == outcome


def test_the_frozen_program_tries_with_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path, 'pathlib.Path(sys.argv[-1]).write_text(\'{"problem": "%s"}\' % sys.argv[1:4])')
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert try_gpu(Path("model"), 224) == (None, "['--gpu-trial', 'model', '224']")


def test_timing_the_cpu() -> None:
    bundle = real_bundle()
    start = time.perf_counter()
    trial = cpu_trial(bundle.backbone_path, bundle.input_size)
    assert 0.0 < trial.cpu < (time.perf_counter() - start) * 1e3
    assert not trial.gpu_tried


@software_gpu
def test_a_gpu_made_of_software_works_and_loses(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", str(SOFTWARE_GPU))
    bundle = real_bundle()
    processor = cpu_trial(bundle.backbone_path, bundle.input_size)
    trial = try_gpu_too(processor, cache, bundle.backbone_id, bundle.backbone_path, bundle.input_size)
    assert trial.problem == ""
    assert trial.gpu is not None
    assert choose("auto", trial).kind == "cpu"
    assert choose("gpu", trial).kind == "gpu"
    assert remembered_trial(cache, bundle.backbone_id) == trial
