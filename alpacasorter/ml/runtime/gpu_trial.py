"""The GPU trial, run in its own process: `python -m alpacasorter.ml.runtime.gpu_trial MODEL SIDE REPORT`.

A graphics driver may crash or hang; then it takes down this process and not the app. The report is written to a file,
because a windowed program has no standard output.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from alpacasorter.ml.runtime.backbone import (
    GPU_DOES_NOT_RUN,
    GPU_IS_WRONG,
    BackboneError,
    CpuBackbone,
    GpuBackbone,
)

ROUNDS = 5
TOLERANCE = 0.02
"""Largest allowed difference from the CPU's embedding, whose values run from 0 to about 6.

A GPU that computes in half precision is off by about 0.005; one that computes nonsense, by more than 0.1."""


def run_trial(model: bytes, side: int) -> dict[str, object]:
    """Time the GPU on `side` x `side` pixels of noise and compare its result with the CPU's.

    Returns:
        {"milliseconds": median per photo, "difference": ...} if it works, else {"problem": code}.

    Raises:
        BackboneError: the network can't be run.
    """
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    gpu = GpuBackbone(model)
    embedding = gpu.embed(pixels)
    difference = float(np.abs(embedding - CpuBackbone(model).embed(pixels)).max())
    if not difference <= TOLERANCE:
        return {"problem": GPU_IS_WRONG}
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        gpu.embed(pixels)
        times.append((time.perf_counter() - start) * 1e3)
    return {"milliseconds": statistics.median(times), "difference": difference}


def main(arguments: list[str]) -> int:
    """Run the trial and write its report; return 0 if the GPU works, 1 if it doesn't, 2 for wrong arguments."""
    if len(arguments) != 3:
        return 2
    model, side, report = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    try:
        outcome = run_trial(model.read_bytes(), side)
    except BackboneError as error:
        outcome = {"problem": error.code}
    except Exception:  # noqa: BLE001  # whatever a driver does here, it only means that the GPU is not used
        outcome = {"problem": GPU_DOES_NOT_RUN}
    report.write_text(json.dumps(outcome), encoding="utf-8")
    return 1 if "problem" in outcome else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
