"""The trial of an untrusted model, run in its own process: `python -m alpacasorter.ml.models.trial DIR REPORT`.

A bundle is data, and LiteRT only computes with it; but a network can be written, or damaged, in such a way that LiteRT
crashes instead of refusing it, or needs endless memory. Then it takes down this process and not the app. A model that
passes was loaded and has processed a few inputs. The report is written to a file, because a windowed program has no
standard output.
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

from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, BundleError
from alpacasorter.ml.runtime.backbone import (
    CRASHES,
    DOES_NOT_END,
    DOES_NOT_RUN,
    NOT_LOADED,
    TOO_LARGE,
    UNUSABLE_NUMBERS,
    WRONG_SHAPE,
    BackboneError,
    CpuBackbone,
    fits_in,
)
from alpacasorter.ml.runtime.device import ends_in_time

MODEL_TRIAL_FLAG: Final = "--model-trial"
"""First argument that makes a frozen executable run the trial instead of the app."""

TRIAL_SECONDS: Final = 60.0
"""Time limit: loading takes a second, and a usable network a few seconds at most for one input."""

_BASE_BYTES: Final = 512 << 20
_BYTES_PER_PIXEL: Final = 512


def network_memory(bundle: Bundle) -> int:
    """Return the bytes that a network may take besides the program: enough for any that the app can train.

    The runtime keeps the file and a second form of its weights; what is computed grows with the pixels. The largest
    network of the app takes 200 MB at 256 pixels.
    """
    return _BASE_BYTES + 3 * bundle.files[BACKBONE][1] + _BYTES_PER_PIXEL * bundle.input_size**2


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
    """Run the network of a bundle on a few inputs, in this process; return the code of what is wrong with it, or None.

    The inputs are noise, black, white and a gradient, because numbers that grow too large may do so only for some.
    """
    side, network = bundle.input_size, bundle.backbone_path.read_bytes()
    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, side, dtype=np.uint8)[:, np.newaxis, np.newaxis], noise.shape)
    try:
        if not fits_in(network, network_memory(bundle)):
            return TOO_LARGE
        backbone = CpuBackbone(network)
        for pixels in (noise, np.zeros_like(noise), np.full_like(noise, 255), ramp):
            embedding, feature_map = backbone.embed(pixels), backbone.feature_map(pixels)
            if embedding.shape != (bundle.embedding_size,) or feature_map.ndim != 3:
                return WRONG_SHAPE
            # Embeddings are kept as float16.
            with np.errstate(over="ignore", invalid="ignore"):
                kept = embedding.astype(np.float16)
                answers = [head.probability(kept[np.newaxis]) for head in bundle.heads()]
            if not (np.isfinite(kept).all() and np.isfinite(feature_map).all() and np.isfinite(answers).all()):
                return UNUSABLE_NUMBERS
    except BackboneError:
        return DOES_NOT_RUN
    return None


def main(arguments: list[str]) -> int:
    """Run the trial and write its report; return 0 if the model works, 1 if it doesn't, 2 for wrong arguments."""
    if len(arguments) != 2:
        return 2
    folder, report = Path(arguments[0]), Path(arguments[1])
    try:
        bundle = load_bundle(folder)
        _limit_memory(network_memory(bundle))
        problem = run_trial(bundle)
    except BundleError:
        # The parent has loaded it too, so it knows why better than this process could tell.
        problem = NOT_LOADED
    except MemoryError:
        problem = TOO_LARGE
    except Exception:  # noqa: BLE001  # whatever happens here, it only means that the model is not used
        problem = DOES_NOT_RUN
    report.write_text(json.dumps({"problem": problem}), encoding="utf-8")
    return 0 if problem is None else 1


def _limit_memory(extra: int) -> None:
    """Have this process fail if it needs so many bytes more than now, as far as the system can do that."""
    # On Windows a process can't set such a limit for itself, and macOS accepts it but does not enforce it.
    if sys.platform == "linux":
        import resource

        # Loaded now, so that it does not count.
        import ai_edge_litert.interpreter  # noqa: F401

        with contextlib.suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            hard_limit = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, hard_limit))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
