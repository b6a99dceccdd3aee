"""The trial of the GPU, run as a program of its own: `python -m alpacasorter.ml.runtime.gpu_trial MODEL SIDE REPORT`.

A graphics driver may crash or hang; then it takes this process down and not the app. The report is a file and not
standard output, since a windowed program has none.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from alpacasorter.ml.runtime.backbone import BackboneError, CpuBackbone, GpuBackbone

ROUNDS = 5
TOLERANCE = 0.02
"""Largest difference from the CPU's embedding that is allowed, in its own unit (values run from 0 to about 6).

A GPU that computes in half precision is off by some 0.005; one that computes nonsense by more than 0.1."""


def run_trial(model: bytes, side: int) -> dict[str, object]:
    """Time the GPU on `side` x `side` noise and compare it with the CPU.

    Returns:
        {"milliseconds": a photo, median} where it works, or {"problem": sentence}.
    """
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    gpu = GpuBackbone(model)
    embedding = gpu.embed(pixels)
    difference = float(np.abs(embedding - CpuBackbone(model).embed(pixels)).max())
    if not difference <= TOLERANCE:
        return {"problem": "The graphics processor computes wrong results."}
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        gpu.embed(pixels)
        times.append((time.perf_counter() - start) * 1e3)
    return {"milliseconds": statistics.median(times), "difference": difference}


def main(arguments: list[str]) -> int:
    """Run the trial and write its report; 0 where the GPU works, 1 where it doesn't, 2 for wrong arguments."""
    if len(arguments) != 3:
        return 2
    model, side, report = Path(arguments[0]), int(arguments[1]), Path(arguments[2])
    try:
        outcome = run_trial(model.read_bytes(), side)
    except BackboneError as error:
        outcome = {"problem": str(error)}
    except Exception:  # noqa: BLE001  # whatever a driver does here only means that it is not used
        outcome = {"problem": "The graphics processor can't run the model."}
    report.write_text(json.dumps(outcome), encoding="utf-8")
    return 1 if "problem" in outcome else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
