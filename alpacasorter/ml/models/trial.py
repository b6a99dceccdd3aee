"""The trial of a stranger's model, run as a program of its own: `python -m alpacasorter.ml.models.trial DIR REPORT`.

A bundle is data, and LiteRT only computes with it; but a network can be written, or damaged, in such a way that LiteRT
crashes on it instead of refusing it. Then it takes this process down and not the app. What passes here has been loaded
and has judged one picture. The report is a file and not standard output, since a windowed program has none.
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
from alpacasorter.ml.runtime.backbone import BackboneError, CpuBackbone
from alpacasorter.ml.runtime.device import ends_in_time

MODEL_TRIAL_FLAG: Final = "--model-trial"
"""First argument by which a frozen executable runs the trial instead of the app."""

TRIAL_SECONDS: Final = 60.0
"""Time limit: loading takes a second, and no network that serves takes more than some for one picture."""

MEMORY_LIMIT: Final = 8 << 30
"""Bytes of address space, where the system can limit them: a few lines can describe a network of any size."""

_CRASHES: Final = "its network crashes"
_ENDLESS: Final = "its network does not come to an end"
_DOES_NOT_RUN: Final = "its network can't be run on this computer"


def try_model(
    folder: Path, *, seconds: float = TRIAL_SECONDS, stopped: Callable[[], bool] = lambda: False
) -> str | None:
    """Load a bundle and judge one picture with it in a child process.

    Args:
        folder: the bundle.
        seconds: time limit.
        stopped: asked all the while; the trial is given up when it says so.

    Returns:
        None where it works, else why it doesn't, to go on after a colon.

    Raises:
        TrialStopped: it was given up, so nothing is known.
    """
    # On Windows a file that a killed process had open can't be deleted at once.
    with tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True) as scratch:
        report = Path(scratch) / "report.json"
        frozen = getattr(sys, "frozen", False)
        program = (
            [sys.executable, MODEL_TRIAL_FLAG] if frozen else [sys.executable, "-m", "alpacasorter.ml.models.trial"]
        )
        try:
            if not ends_in_time([*program, str(folder), str(report)], seconds, stopped):
                return _ENDLESS
            outcome = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # One that crashes leaves no report.
            outcome = None
    if not isinstance(outcome, dict) or "problem" not in outcome:
        return _CRASHES
    return None if outcome["problem"] is None else str(outcome["problem"])


def run_trial(bundle: Bundle) -> str | None:
    """Judge one picture, in this process; return why that can't be done, or None."""
    side = bundle.input_size
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    try:
        embedding, feature_map = backbone.embed(pixels), backbone.feature_map(pixels)
    except BackboneError:
        return _DOES_NOT_RUN
    if embedding.shape != (bundle.embedding_size,) or feature_map.ndim != 3:
        return "its network gives other numbers than its description says"
    # Embeddings are kept as float16.
    with np.errstate(over="ignore"):
        usable = np.isfinite(embedding.astype(np.float16)).all() and np.isfinite(feature_map).all()
    return None if usable else "its network gives numbers that can't be used"


def main(arguments: list[str]) -> int:
    """Run the trial and write its report; 0 where the model works, 1 where it doesn't, 2 for wrong arguments."""
    if len(arguments) != 2:
        return 2
    folder, report = Path(arguments[0]), Path(arguments[1])
    _limit_memory()
    try:
        problem = run_trial(load_bundle(folder))
    except BundleError as error:
        problem = error.why
    except Exception:  # noqa: BLE001  # whatever it does here only means that it is not used
        problem = _DOES_NOT_RUN
    report.write_text(json.dumps({"problem": problem}), encoding="utf-8")
    return 0 if problem is None else 1


def _limit_memory() -> None:
    # Windows has no such limit for a process that sets it itself, and macOS takes it without keeping to it.
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
