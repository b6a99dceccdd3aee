"""Which device judges: the CPU or a GPU, chosen by timing both once.

A software GPU answers correctly at a hundredth of the speed, so that a GPU exists says nothing: only the clock does.
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

from alpacasorter.ml.runtime.backbone import Backbone, BackboneError, CpuBackbone, GpuBackbone

Preference = Literal["auto", "cpu", "gpu"]

GPU_TRIAL_FLAG = "--gpu-trial"
"""First argument by which a frozen executable runs the trial instead of the app."""

TRIAL_SECONDS = 30.0
"""Time limit of the GPU trial. Compiling shaders the first time takes a slow driver some seconds."""

MAX_THREADS = 8
"""Each thread keeps an interpreter of some 25 MB; beyond 8 the disk is the bottleneck, not the processor."""

_ASK_SECONDS = 0.1
_DEATH_SECONDS = 2.0
_TRIAL_KEY = "gpu-trial"
_IN_USE_KEY = "gpu-in-use"


class DeviceError(Exception):
    """The device that was asked for can't be used; `str()` is a plain sentence."""


class TrialStopped(Exception):
    """The trial of the GPU was given up before it ended."""


class Settings(Protocol):
    """A store of small values that outlives the program (the cache)."""

    def get_value(self, name: str) -> str | None:
        """Return the value stored under `name`, or None."""
        ...

    def set_value(self, name: str, value: str) -> None:
        """Store `value` under `name`."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """The device that judges.

    Attributes:
        kind: "cpu" or "gpu".
        threads: decoding threads, each of which judges too where kind is "cpu".
        milliseconds: measured time a photo, all threads working; 0.0 where it wasn't measured.
        note: why this one, in plain words.
    """

    kind: Literal["cpu", "gpu"]
    threads: int
    milliseconds: float
    note: str


@dataclass(frozen=True, slots=True)
class Trial:
    """The timing of both devices.

    Attributes:
        cpu: milliseconds a photo on one thread.
        gpu: milliseconds a photo, or None where it can't be used or was not tried.
        problem: why it can't be used, in plain words.
        gpu_tried: whether it was tried.
    """

    cpu: float
    gpu: float | None = None
    problem: str = ""
    gpu_tried: bool = True


def available_threads() -> int:
    """Return how many threads a scan uses: the processor's cores this process may use, 8 at most."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, min(cores, MAX_THREADS))


def time_cpu(model: bytes, side: int, *, rounds: int = 5) -> float:
    """Return the milliseconds that one photo takes on one CPU thread, the median of `rounds` after a warm-up."""
    backbone = CpuBackbone(model)
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    backbone.embed(pixels)
    times = []
    for _ in range(rounds):
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
        stopped: asked all the while; the trial is given up when it says so.

    Returns:
        Milliseconds a photo and "", or None and the reason why it can't be used.

    Raises:
        TrialStopped: it was given up, so nothing is known.
    """
    # On Windows a file that a killed process had open can't be deleted at once.
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as folder:
        report = Path(folder) / "report.json"
        frozen = getattr(sys, "frozen", False)
        module = ["-m", "alpacasorter.ml.runtime.gpu_trial"]
        program = [sys.executable, *([GPU_TRIAL_FLAG] if frozen else module)]
        try:
            if not ends_in_time([*program, str(model_path), str(side), str(report)], seconds, stopped):
                return None, "The graphics driver did not answer."
            outcome = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A driver that crashes leaves no report.
            outcome = None
    if not isinstance(outcome, dict):
        return None, "The graphics driver crashed."
    milliseconds = outcome.get("milliseconds")
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        return float(milliseconds), ""
    return None, str(outcome.get("problem") or "No graphics processor was found.")


def ends_in_time(command: list[str], seconds: float, stopped: Callable[[], bool]) -> bool:
    """Run a program; tell whether it came to its end. One that doesn't is killed.

    Raises:
        TrialStopped: `stopped`, which is asked all the while, said so.
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
                process.wait(_ASK_SECONDS)
                return True
        return False
    finally:
        process.kill()
        # A process that hangs inside its driver may not even die: that must not hang the app, too.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_DEATH_SECONDS)


def remembered_trial(settings: Settings, backbone_id: str) -> Trial | None:
    """Return the trial made earlier on this machine with this backbone, or None."""
    if settings.get_value(_IN_USE_KEY) == "1":
        # The app went down while the GPU was starting: never again on this machine.
        settings.set_value(_IN_USE_KEY, "0")
        trial = Trial(cpu=0.0, problem="The graphics driver crashed the last time.")
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


def time_processor(model_path: Path, side: int) -> Trial:
    """Time the CPU alone: for the start, when nothing else runs that would falsify it, and nobody wants to wait."""
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
    """Time the GPU beside the CPU's timing in `trial`, remember and return the outcome.

    Raises:
        TrialStopped: `stopped` said so.
    """
    gpu, problem = try_gpu(model_path, side, stopped=stopped)
    # After a crash even the CPU's timing is unknown.
    cpu = trial.cpu or time_cpu(model_path.read_bytes(), side)
    complete = Trial(cpu, gpu, problem)
    _remember(settings, backbone_id, complete)
    return complete


def choose(preference: Preference, trial: Trial) -> Device:
    """Return the device to use.

    With "auto" the GPU serves only where it is faster than all CPU threads together.

    Raises:
        DeviceError: the GPU is asked for and can't be used.
    """
    threads = available_threads()
    cpu_milliseconds = trial.cpu / threads
    if preference == "gpu":
        if trial.gpu is None:
            raise DeviceError(f"The graphics processor can't be used. {trial.problem}")
        return Device("gpu", threads + 1, trial.gpu, "chosen by you")
    if preference == "auto" and trial.gpu is not None and trial.gpu < cpu_milliseconds:
        return Device("gpu", threads + 1, trial.gpu, "faster than the processor here")
    if preference == "cpu":
        note = "chosen by you"
    elif not trial.gpu_tried:
        note = "the graphics processor was not tried yet"
    elif trial.gpu is None:
        note = trial.problem
    else:
        note = f"faster than the graphics processor here, which takes {trial.gpu:.0f} ms a photo"
    return Device("cpu", threads, cpu_milliseconds, note)


def open_backbone(device: Device, model: bytes, side: int, settings: Settings) -> Backbone:
    """Return the running backbone of a device.

    A GPU is marked as in use until its first photo is through, so that a driver that crashes here is known at the
    next start.

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
    """What a trial is valid for. A new graphics driver is not seen here; Settings has "Try again" for that."""
    return "|".join((backbone_id, platform.node(), platform.machine(), platform.release(), str(available_threads())))
