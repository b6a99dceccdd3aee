"""Noticeable learning: how quickly AlpacaSorter adopts a user's own definition, and what that costs elsewhere.

A simulated user opens a new folder and corrects the most confident mistakes, one at a time. It prints the errors that
remain in the rest of the folder (the photos not corrected), and the accuracy, after the same corrections, on photos of
the article's set that neither the network nor the head has seen.

    python benchmarks/personal.py --work DIR                                     the shipped settings
    python benchmarks/personal.py --work DIR --weights 1 3 --likeness 0.6 0.65 --l2 2 8    a table of other settings

No photo is judged by a network that was trained on it: the last blocks are retrained for each fold. DIR is where
`build_bundle --retrain --work DIR` saved them; without them, the first run retrains for half an hour (`--backbone`).

"llamas": 46 llamas and vicuñas that this user tags as not alpaca, among the held-out photos of `more`.
"strangers": all of `more`, opened by a user whose model was only trained on the article's set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter import paths
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import Bundle, LearningSettings, Replay, load_bundle
from alpacasorter.ml.models.head import Head

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tools.model_maker.tasks import TaskResult

CHECKPOINTS = (0, 1, 3, 5, 10, 20)
PHOTOS = Path(__file__).resolve().parent.parent.parent / "shared" / "photos"

LLAMAS_AMONG_ALPACAS = frozenset(Path(__file__).with_name("llamas_among_alpacas.txt").read_text().split())
"""Photos in `article/alpaca` that show, or may show, llamas, vicuñas or guanacos, judged by eye. The "llamas" user
disagrees with the article's labels on these, so they count neither for nor against the head."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One fold: the model, the user's folder and tags, and photos of the article's set.

    Attributes:
        start: the bundle as it would be shipped without this fold.
        folder, said: float16 embeddings (n, c) and labels (n,).
        article, targets: float16 embeddings (m, c) and labels (m,).
        agreed: photos that the user and the article label the same, (m,).
    """

    start: Bundle
    folder: npt.NDArray[np.float16]
    said: npt.NDArray[np.uint8]
    article: npt.NDArray[np.float16]
    targets: npt.NDArray[np.int64]
    agreed: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Result:
    """Remaining errors in the folder, and accuracy in % on the article's photos (agreed, all), per checkpoint."""

    errors: tuple[float, ...]
    agreed: tuple[float, ...]
    all: tuple[float, ...]


def scenes(arguments: argparse.Namespace, bundle: Bundle) -> dict[str, list[Scene]]:
    """Return the scenes of both users, retraining whatever is not in the work folder yet."""
    import numpy as np

    from alpacasorter.ml.learning.folds import FOLDS, assign_folds, groups_of_near_duplicates, splits
    from alpacasorter.training.data.dataset import find_photos, read_dataset
    from alpacasorter.training.network.backbones import load_backbone
    from alpacasorter.training.network.classifier import with_focus
    from tools.model_maker.last_blocks import LastBlocks, Plan
    from tools.model_maker.retraining import Photos, fold_tasks
    from tools.model_maker.tasks import Task, TaskRunner

    dataset = read_dataset([arguments.photos / "article", arguments.photos / "more"], positive=bundle.positive_label)
    lookalikes = tuple(find_photos(arguments.photos / "lookalike" / "llama")[0])
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    photos = Photos(dataset.examples, targets)
    runner = TaskRunner(arguments.work, str(arguments.backbone), bundle.input_size, targets, Plan())
    maps = runner.stored_maps()
    if maps is None:
        raise SystemExit("First run build_bundle --retrain --work with the same folder, to save views of the photos.")
    backbone = load_backbone("mobilenet_v2", runner.backbone, runner.side)
    plain = LastBlocks(with_focus(backbone)).embed(maps.large[: len(targets), 0])
    groups = groups_of_near_duplicates(plain)
    folds, tasks = fold_tasks(photos, groups, arguments.seeds)
    done = runner.run(tasks, say=print)

    article = photos.of_source("article")
    disputed = np.array([e.path.stem in LLAMAS_AMONG_ALPACAS for e in photos.examples], dtype=np.bool_)
    llamas = np.array([not path.name.startswith("ambiguous") for path in lookalikes], dtype=np.bool_)
    found: dict[str, list[Scene]] = {"llamas": [], "strangers": []}
    pairs = [(fold, judge) for fold in folds for _, judge in splits(fold)]
    for result, (_, judge) in zip(done, pairs, strict=True):
        embeddings = result.embeddings
        strange = embeddings[len(targets) :][llamas]
        others, judged = judge[~article[judge]], judge[article[judge]]
        found["llamas"].append(
            Scene(
                started(bundle, result, targets),
                np.concatenate([strange, embeddings[others]]),
                np.concatenate([np.zeros(len(strange)), targets[others]]).astype(np.uint8),
                embeddings[judged],
                targets[judged],
                ~disputed[judged],
            )
        )
    own = np.flatnonzero(article)
    renumbered = np.unique(groups[own], return_inverse=True)[1].astype(np.int64)
    fold = assign_folds(renumbered, targets[own], seed=0)
    alone = [Task(f"article-fold{number}", own[train], 5000 + number) for number, (train, _) in enumerate(splits(fold))]
    assert len(alone) == FOLDS
    for result, (_, judge) in zip(runner.run(alone, say=print), splits(fold), strict=True):
        embeddings, judged = result.embeddings, own[judge]
        found["strangers"].append(
            Scene(
                started(bundle, result, targets),
                embeddings[: len(targets)][~article],
                targets[~article].astype(np.uint8),
                embeddings[judged],
                targets[judged],
                np.ones(len(judged), dtype=np.bool_),
            )
        )
    return found


