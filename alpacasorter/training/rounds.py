"""The two phases of a training: the head on the frozen backbone, then the backbone's last layers too."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.runtime.backbone import scale_pixels
from alpacasorter.training.augment import augmenter
from alpacasorter.training.batches import PhotoStore, Pictures, Rows, shuffled
from alpacasorter.training.events import Epoch, Stage
from alpacasorter.training.fit import Asked, Course, Phase, look, run_phase, score
from alpacasorter.training.frozen import FrozenBackbone
from alpacasorter.training.network import Network
from alpacasorter.training.reading import Photos
from alpacasorter.training.recipe import Recipe

Probabilities = npt.NDArray[np.float64]


class Rounds:
    """The rounds over the photos."""

    def __init__(
        self, photos: Photos, store: PhotoStore, network: Network, recipe: Recipe, course: Course, asked: Asked
    ) -> None:
        """Prepare; nothing is trained yet."""
        self._photos, self._store, self._network = photos, store, network
        self._recipe, self._course, self._asked = recipe, course, asked
        self._augment = augmenter(recipe.augmentation, recipe.seed)

    def train_head(self, backbone: FrozenBackbone) -> Generator[Stage | Epoch, None, Probabilities]:
        """Train the head; return its probabilities of the photos held out (m,)."""
        photos, recipe = self._photos, self._recipe
        pooled = photos.pooled[photos.split.validation]

        def batches(number: int) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
            if recipe.augmentation:
                for rows, pictures in self._pictures(number):
                    yield rows, backbone(pictures)
                return
            # Nothing before the head changes from round to round: the backbone has run once, and that is enough.
            order = shuffled(photos.split.training, recipe.seed, number)
            for start in range(0, len(order), recipe.batch_size):
                rows = order[start : start + recipe.batch_size]
                yield rows, photos.pooled[rows]

        def judge() -> Probabilities:
            return np.asarray(self._network.head(pooled, training=False), dtype=np.float64)[:, 0]

        yield Stage("Training")
        yield from run_phase(
            self._network.head,
            Phase("head", recipe.epochs, recipe.patience, recipe.learning_rate),
            batches=batches,
            targets=photos.targets,
            judge=judge,
            held_out=photos.held_out,
            course=self._course,
            asked=self._asked,
        )
        return judge()

    def retrain(self) -> Generator[Stage | Epoch, None, Probabilities]:
        """Train the backbone's last layers and the head; return the probabilities of the photos held out (m,).

        Where no round was better than the head alone, everything is as it was before.
        """
        photos, recipe, network = self._photos, self._recipe, self._network
        yield Stage("Retraining the last layers")
        network.unfreeze(recipe.retrain_layers)
        classifier = network.classifier()

        def batches(number: int) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
            for rows, pictures in self._pictures(number):
                yield rows, scale_pixels(pictures)

        def judge() -> Probabilities:
            parts = []
            for _, pictures in self._store.batches(photos.split.validation, recipe.batch_size):
                look(self._course, self._asked)
                parts.append(classifier.predict_on_batch(scale_pixels(pictures))[:, 0])
            return np.concatenate(parts).astype(np.float64)

        self._course.best_loss = score(judge(), photos.held_out)[0]
        yield from run_phase(
            classifier,
            Phase("retrain", recipe.retrain_epochs, recipe.patience, recipe.retrain_rate),
            batches=batches,
            targets=photos.targets,
            judge=judge,
            held_out=photos.held_out,
            course=self._course,
            asked=self._asked,
        )
        network.freeze()
        return judge()

    def _pictures(self, number: int) -> Iterator[tuple[Rows, Pictures]]:
        order = shuffled(self._photos.split.training, self._recipe.seed, number)
        for rows, pictures in self._store.batches(order, self._recipe.batch_size):
            yield rows, self._augment(pictures) if self._recipe.augmentation else pictures
