"""How fast the head learns a user's own idea of an alpaca, and what that costs elsewhere: simulated corrections.

A simulated user opens a folder in which the shipped idea of an alpaca is wrong, and puts the most confident mistakes
right, one at a time. Printed: the errors left on the rest of the folder (the photos not corrected), and the accuracy on
the article's set, each of its photos judged by a head that learned the same corrections but never saw that photo.

    python benchmarks/corrections.py            the shipped settings
    python benchmarks/corrections.py --sweep    a table over correction weights and regularisations
    python benchmarks/corrections.py --timing   how long the answer to a correction takes

Set OPENBLAS_NUM_THREADS=1: on matrices this small, threads of NumPy wait for each other longer than they compute.

Folders: "llamas": 46 llamas and vicuñas that this user calls not alpaca, among alpacas and outdoor pictures held out
from training. "strangers": everything in `more`, judged by a head that was trained on the article's set alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter import paths
from alpacasorter.ml.backbone import CpuBackbone
from alpacasorter.ml.bundle import Bundle, LearningSettings, Replay, load_bundle
from alpacasorter.ml.head import Head
from alpacasorter.ml.learning import Learner
from alpacasorter.ml.logistic import fit_logistic
from alpacasorter.training.dataset import embed_dataset, embed_photos, find_photos, read_dataset
from alpacasorter.training.folds import assign_folds, groups_of_near_duplicates, splits

CHECKPOINTS = (0, 1, 3, 5, 10, 20)
HELD_ALPACAS, HELD_OTHERS = 0.4, 0.3

LLAMAS_AMONG_ALPACAS = frozenset(Path(__file__).with_name("llamas_among_alpacas.txt").read_text().split())
"""Photos in `article/alpaca` that show, or may show, llamas, vicuñas or guanacos, judged by eye: on these the
"llamas" user and the labels of the article disagree, so they count neither for nor against the head there."""

Embeddings = npt.NDArray[np.float16]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Photos:
    """Embeddings of all photos: the article's and `more` by class, and look-alikes."""

    x: Embeddings
    y: Labels
    article: npt.NDArray[np.bool_]
    group: npt.NDArray[np.int64]
    llamas: Embeddings
    disputed: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scene:
    """A user's folder, what the head was trained on before, and which photos of the article's set to judge."""

    folder: Embeddings
    said: Labels
    train: npt.NDArray[np.int64]
    judged: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Errors left on the rest of the folder, and accuracy on the article's set, at each checkpoint."""

    errors: tuple[float, ...]
    article: tuple[float, ...]


def read_photos(folder: Path, bundle: Bundle) -> Photos:
    embed = CpuBackbone(bundle.backbone_path.read_bytes()).embed
    data = embed_dataset(
        read_dataset([folder / "article", folder / "more"], positive=bundle.positive_label),
        side=bundle.input_size,
        embed=embed,
    )
    files = [path for path in find_photos(folder / "lookalike" / "llama")[0] if not path.name.startswith("ambiguous")]
    llamas = [v for v in embed_photos(files, side=bundle.input_size, embed=embed) if not isinstance(v, str)]
    return Photos(
        x=data.embeddings,
        y=data.targets.astype(np.uint8),
        article=data.of_source("article"),
        group=groups_of_near_duplicates(data.embeddings),
        llamas=np.stack(llamas),
        disputed=np.array([example.path.stem in LLAMAS_AMONG_ALPACAS for example in data.examples], dtype=np.bool_),
    )


def scene(photos: Photos, kind: str, seed: int) -> Scene:
    if kind == "strangers":
        more = np.flatnonzero(~photos.article)
        return Scene(photos.x[more], photos.y[more], np.flatnonzero(photos.article), photos.article)
    random = np.random.default_rng(seed)
    # Whole groups, so that no near-duplicate of the folder was trained on; nothing of the article's set is held out.
    free = np.setdiff1d(np.unique(photos.group), photos.group[photos.article])
    positive = np.array([photos.y[photos.group == group].any() for group in free])
    share = np.where(positive, HELD_ALPACAS, HELD_OTHERS)
    held = np.isin(photos.group, free[random.random(len(free)) < share])
    folder = np.concatenate([photos.llamas, photos.x[held]])
    said = np.concatenate([np.zeros(len(photos.llamas), dtype=np.uint8), photos.y[held]])
    return Scene(folder, said, np.flatnonzero(~held), photos.article & ~photos.disputed)


def trained(bundle: Bundle, photos: Photos, rows: npt.NDArray[np.int64], settings: LearningSettings) -> Bundle:
    """Return the bundle as if it had been built from these photos."""
    solution = fit_logistic(photos.x[rows], photos.y[rows], None, settings.l2, tolerance=1e-6)
    return replace(
        bundle,
        head=Head(solution.weights, solution.bias, bundle.calibration),
        replay=Replay(photos.x[rows], photos.y[rows], np.ones(len(rows), dtype=np.float32)),
        learning=settings,
    )


