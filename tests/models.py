"""Other models for tests: the shipped one with another description, so that it really judges."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter import paths
from alpacasorter.ml.models.bundle import Replay, load_bundle
from alpacasorter.ml.models.metadata import BACKBONE, CARD, HEAD, METADATA, REPLAY
from alpacasorter.ml.models.variants import Variant, Variants
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


def other_backbone(folder: Path, **changes: object) -> Path:
    """Copy the shipped model to `folder` with a network of other weights, and so with other embeddings."""
    made = other_model(folder, **changes)
    network = bytearray((made / BACKBONE).read_bytes())
    # Most of the file is weights. The third byte of a number changes it by less than its half.
    middle = len(network) // 2 // 4 * 4
    for at in range(middle + 2, middle + 40_000, 4):
        network[at] ^= 0x10
    replace_backbone(made, bytes(network))
    return made


def with_ponies(folder: Path, *, default: str = "wide", asks_first: bool = True) -> npt.NDArray[np.float32]:
    """Write the shipped model to `folder` with two variants: "wide" counts ponies as the positive class, "narrow" not.

    Args:
        folder: the model.
        default: the variant that is used unless the user chooses the other.
        asks_first: whether it wants the user to be asked before they correct anything.

    Returns:
        What the embedding of a pony has more than that of a photo of the positive class, float32 (n,). To the shipped
        head and in the photos of the replay set, this direction means nearly nothing.
    """
    shipped = load_bundle(paths.bundled_model())
    replay = Replay(shipped.replay.embeddings[::4], shipped.replay.labels[::4], shipped.replay.weights[::4])
    weights, known = shipped.head.weights, shipped.replay.embeddings.astype(np.float64)
    size = len(weights)
    # Mostly the eigenvectors with the smallest eigenvalues.
    least = np.linalg.solve(known.T @ known + 1e-6 * np.eye(size), np.random.default_rng(0).normal(size=size))
    least -= weights * (least @ weights) / (weights @ weights)
    least /= np.linalg.norm(least)
    heads = {"wide": shipped.head, "narrow": dataclasses.replace(shipped.head, weights=weights - 5.0 * least)}
    words = {
        "wide": ("Alpaca", "Are ponies alpacas for you?", "Ponies are alpacas"),
        "narrow": ("Not alpaca", "Are ponies not alpacas for you?", "Ponies are not alpacas"),
    }
    choices = tuple(
        Variant(name, {"en": title}, heads[name], replay.labels, replay.weights, {"en": question}, {"en": answer})
        for name, (title, question, answer) in words.items()
    )
    first = {"en": "What do ponies count as for you?"} if asks_first else {}
    write_bundle(
        folder,
        metadata=json.loads((shipped.path / METADATA).read_text(encoding="utf-8")),
        backbone=shipped.backbone_path.read_bytes(),
        head=heads[default],
        replay=replay,
        keras_weights=None,
        card="# Ponies\n",
        variants=Variants(default, {"en": "Ponies & donkeys count as"}, choices, first),
    )
    return (4.0 * least).astype(np.float32)