def started(bundle: Bundle, result: TaskResult, targets: npt.NDArray[np.int64]) -> Bundle:
    """Return the bundle as if it had been built from the photos of one result."""
    import numpy as np

    rows = result.rows
    labels = targets[rows].astype(np.uint8)
    return replace(
        bundle,
        head=Head(result.weights, result.bias, bundle.calibration),
        replay=Replay(result.embeddings[rows], labels, np.ones(len(rows), dtype=np.float32)),
    )


def simulate(scene: Scene, settings: LearningSettings) -> Result:
    """Simulate one user's corrections, and measure at each checkpoint."""
    import numpy as np

    learner, head = Learner(replace(scene.start, learning=settings)), scene.start.head
    corrected: list[int] = []
    errors: list[float] = []
    agreed: list[float] = []
    everything: list[float] = []
    for count in range(CHECKPOINTS[-1] + 1):
        logits = head.logits(scene.folder)
        wrong = (logits >= 0) != (scene.said == 1)
        wrong[corrected] = False
        if count in CHECKPOINTS:
            right = (head.logits(scene.article) >= 0) == (scene.targets == 1)
            errors.append(float(wrong.sum()))
            agreed.append(100 * float(right[scene.agreed].mean()))
            everything.append(100 * float(right.mean()))
        if wrong.any() and count < CHECKPOINTS[-1]:
            corrected.append(int(np.argmax(np.where(wrong, np.abs(logits), -1.0))))
            head = learner.learn(scene.folder[corrected], scene.said[corrected])
    return Result(tuple(errors), tuple(agreed), tuple(everything))


def table(found: dict[str, list[Scene]], choices: Sequence[LearningSettings]) -> None:
    """Print the means over all folds."""
    import numpy as np

    heads = [f"errors after {n}" for n in CHECKPOINTS] + [f"article after {n}" for n in CHECKPOINTS] + ["all after 10"]
    print(f"| folder | l2 | weight | likeness | {' | '.join(heads)} |")
    print("|---|---|---|---|" + "---|" * len(heads))
    for kind, of_kind in found.items():
        for settings in choices:
            runs = [simulate(scene, settings) for scene in of_kind]
            errors = np.mean([run.errors for run in runs], axis=0)
            agreed = np.mean([run.agreed for run in runs], axis=0)
            last = float(np.mean([run.all[CHECKPOINTS.index(10)] for run in runs]))
            cells = [f"{value:.1f}" for value in (*errors, *agreed, last)]
            chosen = (settings.l2, settings.correction_weight, settings.yield_similarity)
            print(f"| {kind} | {' | '.join(f'{value:g}' for value in chosen)} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="the folder used with build_bundle --retrain --work")
    parser.add_argument("--backbone", default="keras", help="as for build_bundle")
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--bundle", type=Path, default=paths.bundled_model())
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--l2", type=float, nargs="+")
    parser.add_argument("--weights", type=float, nargs="+")
    parser.add_argument("--likeness", type=float, nargs="+")
    arguments = parser.parse_args()
    if arguments.work is None or not (arguments.photos / "article").is_dir():
        print("Nothing measured: this needs the photos, and --work DIR, the folder used with build_bundle --retrain.")
        return
    bundle = load_bundle(arguments.bundle)
    shipped = bundle.learning
    choices = [
        LearningSettings(*each)
        for each in product(
            arguments.l2 or [shipped.l2],
            arguments.weights or [shipped.correction_weight],
            arguments.likeness or [shipped.yield_similarity],
        )
    ]
    table(scenes(arguments, bundle), choices)


if __name__ == "__main__":
    main()
