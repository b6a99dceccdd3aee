"""The article's experiment, reproduced with the training engine, over several seeds.

160 pixels, the split of Keras's directory loader (80/20), batches of 32, MobileNetV2 frozen, average pooling, dropout
0.2, one sigmoid unit, Adam at 1e-3, 20 epochs without early stopping: once without augmentation, once with flip and
rotation. The article ran this once and reports 95% without and 97% with augmentation, on the 65 photos held out.

Over several seeds, the article's augmentation makes it worse, because it turns photos by up to 72 degrees: to a frozen
backbone, they then hardly resemble themselves (docs/decisions/0016-what-the-training-switches-are-worth.md). So the
same is done with photos turned as little as the app turns them.

    python benchmarks/article.py                       five seeds, the weights included with AlpacaSorter
    python benchmarks/article.py --weights keras       ImageNet weights, downloaded by Keras
    python benchmarks/article.py --weights FILE.h5     weights from a file

For each seed, it prints the accuracy on the photos held out: after the last epoch, as the article does, and with the
exact optimum of the same last layer, as AlpacaSorter does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from alpacasorter.training.data.augment import TURN, augmenter
from alpacasorter.training.data.batches import PhotoStore
from alpacasorter.training.data.dataset import Dataset, read_dataset
from alpacasorter.training.data.reading import Listed, Photos, read_photos
from alpacasorter.training.data.similarity import count_across, similarity_of
from alpacasorter.training.data.split import split_examples
from alpacasorter.training.events import Epoch
from alpacasorter.training.fit import Course, Fitting
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import assemble
from alpacasorter.training.network.convert import FrozenBackbone
from alpacasorter.training.outcome import fit_head, rounded
from alpacasorter.training.recipe import SHIPPED, Recipe
from alpacasorter.training.requirements import has_tensorflow, keep_quiet, start

FLIP_AND_ROTATION = frozenset({"flip", "rotation"})
SETTINGS: dict[str, float | None] = {
    "without augmentation": None,
    "with flip and rotation": 0.2,
    "flip, slight rotation": TURN,
}
"""How far photos are turned, at most, in turns; None for no augmentation."""
ARTICLE = {"without augmentation": 0.95, "with flip and rotation": 0.97}
SEEDS = (42, *range(1, 100))


def read(dataset: Dataset, recipe: Recipe, store: PhotoStore, backbone: FrozenBackbone) -> Photos:
    """Read all photos once for all seeds; only the split differs between them."""
    targets = np.array([example.target for example in dataset.examples], dtype=np.int64)
    split = split_examples(dataset, share=recipe.validation_share, seed=recipe.seed)
    reading = read_photos(Listed(dataset, targets, split), store, backbone, lambda: None, recipe)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            photos: Photos = done.value
            return photos


def one_run(
    photos: Photos, recipe: Recipe, store: PhotoStore, backbone: FrozenBackbone, base: object, turn: float | None
) -> float:
    """Train once the way the article does; return the accuracy on the photos held out after the last epoch."""
    start(recipe.seed)
    network = assemble(base, recipe.backbone, recipe.input_side, dropout=recipe.dropout)
    course = Course(recipe.epochs)
    augment = None if turn is None else augmenter(FLIP_AND_ROTATION, recipe.seed, turn=turn)
    fitting = Fitting(photos, store, network, recipe, course, lambda: "", augment=augment)
    for event in fitting.train_head(backbone):
        if isinstance(event, Epoch):
            last = event
    return last.validation_accuracy


def exact_optimum(photos: Photos, recipe: Recipe) -> float:
    """Return the accuracy, on the photos held out, of the head that AlpacaSorter would use."""
    training, held_out = (rounded(photos.pooled[rows]) for rows in (photos.split.training, photos.split.validation))
    similarity = similarity_of(recipe, training, photos.trained_on)
    head = fit_head(training, photos.trained_on, similarity, check=lambda: None).head
    return float(((head.probability(held_out) >= 0.5) == (photos.held_out == 1)).mean())


def summary(name: str, found: Sequence[float], article: float | None) -> str:
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    reference = "" if article is None else f"   article {article:.1%}"
    return (
        f"{name:<24} mean {statistics.mean(found):.1%}   sd {100 * deviation:.1f} points   "
        f"{min(found):.1%} to {max(found):.1%}{reference}"
    )


def meaning(results: dict[str, list[float]], held: int, across: float) -> str:
    plain, *augmented = (results[name] for name in SETTINGS)
    gains = [[100 * (b - a) for a, b in zip(plain, found, strict=True)] for found in augmented]
    mean = statistics.mean(plain + augmented[0])
    chance = 100 * (mean * (1 - mean) / held) ** 0.5
    sentences = (
        f"{held} photos are held out, so one photo is {100 / held:.1f} points.",
        f"Chance alone causes a spread of about {chance:.1f} points (1 sd).",
        f"The article's gain of 2 points is {2 * held / 100:.1f} photos in one split.",
        *(
            f"{name}: {statistics.mean(gain):+.1f} points on average ({min(gain):+.1f} to {max(gain):+.1f})."
            for name, gain in zip(list(SETTINGS)[1:], gains, strict=True)
        ),
        f"On average, {across:.1f} photos held out have a near-duplicate in the training set: this inflates results.",
    )
    return "\n".join(sentences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--weights", default=SHIPPED, help="shipped, keras, or a file")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default: 5)")
    parser.add_argument("--side", type=int, default=160, help="pixels a side (default: 160, the article's)")
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    folder = arguments.photos / "article"
    if not folder.is_dir() or not has_tensorflow():
        print(f"Nothing measured: no photos in {folder}, or no TensorFlow.")
        return
    keep_quiet()
    recipe = Recipe(
        weights=arguments.weights,
        side=arguments.side,
        epochs=arguments.epochs,
        patience=0,
        augmentation=frozenset(),
    )
    device = start(recipe.seed)
    dataset = read_dataset([folder])
    base = load_backbone(recipe.backbone, recipe.weights, recipe.input_side)
    results: dict[str, list[float]] = {name: [] for name in (*SETTINGS, "exact optimum")}
    across: list[int] = []
    with (
        PhotoStore([example.path for example in dataset.examples], recipe.input_side) as store,
        FrozenBackbone(assemble(base, recipe.backbone, recipe.input_side), device) as backbone,
    ):
        everything = read(dataset, recipe, store, backbone)
        print(f"{len(dataset.examples)} photos, {recipe.input_side} px, weights: {recipe.weights}, on the {device}")
        print(f"| seed | {' | '.join(results)} | seconds |\n|---|---|---|---|---|")
        for seed in SEEDS[: arguments.seeds]:
            began = time.perf_counter()
            split = split_examples(dataset, share=recipe.validation_share, seed=seed)
            photos = replace(everything, split=split)
            for name, turn in SETTINGS.items():
                chosen = replace(recipe, seed=seed)
                results[name].append(one_run(photos, chosen, store, backbone, base, turn))
            results["exact optimum"].append(exact_optimum(photos, recipe))
            pooled = photos.pooled
            similarity = similarity_of(recipe, pooled, photos.targets)
            across.append(count_across(pooled[split.validation], pooled[split.training], similarity))
            row = " | ".join(f"{found[-1]:.1%}" for found in results.values())
            print(f"| {seed} | {row} | {time.perf_counter() - began:.0f} |", flush=True)
    print()
    for name, found in results.items():
        print(summary(name, found, ARTICLE.get(name)))
    print()
    print(meaning(results, len(split.validation), statistics.mean(across)))


if __name__ == "__main__":
    main()
