"""The trial of an untrusted model, run in its own process: `python -m alpacasorter.ml.models.trial DIR REPORT`.

A bundle is data, and LiteRT only computes with it; but a network can be written, or damaged, in such a way that LiteRT
crashes instead of refusing it. Then it takes down this process and not the app. A model that passes was loaded and has
processed one input. The report is written to a file, because a windowed program has no standard output.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from alpacasorter.ml.models.bundle import Bundle, BundleError, load_bundle
from alpacasorter.ml.runtime.backbone import (
    CRASHES,
    DOES_NOT_END,
    DOES_NOT_RUN,
    NOT_LOADED,
    UNUSABLE_NUMBERS,
    WRONG_SHAPE,
    BackboneError,
    CpuBackbone,
)
from alpacasorter.ml.runtime.device import ends_in_time

MODEL_TRIAL_FLAG: Final = "--model-trial"
"""First argument that makes a frozen executable run the trial instead of the app."""

TRIAL_SECONDS: Final = 60.0
"""Time limit: loading takes a second, and a usable network a few seconds at most for one input."""

MEMORY_LIMIT: Final = 8 << 30
"""Bytes of address space, where the system can limit them: a small file can describe a network of any size."""


def try_model(
    folder: Path, *, seconds: float = TRIAL_SECONDS, stopped: Callable[[], bool] = lambda: False
) -> str | None:
    """Load a bundle and run its network once in a child process.

    Args:
        folder: the bundle.
        seconds: time limit.
        stopped: polled during the trial, which ends when it returns True.

    Returns:
        None if it works, else a code that `backbone.sentence` puts in words.

    Raises:
        TrialStopped: `stopped` returned True, so nothing is known.
    """
    # On Windows, a file that a killed process had open can't be deleted right away.
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as scratch:
        report = Path(scratch) / "report.json"
        frozen = getattr(sys, "frozen", False)
        program = (
            [sys.executable, MODEL_TRIAL_FLAG] if frozen else [sys.executable, "-m", "alpacasorter.ml.models.trial"]
        )
        try:
            if not ends_in_time([*program, str(folder), str(report)], seconds, stopped):
                return DOES_NOT_END
            outcome = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A crashed process leaves no report.
            outcome = None
    if not isinstance(outcome, dict) or "problem" not in outcome:
        return CRASHES
    return None if outcome["problem"] is None else str(outcome["problem"])


def run_trial(bundle: Bundle) -> str | None:
    """Run the network of a bundle once, in this process; return the code of what is wrong with it, or None."""
    side = bundle.input_size
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    try:
        embedding, feature_map = backbone.embed(pixels), backbone.feature_map(pixels)
    except BackboneError:
        return DOES_NOT_RUN
    if embedding.shape != (bundle.embedding_size,) or feature_map.ndim != 3:
        return WRONG_SHAPE
    # Embeddings are kept as float16.
    with np.errstate(over="ignore"):
        usable = np.isfinite(embedding.astype(np.float16)).all() and np.isfinite(feature_map).all()
    return None if usable else UNUSABLE_NUMBERS


def main(arguments: list[str]) -> int:
    """Run the trial and write its report; return 0 if the model works, 1 if it doesn't, 2 for wrong arguments."""
    if len(arguments) != 2:
        return 2
    folder, report = Path(arguments[0]), Path(arguments[1])
    _limit_memory()
    try:
        problem = run_trial(load_bundle(folder))
    except BundleError:
        # The parent has loaded it too, so it knows why better than this process could tell.
        problem = NOT_LOADED
    except Exception:  # noqa: BLE001  # whatever happens here, it only means that the model is not used
        problem = DOES_NOT_RUN
    report.write_text(json.dumps({"problem": problem}), encoding="utf-8")
    return 0 if problem is None else 1


def _limit_memory() -> None:
    # On Windows a process can't set such a limit for itself, and macOS accepts it but does not enforce it.
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            hard_limit = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, hard_limit))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
