"""Writing a bundle folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.models.bundle import (
    BACKBONE,
    CARD,
    FORMAT,
    HEAD,
    KERAS_WEIGHTS,
    METADATA,
    REPLAY,
    Bundle,
    Replay,
    load_bundle,
)
from alpacasorter.ml.models.head import Head


def write_bundle(
    out: Path,
    *,
    metadata: Mapping[str, Any],
    backbone: bytes,
    head: Head,
    replay: Replay,
    keras_weights: Mapping[str, npt.NDArray[np.float32]] | None,
    card: str,
) -> Bundle:
    """Write a bundle to the folder `out` and return it as the app will load it.

    It is built beside `out`, loaded with every check, and only then takes the place of what was there.

    Args:
        metadata: everything of model.json that does not follow from the other arguments.
        keras_weights: float32 arrays by "layer/variable", or None for a bundle that can't be retrained more deeply.

    Raises:
        BundleError: what was to be written makes no valid bundle. `out` is as before.
        OSError: it can't be written. `out` is as before.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        (folder / BACKBONE).write_bytes(backbone)
        np.savez(folder / HEAD, weights=head.weights, bias=np.float64(head.bias))
        np.savez(folder / REPLAY, embeddings=replay.embeddings, labels=replay.labels, weights=replay.weights)
        if keras_weights is not None:
            # The names hold a slash, which np.savez takes as they are: members of the archive, never paths on disk.
            arrays: dict[str, Any] = dict(keras_weights)
            np.savez(folder / KERAS_WEIGHTS, **arrays)
        (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
        files = {path.name: _facts(path) for path in sorted(folder.iterdir())}
        complete = {
            "format": FORMAT,
            **metadata,
            "embedding_size": int(head.weights.size),
            "backbone_id": files[BACKBONE]["sha256"][:16],
            "calibration": {"scale": head.calibration.scale, "offset": head.calibration.offset},
            "files": files,
        }
        text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / METADATA).write_text(text, encoding="utf-8", newline="\n")
        load_bundle(folder)
        _swap(folder, out, Path(scratch) / "previous")
    return load_bundle(out)


def _facts(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _swap(new: Path, out: Path, aside: Path) -> None:
    """Put `new` in the place of `out`; no system replaces a folder with something in it, so that steps aside first."""
    if not out.exists():
        new.rename(out)
        return
    out.rename(aside)
    try:
        new.rename(out)
    except BaseException:
        # Whatever it was, Ctrl+C included: the folder is gone and must come back.
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)
