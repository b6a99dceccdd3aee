"""Which device runs the model, the CPU or a GPU: both are timed once.

That a GPU exists says nothing, because a software GPU gives correct results at a hundredth of the speed.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from alpacasorter.i18n import _, number
from alpacasorter.ml.runtime.backbone import (
    GPU_CRASHED,
    GPU_CRASHED_BEFORE,
    GPU_NO_ANSWER,
    NO_GPU,
    Backbone,
    BackboneError,
    CpuBackbone,
    GpuBackbone,
    sentence,
)

Preference = Literal["auto", "cpu", "gpu"]

GPU_TRIAL_FLAG = "--gpu-trial"
"""First argument that makes a frozen executable run the trial instead of the app."""

TRIAL_SECONDS = 30.0
"""Time limit of the GPU trial. A slow driver needs some seconds to compile its shaders the first time."""

MAX_THREADS = 8
"""Each thread keeps an interpreter of about 25 MB; beyond 8 threads the disk is the bottleneck, not the CPU."""

_POLL_SECONDS = 0.1
_KILL_SECONDS = 2.0
_TRIAL_KEY = "gpu-trial"
_IN_USE_KEY = "gpu-in-use"


class DeviceError(Exception):
    """The requested device can't be used; `str()` is a sentence for the user."""


class TrialStopped(Exception):
    """The GPU trial was stopped before it ended."""


class Settings(Protocol):
    """A persistent store of small values (the cache)."""

    def get_value(self, name: str) -> str | None:
        """Return the value stored under `name`, or None."""
        ...

    def set_value(self, name: str, value: str) -> None:
        """Store `value` under `name`."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """The device that runs the model.

    Attributes:
        kind: "cpu" or "gpu".
        threads: decoding threads; if kind is "cpu", each of them also runs the model.
        milliseconds: measured time per photo with all threads working; 0.0 if it was not measured.
        note: why this device, a sentence.
    """

    kind: Literal["cpu", "gpu"]
    threads: int
    milliseconds: float
    note: str


@dataclass(frozen=True, slots=True)
class Trial:
    """The timing of both devices.

    Attributes:
        cpu: milliseconds per photo on one thread; 0.0 if unknown.
        gpu: milliseconds per photo, or None if the GPU can't be used or was not tried.
        problem: why the GPU can't be used, a code that `backbone.sentence` puts in words; empty if it can.
        gpu_tried: whether the GPU was tried.
    """

    cpu: float
    gpu: float | None = None
    problem: str = ""
    gpu_tried: bool = True


def available_threads() -> int:
    """Return how many threads a scan uses: the CPU cores this process may use, MAX_THREADS at most."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(cores, MAX_THREADS))


def time_cpu(model: bytes, side: int, *, rounds: int = 5) -> float:
    """Return the milliseconds per photo on one CPU thread, the median of `rounds` after a warm-up."""
    backbone = CpuBackbone(model)
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    backbone.embed(pixels)
    times = []
    for _round in range(rounds):
        start = time.perf_counter()
        backbone.embed(pixels)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def try_gpu(
    model_path: Path, side: int, *, seconds: float = TRIAL_SECONDS, stopped: Callable[[], bool] = lambda: False
) -> tuple[float | None, str]:
    """Time the GPU in a child process.

    Args:
        model_path: the .tflite file.
        side: pixels of its input.
        seconds: time limit.
        stopped: polled during the trial, which ends when it returns True.

    Returns:
        Milliseconds per photo and "", or None and the code of the reason why the GPU can't be used.

    Raises:
        TrialStopped: `stopped` returned True, so nothing is known.
    """
    # On Windows, a file that a killed process had open can't be deleted right away.
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as folder:
        report = Path(folder) / "report.json"
        frozen = getattr(sys, "frozen", False)
        module = ["-m", "alpacasorter.ml.runtime.gpu_trial"]
        program = [sys.executable, *([GPU_TRIAL_FLAG] if frozen else module)]
        try:
            if not ends_in_time([*program, str(model_path), str(side), str(report)], seconds, stopped):
                return None, GPU_NO_ANSWER
            outcome = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A driver that crashes leaves no report.
            outcome = None
    if not isinstance(outcome, dict):
        return None, GPU_CRASHED
    milliseconds = outcome.get("milliseconds")
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        return float(milliseconds), ""
    return None, str(outcome.get("problem") or NO_GPU)