def simulate(bundle: Bundle, photos: Photos, kind: str, seed: int, settings: LearningSettings) -> Outcome:
    at = scene(photos, kind, seed)
    start = trained(bundle, photos, at.train, settings)
    learner, head = Learner(start), start.head
    corrected: list[int] = []
    errors: dict[int, int] = {}
    for count in range(CHECKPOINTS[-1] + 1):
        confidence = np.abs(head.logits(at.folder))
        wrong = (head.logits(at.folder) >= 0) != (at.said == 1)
        wrong[corrected] = False
        errors[count] = int(wrong.sum())
        if not wrong.any():
            break
        corrected.append(int(np.argmax(np.where(wrong, confidence, -1.0))))
        head = learner.learn(at.folder[corrected], at.said[corrected])
    counts = [min(count, len(corrected)) for count in CHECKPOINTS]
    left = [errors.get(count, 0) for count in CHECKPOINTS]
    return Outcome(tuple(map(float, left)), _article_accuracy(bundle, photos, at, corrected, counts, seed, settings))


def _article_accuracy(
    bundle: Bundle,
    photos: Photos,
    at: Scene,
    corrected: Sequence[int],
    counts: Sequence[int],
    seed: int,
    settings: LearningSettings,
) -> tuple[float, ...]:
    right = np.zeros(len(counts))
    strata = photos.y.astype(np.int64) + 2 * photos.article
    fold = assign_folds(photos.group, strata, seed=seed)
    for train, judge in splits(fold):
        rows = judge[at.judged[judge]]
        learner = Learner(trained(bundle, photos, np.intersect1d(train, at.train), settings))
        for place, count in enumerate(counts):
            head = learner.learn(at.folder[corrected[:count]], at.said[corrected[:count]])
            right[place] += ((head.logits(photos.x[rows]) >= 0) == (photos.y[rows] == 1)).sum()
    return tuple(100 * right / at.judged.sum())


def table(bundle: Bundle, photos: Photos, choices: Sequence[LearningSettings], seeds: int) -> None:
    print(f"| folder | l2 | weight | yield | {' | '.join(f'errors after {n}' for n in CHECKPOINTS)} |", end="")
    print(f" {' | '.join(f'article after {n}' for n in CHECKPOINTS)} |")
    print("|---|---|---|---|" + "---|" * 2 * len(CHECKPOINTS))
    for kind in ("llamas", "strangers"):
        for settings in choices:
            runs = [simulate(bundle, photos, kind, seed, settings) for seed in range(seeds)]
            errors = np.mean([run.errors for run in runs], axis=0)
            article = np.mean([run.article for run in runs], axis=0)
            cells = [f"{value:.1f}" for value in (*errors, *article)]
            chosen = (settings.l2, settings.correction_weight, settings.yield_similarity)
            print(f"| {kind} | {' | '.join(f'{value:g}' for value in chosen)} | {' | '.join(cells)} |", flush=True)


def timing(bundle: Bundle, photos: Photos, count: int = 10_000) -> None:
    """Print how long a correction takes, from the click to every one of 10,000 photos judged again."""
    random = np.random.default_rng(0)
    many = photos.x[random.integers(0, len(photos.x), count)].astype(np.float32)
    many *= random.uniform(0.9, 1.1, (count, 1)).astype(np.float32)
    kept = many[:200].astype(np.float16)
    learner = Learner(bundle)
    learn, score = [], []
    for number in range(1, len(kept) + 1):
        begun = time.perf_counter()
        head = learner.learn(kept[:number], np.arange(number) % 2 == 0)
        learned = time.perf_counter()
        head.probability(many)
        learn.append(1000 * (learned - begun))
        score.append(1000 * (time.perf_counter() - learned))
    print("| corrections | learn p50 | learn p95 | judge 10,000 p50 | both p95 (ms) |\n|---|---|---|---|---|")
    for low, high in ((1, 10), (11, 50), (51, 200)):
        part = slice(low - 1, high)
        both = np.add(learn[part], score[part])
        figures = (*np.percentile(learn[part], (50, 95)), np.median(score[part]), np.percentile(both, 95))
        print(f"| {low}-{high} | {' | '.join(f'{value:.0f}' for value in figures)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--bundle", type=Path, default=paths.bundled_model())
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--timing", action="store_true")
    parser.add_argument("--weights", type=float, nargs="+", default=[1, 3, 5, 10, 20])
    parser.add_argument("--l2", type=float, nargs="+", default=None)
    parser.add_argument("--yield-similarity", type=float, nargs="+", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    if not (arguments.photos / "article").is_dir():
        print(f"No photos in {arguments.photos}: nothing measured.")
        return
    photos = read_photos(arguments.photos, bundle)
    if arguments.timing:
        timing(bundle, photos)
        return
    choices = [bundle.learning]
    if arguments.sweep:
        strengths = arguments.l2 or [bundle.learning.l2]
        likeness = arguments.yield_similarity or [bundle.learning.yield_similarity]
        choices = [LearningSettings(*each) for each in product(strengths, arguments.weights, likeness)]
    table(bundle, photos, choices, arguments.seeds)


if __name__ == "__main__":
    main()
