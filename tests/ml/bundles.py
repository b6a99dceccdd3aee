"""Small bundles for tests: real files written by the real writer, around a backbone that is no network."""

from pathlib import Path

import numpy as np

from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import Bundle, Replay
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.models.variants import Variant, Variants
from alpacasorter.ml.runtime import backbone
from alpacasorter.training.finish import write_bundle

L2 = 2.0


def replay_set(n: int = 40, size: int = 64, seed: int = 0) -> Replay:
    """Embeddings of two classes that overlap a little."""
    random = np.random.default_rng(seed)
    labels = (np.arange(n) % 2).astype(np.uint8)
    vectors = np.abs(random.normal(size=(n, size)) + 0.4 * labels[:, np.newaxis] * (np.arange(size) < size // 4))
    return Replay(vectors.astype(np.float16), labels, np.ones(n, dtype=np.float32))


def metadata(**changes: object) -> dict[str, object]:
    return {
        "name": "Test",
        "version": "1.0.0",
        "created": "2026-01-01",
        "class_names": ["not_alpaca", "alpaca"],
        "display_names": {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"},
        "input_size": 224,
        "preprocessing": backbone.NAME,
        "threshold": 0.5,
        "head": {"l2": L2},
        "learning": {"correction_weight": 3.0, "yield_similarity": 0.9},
        "quality": {"out_of_fold": {"all": {"accuracy": 0.9}}},
        **changes,
    }


def make_bundle(folder: Path, replay: Replay | None = None, **changes: object) -> Bundle:
    replay = replay or replay_set()
    solution = fit_logistic(replay.embeddings, replay.labels, replay.weights, L2)
    return write_bundle(
        folder,
        metadata=metadata(**changes),
        backbone=b"no network, but bytes enough to be hashed",
        head=Head(solution.weights, solution.bias, Calibration(0.9, 0.0)),
        replay=replay,
        keras_weights={"conv/kernel": np.ones((1, 2), dtype=np.float32)},
        card="# Test\n",
    )


def variants_of(replay: Replay, head: Head) -> Variants:
    """Return a head as the variant "wide", and one that is the opposite of it as "narrow"."""
    narrow = Head(-head.weights, -head.bias, Calibration(0.8, 0.25))
    labels, weights = 1 - replay.labels, np.where(np.arange(len(replay.labels)) % 3, 1.0, 0.0).astype(np.float32)
    return Variants(
        "wide",
        {"en": "Ponies count as", "de": "Ponys zählen als"},
        (
            Variant("wide", {"en": "Horse", "de": "Pferd"}, head, replay.labels, replay.weights),
            Variant(
                "narrow",
                {"en": "Not horse", "de": "Kein Pferd"},
                narrow,
                labels.astype(np.uint8),
                weights,
                {"en": "Are ponies not horses for you?", "de": "Sind Ponys für Sie keine Pferde?"},
                {"en": "Ponies are not horses"},
            ),
        ),
        {"en": "What do ponies count as?"},
    )


def make_bundle_with_variants(folder: Path, replay: Replay | None = None, **changes: object) -> Bundle:
    """Write a bundle with the variants of `variants_of`."""
    replay = replay or replay_set()
    solution = fit_logistic(replay.embeddings, replay.labels, replay.weights, L2)
    head = Head(solution.weights, solution.bias, Calibration(0.9, 0.0))
    return write_bundle(
        folder,
        metadata=metadata(**changes),
        backbone=b"no network, but bytes enough to be hashed",
        head=head,
        replay=replay,
        keras_weights=None,
        card="# Test\n",
        variants=variants_of(replay, head),
    )