def ends_in_time(command: list[str], seconds: float, stopped: Callable[[], bool]) -> bool:
    """Run a program and return whether it ended within `seconds`; otherwise it is killed.

    Raises:
        TrialStopped: `stopped`, which is polled meanwhile, returned True.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            if stopped():
                raise TrialStopped
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
                return True
        return False
    finally:
        process.kill()
        # A process that hangs inside its driver may survive even this; that must not hang the app.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_SECONDS)


def remembered_trial(settings: Settings, backbone_id: str) -> Trial | None:
    """Return the result of an earlier trial on this machine with this backbone, or None."""
    if settings.get_value(_IN_USE_KEY) == "1":
        # The app crashed while the GPU was starting: never try it again on this machine.
        settings.set_value(_IN_USE_KEY, "0")
        trial = Trial(cpu=0.0, problem=GPU_CRASHED_BEFORE)
        _remember(settings, backbone_id, trial)
        return trial
    try:
        stored = json.loads(settings.get_value(_TRIAL_KEY) or "")
        if stored["machine"] != _machine(backbone_id):
            return None
        gpu = stored["gpu"]
        return Trial(float(stored["cpu"]), None if gpu is None else float(gpu), str(stored["problem"]))
    except (ValueError, KeyError, TypeError):
        return None


def cpu_trial(model_path: Path, side: int) -> Trial:
    """Time only the CPU: at startup, when nothing else runs that would distort the timing and users want no delay."""
    return Trial(time_cpu(model_path.read_bytes(), side), gpu_tried=False)


def try_gpu_too(
    trial: Trial,
    settings: Settings,
    backbone_id: str,
    model_path: Path,
    side: int,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Trial:
    """Add the GPU's timing to that of the CPU in `trial`; store and return the result.

    Raises:
        TrialStopped: `stopped` returned True.
    """
    gpu, problem = try_gpu(model_path, side, stopped=stopped)
    # After a crash, the CPU's timing is unknown too.
    cpu = trial.cpu or time_cpu(model_path.read_bytes(), side)
    complete = Trial(cpu, gpu, problem)
    _remember(settings, backbone_id, complete)
    return complete


def choose(preference: Preference, trial: Trial) -> Device:
    """Return the device to use.

    With "auto", the GPU is used only if it is faster than all CPU threads together.

    Raises:
        DeviceError: the GPU was requested and can't be used.
    """
    threads = available_threads()
    cpu_milliseconds = trial.cpu / threads
    if preference == "gpu":
        if trial.gpu is None:
            raise DeviceError(_("The GPU can't be used. {reason}").format(reason=sentence(trial.problem)))
        return Device("gpu", threads + 1, trial.gpu, _("Chosen by you."))
    if preference == "auto" and trial.gpu is not None and trial.gpu < cpu_milliseconds:
        return Device("gpu", threads + 1, trial.gpu, _("Faster than the CPU here."))
    if preference == "cpu":
        note = _("Chosen by you.")
    elif not trial.gpu_tried:
        note = _("The GPU has not been tried yet.")
    elif trial.gpu is None:
        note = sentence(trial.problem)
    else:
        note = _("Faster than the GPU here, which takes {milliseconds} ms per photo.").format(
            milliseconds=number(round(trial.gpu))
        )
    return Device("cpu", threads, cpu_milliseconds, note)


def open_backbone(device: Device, model: bytes, side: int, settings: Settings) -> Backbone:
    """Return the backbone on a device, ready to run.

    A GPU is marked as in use until it has processed its first input, so that the next start knows if its driver
    crashed here.

    Raises:
        BackboneError: it does not run.
    """
    if device.kind == "cpu":
        return CpuBackbone(model)
    settings.set_value(_IN_USE_KEY, "1")
    try:
        backbone = GpuBackbone(model)
        backbone.embed(np.zeros((side, side, 3), dtype=np.uint8))
    except BackboneError:
        settings.set_value(_IN_USE_KEY, "0")
        raise
    settings.set_value(_IN_USE_KEY, "0")
    return backbone


def _remember(settings: Settings, backbone_id: str, trial: Trial) -> None:
    settings.set_value(_TRIAL_KEY, json.dumps({"machine": _machine(backbone_id), **asdict(trial)}))


def _machine(backbone_id: str) -> str:
    """Return what a trial is valid for. A new graphics driver is not noticed; the settings have a button for that."""
    return "|".join((backbone_id, platform.node(), platform.machine(), platform.release(), str(available_threads())))
