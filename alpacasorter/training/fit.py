"""The training loop: Adam on binary cross-entropy, with early stopping; the weights of the best epoch are kept.

There are two phases: first the head alone, on the frozen backbone, then optionally the backbone's last layers too.
Retraining starts from the best head there is for the frozen backbone; if no epoch is better, nothing is changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.models.head import sigmoid
from alpacasorter.ml.runtime.backbone import scale_pixels
from alpacasorter.training.data.augment import augmenter
from alpacasorter.training.data.batches import PhotoStore, Pictures, Rows, shuffled
from alpacasorter.training.data.reading import Photos
from alpacasorter.training.events import RETRAINING, STEPS_TOO_LARGE, TRAINING, Epoch, Stage
from alpacasorter.training.network.classifier import Network
from alpacasorter.training.network.convert import FrozenBackbone
from alpacasorter.training.outcome import MAX_SAMPLES, plain_head
from alpacasorter.training.recipe import Recipe

Probabilities = npt.NDArray[np.float64]

Orders = Callable[[], Literal["", "finish", "stop"]]
"""Returns what the user has ordered: nothing, to make the model of the best epoch so far, or to make none."""

Batches = Callable[[int], Iterable[tuple[Rows, npt.NDArray[np.float32]]]]
"""From the number of an epoch to its batches: rows (n,) and the model's inputs for them (n, ...)."""

_MIN_PROBABILITY = 1e-7
_VIEWS = 3
_WARM_UP_EPOCHS = 2


class StopOrdered(Exception):
    """The user no longer wants a model."""


class TrainingError(Exception):
    """The run failed. The message is a code or a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One of the two phases of a run.

    Attributes:
        name: "head" or "retrain".
        epochs: at most.
        patience: epochs without a better validation loss after which it ends; 0 for never.
        rate: Adam's learning rate.
        averaged: whether the weights that are judged and kept are the mean of those after each epoch so far, in which
            the n-th epoch counts n times. At a rate at which the backbone learns something, single epochs jump up and
            down, and their mean is better than most.
        warm_up: steps over which the rate rises to `rate`. Adam's first steps are as long as all others, although it
            knows little of the direction yet: without a warm-up, retraining first loses several points.
    """

    name: Literal["head", "retrain"]
    epochs: int
    patience: int
    rate: float
    averaged: bool = False
    warm_up: int = 0


@dataclass(slots=True)
class Course:
    """The state of a run, over both phases.

    Attributes:
        total: epochs at most.
        epochs: those done.
        best_loss: lowest validation loss so far.
        finishing: whether the user has ordered the model of the best epoch so far.
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
    judge: Callable[[], Probabilities],
    held_out: npt.NDArray[np.int64],
    course: Course,
    orders: Orders,
) -> Generator[Epoch, None, None]:
    """Train a Keras model with a sigmoid output, and leave it with the weights of the best epoch.

    If `course.best_loss` was measured with the weights the model starts with, those count as an epoch too: so
    retraining never leaves a model that is worse on the held-out photos.

    Args:
        model: not compiled yet.
        phase: its settings.
        batches: of an epoch.
        targets: 0 or 1 by row.
        judge: returns the model's probabilities of the held-out photos, (m,).
        held_out: targets of those, 0 or 1, (m,).
        course: updated in place; continues from the phase before.
        orders: called before each batch; "finish" is obeyed once an epoch is done.

    Raises:
        StopOrdered: the user ordered it.
        TrainingError: the loss is no longer finite.
    """
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(phase.rate), loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    best = mean = model.get_weights()
    worse = 0
    for done in range(phase.epochs):
        number = len(course.epochs) + 1
        begun = time.perf_counter()
        figures = _one_epoch(model, phase, batches(number), targets, course, orders)
        if figures is None:
            break
        loss, accuracy = figures
        kept = reached = model.get_weights()
        if phase.averaged:
            share = 2.0 / (done + 2)
            kept = mean = [old + share * (new - old) for old, new in zip(mean, reached, strict=True)]
            model.set_weights(kept)
        validation_loss, validation_accuracy = score(judge(), held_out)
        if not (math.isfinite(loss) and math.isfinite(validation_loss)):
            raise TrainingError(STEPS_TOO_LARGE)
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
            course.best_loss, best, worse = validation_loss, kept, 0
        else:
            worse += 1
        yield epoch
        if phase.patience and worse >= phase.patience:
            break
        if phase.averaged:
            model.set_weights(reached)
    model.set_weights(best)


def _one_epoch(
    model: Any,
    phase: Phase,
    batches: Iterable[tuple[Rows, npt.NDArray[np.float32]]],
    targets: npt.NDArray[np.int64],
    course: Course,
    orders: Orders,
) -> tuple[float, float] | None:
    """Return (loss, accuracy), or None if the user has ordered the model of the best epoch so far."""
    count, loss, right = 0, 0.0, 0.0
    for rows, x in batches:
        obey(course, orders)
        if course.finishing:
            return None
        step = int(model.optimizer.iterations)
        if step < phase.warm_up:
            model.optimizer.learning_rate = phase.rate * (step + 1) / phase.warm_up
        # The figures are those of this batch alone.
        figures = model.train_on_batch(x, targets[rows].astype(np.float32)[:, np.newaxis], return_dict=True)
        count += len(rows)
        loss += len(rows) * float(figures["loss"])
        right += len(rows) * float(figures["accuracy"])
    return loss / count, right / count


def obey(course: Course, orders: Orders) -> None:
    """Obey what the user has ordered.

    Raises:
        StopOrdered: no model is wanted any more.
    """
    order = orders()
    if order == "stop":
        raise StopOrdered
    # Before the first epoch is done, there is nothing to make a model from.
    course.finishing = order == "finish" and bool(course.epochs)


def score(probabilities: Probabilities, targets: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return binary cross-entropy and accuracy as Keras computes them, for probabilities and targets 0/1, both (n,)."""
    p = np.clip(probabilities, _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY)
    loss = -np.where(targets == 1, np.log(p), np.log(1.0 - p)).mean()
    return float(loss), float(((probabilities > 0.5) == (targets == 1)).mean())


