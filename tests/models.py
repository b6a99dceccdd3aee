"""Other models for tests: the shipped one with another description, so that it really judges."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alpacasorter import paths
from alpacasorter.ml.models.bundle import Replay, load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, CARD, HEAD, METADATA, REPLAY
from alpacasorter.training.finish import write_bundle
from tests.ml.bundles import variants_of

GOATS: dict[str, object] = {
    "name": "Goats",
    "version": "0.3",
    "class_names": ["other", "goat"],
    "display_names": {"goat": "Goat", "other": "Something else"},
}


def describe(folder: Path, **changes: object) -> None:
    """Change what a model says of itself."""
    file = folder / METADATA
    data = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(data | changes), encoding="utf-8")


def other_model(folder: Path, **changes: object) -> Path:
    """Copy the shipped model to `folder`, without its Keras weights, with other metadata."""
    shipped = paths.bundled_model()
    folder.mkdir(parents=True)
    files = json.loads((shipped / METADATA).read_text(encoding="utf-8"))["files"]
    for name in (METADATA, BACKBONE, HEAD, REPLAY, CARD):
        shutil.copyfile(shipped / name, folder / name)
    describe(folder, files={name: files[name] for name in (BACKBONE, HEAD, REPLAY, CARD)}, **changes)
    return folder


def model_with_variants(folder: Path, *, few: bool = True, **changes: object) -> Path:
    """Write the shipped model to `folder` with the variants "wide", which it is, and "narrow", which is the opposite.

    Args:
        folder: the model.
        few: whether it has only a tenth of the replay set, so that it learns in no time.
        changes: in its metadata.
    """
    shipped = load_bundle(paths.bundled_model())
    step = 10 if few else 1
    replay = Replay(shipped.replay.embeddings[::step], shipped.replay.labels[::step], shipped.replay.weights[::step])
    data = json.loads((shipped.path / METADATA).read_text(encoding="utf-8"))
    write_bundle(
        folder,
        metadata=data | changes,
        backbone=shipped.backbone_path.read_bytes(),
        head=shipped.head,
        replay=replay,
        keras_weights=None,
        card="# Ponies\n",
        variants=variants_of(replay, shipped.head),
    )
    return folder


def replace_backbone(folder: Path, network: bytes) -> None:
    """Give a model another network, with everything that is said of it put right."""
    (folder / BACKBONE).write_bytes(network)
    data = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    digest = hashlib.sha256(network).hexdigest()
    files = data["files"] | {BACKBONE: {"sha256": digest, "bytes": len(network)}}
    describe(folder, files=files, backbone_id=digest[:16])


VARIANTS: dict[str, Any] = {
    "setting": {"en": "Ponies & donkeys count as", "de": "Ponys und Esel zählen als"},
    "first_question": {"en": "What do ponies count as for you?"},
    "choices": [
        {
            "name": "wide",
            "title": {"en": "Alpaca"},
            "question": {"en": "Are ponies alpacas for you?"},
            "answer": {"en": "Ponies are alpacas"},
        },
        {
            "name": "narrow",
            "title": {"en": "Not alpaca"},
            "question": {"en": "Are ponies not alpacas for you?"},
            "answer": {"en": "Ponies are not alpacas"},
        },
    ],
}


def with_ponies(folder: Path, *, default: str = "wide", **changes: object) -> npt.NDArray[np.float32]:
    """Give a model in `folder` two variants: "narrow" does not count ponies as the positive class, and "wide" does.

    Args:
        folder: where to put the model, which is otherwise the shipped one.
        default: the variant that is used unless the user chooses the other.
        changes: to what is said about the variants.

    Returns:
        What the embedding of a pony has more than that of a photo of the positive class, float32 (n,). To the shipped
        head and in the photos of the replay set, this direction means nearly nothing.
    """
    other_model(folder)
    head, replay = dict(np.load(folder / HEAD)), dict(np.load(folder / REPLAY))
    weights, known = head["weights"], replay["embeddings"].astype(np.float64)
    size = len(weights)
    # Mostly the eigenvectors with the smallest eigenvalues.
    least = np.linalg.solve(known.T @ known + 1e-6 * np.eye(size), np.random.default_rng(0).normal(size=size))
    least -= weights * (least @ weights) / (weights @ weights)
    least /= np.linalg.norm(least)
    heads = {"wide": weights, "narrow": weights - 5.0 * least}
    other = "narrow" if default == "wide" else "wide"
    np.savez(
        folder / HEAD,
        **{"weights": heads[default], f"weights.{other}": heads[other], f"bias.{other}": head["bias"]},
        bias=head["bias"],
    )
    np.savez(folder / REPLAY, **replay, **{f"labels.{other}": replay["labels"], f"weights.{other}": replay["weights"]})
    data = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    for name in (HEAD, REPLAY):
        written = (folder / name).read_bytes()
        data["files"][name] = {"sha256": hashlib.sha256(written).hexdigest(), "bytes": len(written)}
    choices = [
        one if one["name"] == default else one | {"calibration": data["calibration"]} for one in VARIANTS["choices"]
    ]
    variants = VARIANTS | {"default": default, "choices": choices} | changes
    describe(folder, files=data["files"], variants=variants)
    return (4.0 * least).astype(np.float32)
