"""The rounds of a training: Adam on binary cross-entropy, early stopping, the best round kept.

The two phases of a training: the head on the frozen backbone, then the backbone's last layers too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.runtime.backbone import scale_pixels
from alpacasorter.training.data.augment import augmenter
from alpacasorter.training.data.batches import PhotoStore, Pictures, Rows, shuffled
from alpacasorter.training.data.reading import Photos
from alpacasorter.training.events import Epoch, Stage
from alpacasorter.training.network.classifier import Network
from alpacasorter.training.network.convert import FrozenBackbone
from alpacasorter.training.recipe import Recipe

Asked = Callable[[], Literal["", "finish", "stop"]]
"""What the user wants by now: nothing, the model from what there is, or none at all."""

Batches = Callable[[int], Iterable[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]]
"""From the number of the epoch to its batches: rows (n,) and what the model reads of them (n, ...)."""

_LEAST_PROBABILITY = 1e-7


class StopAsked(Exception):
    """The user wants no model any more."""


class TrainingError(Exception):
    """The training came to nothing. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One of the two parts of a training.

    Attributes:
        name: "head" or "retrain".
        epochs: at most.
        patience: rounds without a better validation loss after which it ends; 0 for never.
        rate: Adam's learning rate.
    """

    name: Literal["head", "retrain"]
    epochs: int
    patience: int
    rate: float


@dataclass(slots=True)
class Course:
    """How a training goes, over both phases.

    Attributes:
        total: epochs at most.
        epochs: those done.
        best_loss: least validation loss so far.
        finishing: whether the user asked for the model from what there is.
    """

    total: int
    epochs: list[Epoch] = field(default_factory=list)
    best_loss: float = math.inf
    finishing: bool = False


def run_phase(
    model: Any,
    phase: Phase,
    *,
    batches: Batches,
    targets: npt.NDArray[np.int64],
    judge: Callable[[], npt.NDArray[np.float64]],
    held_out: npt.NDArray[np.int64],
    course: Course,
    asked: Asked,
) -> Generator[Epoch, None, None]:
    """Train a Keras model with a sigmoid output, and leave it with the weights of the round that was best.

    The weights it comes with count as a round too, where `course.best_loss` was measured with them: so retraining
    never leaves a model that is worse on the photos held out.

    Args:
        model: not compiled yet.
        phase: what to do.
        batches: of an epoch.
        targets: 0 or 1 by row.
        judge: gives the model's probabilities of the photos held out (m,).
        held_out: what those are, 0 or 1, (m,).
        course: goes on with the phase before.
        asked: looked at before each batch; "finish" is obeyed once a round is done.

    Raises:
        StopAsked: the user asked for that.
        TrainingError: the loss is no number any more.
    """
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(phase.rate), loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    best = model.get_weights()
    worse = 0
    for _ in range(phase.epochs):
        number = len(course.epochs) + 1
        begun = time.perf_counter()
        figures = _one_epoch(model, batches(number), targets, course, asked)
        if figures is None:
            break
        loss, accuracy = figures
        validation_loss, validation_accuracy = score(judge(), held_out)
        if not (math.isfinite(loss) and math.isfinite(validation_loss)):
            raise TrainingError(
                "The loss grew beyond all numbers, so nothing was learned. Choose a smaller learning rate."
            )
        epoch = Epoch(
            phase=phase.name,
            number=number,
            total=course.total,
            loss=loss,
            accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            seconds=time.perf_counter() - begun,
        )
        course.epochs.append(epoch)
        if validation_loss < course.best_loss:
            course.best_loss, best, worse = validation_loss, model.get_weights(), 0
        else:
            worse += 1
        yield epoch
        if phase.patience and worse >= phase.patience:
            break
    model.set_weights(best)


def _one_epoch(
    model: Any,
    batches: Iterable[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]],
    targets: npt.NDArray[np.int64],
    course: Course,
    asked: Asked,
) -> tuple[float, float] | None:
    """Return (loss, accuracy), or None where the user wants the model from what there is."""
    count, loss, right = 0, 0.0, 0.0
    for rows, x in batches:
        look(course, asked)
        if course.finishing:
            return None
        # Its figures are those of this batch alone.
        figures = model.train_on_batch(x, targets[rows].astype(np.float32)[:, np.newaxis], return_dict=True)
        count += len(rows)
        loss += len(rows) * float(figures["loss"])
        right += len(rows) * float(figures["accuracy"])
    return loss / count, right / count


def look(course: Course, asked: Asked) -> None:
    """Take note of what the user wants.

    Raises:
        StopAsked: no model any more.
    """
    wish = asked()
    if wish == "stop":
        raise StopAsked
    # Before a round is done there is nothing that a model could be made from.
    course.finishing = wish == "finish" and bool(course.epochs)


def score(probabilities: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return binary cross-entropy and accuracy as Keras counts them, for probabilities and targets 0/1 (n,)."""
    p = np.clip(probabilities, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
    loss = -np.where(targets == 1, np.log(p), np.log(1.0 - p)).mean()
    return float(loss), float(((probabilities > 0.5) == (targets == 1)).mean())


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