class Fitting:
    """The two phases of one run.

    Attributes:
        views: pooled outputs of the frozen backbone for the training photos after augmentation, float32 (n, c), from
            the first epochs: as many as `outcome.fit_head` can use.
        retrained: whether retraining has changed the network.
    """

    def __init__(
        self,
        photos: Photos,
        store: PhotoStore,
        network: Network,
        recipe: Recipe,
        course: Course,
        orders: Orders,
        *,
        augment: Callable[[Pictures], Pictures] | None = None,
    ) -> None:
        """Prepare the augmentation; nothing is trained yet. `augment` replaces that of the recipe."""
        self._photos, self._store, self._network = photos, store, network
        self._recipe, self._course, self._orders = recipe, course, orders
        if augment is None and recipe.augmentation:
            augment = augmenter(recipe.augmentation, recipe.seed)
        self._augment = augment
        self.views: list[npt.NDArray[np.float32]] = []
        self.retrained = False

    def train_head(self, backbone: FrozenBackbone) -> Generator[Stage | Epoch, None, Probabilities]:
        """Train the head; return its probabilities of the held-out photos, (m,)."""
        photos, recipe = self._photos, self._recipe
        pooled = photos.pooled[photos.split.validation]
        trained_on = photos.split.training
        kept = min(_VIEWS, MAX_SAMPLES // max(1, len(trained_on)) - 1)

        def batches(number: int) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
            if self._augment is not None:
                view = np.empty((len(trained_on), photos.pooled.shape[1]), dtype=np.float32)
                for rows, pictures in self._pictures(number):
                    vectors = backbone(pictures)
                    view[np.searchsorted(trained_on, rows)] = vectors
                    yield rows, vectors
                if len(self.views) < kept:
                    self.views.append(view)
                return
            # Nothing before the head changes from epoch to epoch, so the backbone needs to run only once.
            order = shuffled(photos.split.training, recipe.seed, number)
            for start in range(0, len(order), recipe.batch_size):
                rows = order[start : start + recipe.batch_size]
                yield rows, photos.pooled[rows]

        def judge() -> Probabilities:
            return np.asarray(self._network.head(pooled, training=False), dtype=np.float64)[:, 0]

        yield Stage(TRAINING)
        yield from run_phase(
            self._network.head,
            Phase("head", recipe.epochs, recipe.patience, recipe.learning_rate),
            batches=batches,
            targets=photos.targets,
            judge=judge,
            held_out=photos.held_out,
            course=self._course,
            orders=self._orders,
        )
        return judge()

    def retrain(self) -> Generator[Stage | Epoch, None, Probabilities]:
        """Train the backbone's last layers and the head; return the probabilities of the held-out photos, (m,).

        If no epoch was better than the best head for the frozen backbone, the weights stay as they were.
        """
        photos, recipe, network = self._photos, self._recipe, self._network
        yield Stage(RETRAINING)
        self._start_from_the_best_head()
        network.unfreeze(recipe.retrain_layers)
        classifier = network.classifier()

        def batches(number: int) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
            for rows, pictures in self._pictures(number):
                yield rows, scale_pixels(pictures)

        def judge() -> Probabilities:
            parts = []
            for _, pictures in self._store.batches(photos.split.validation, recipe.batch_size):
                obey(self._course, self._orders)
                parts.append(classifier.predict_on_batch(scale_pixels(pictures))[:, 0])
            return np.concatenate(parts).astype(np.float64)

        self._course.best_loss = before = score(judge(), photos.held_out)[0]
        yield from run_phase(
            classifier,
            Phase(
                "retrain",
                recipe.retrain_epochs,
                recipe.patience,
                recipe.retrain_rate,
                averaged=True,
                warm_up=_WARM_UP_EPOCHS * math.ceil(len(photos.split.training) / recipe.batch_size),
            ),
            batches=batches,
            targets=photos.targets,
            judge=judge,
            held_out=photos.held_out,
            course=self._course,
            orders=self._orders,
        )
        network.freeze()
        self.retrained = self._course.best_loss < before
        return judge()

    def _start_from_the_best_head(self) -> None:
        """Give the output unit its exact optimum if that is better on the held-out photos than what Keras trained.

        From a head that is far from it, the first steps would change the backbone to make up for the head.
        """
        photos, network = self._photos, self._network
        if network.dense:
            return
        trained_on, held_out = photos.split.training, photos.split.validation
        best = plain_head(photos.pooled[trained_on], photos.trained_on)
        logits = best.logits(photos.pooled[held_out].astype(np.float64))
        if score(np.asarray(sigmoid(logits), dtype=np.float64), photos.held_out)[0] < self._course.best_loss:
            network.set_output(best.weights, best.bias)

    def _pictures(self, number: int) -> Iterator[tuple[Rows, Pictures]]:
        order = shuffled(self._photos.split.training, self._recipe.seed, number)
        for rows, pictures in self._store.batches(order, self._recipe.batch_size):
            yield rows, pictures if self._augment is None else self._augment(pictures)
