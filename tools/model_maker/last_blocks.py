"""Retrains the last blocks of a network on stored feature maps, with one output unit for each variant of the classes.

A run starts from the pretrained weights, with the exact optimum on their embeddings as its output units. The weights of
its last steps are averaged, those of several runs, too, and the result is mixed with the pretrained ones: what a
network merely memorizes changes from step to step and from run to run, and part of what the pretrained one knew about
everything else is kept (Izmailov et al. 2018: "Averaging weights leads to wider optima"; Wortsman et al. 2022: "Model
soups", "Robust fine-tuning of zero-shot models").

Batches consist of views of single photos and of scenes composed of several. What the frozen backbone misses most are
animals far away. So some of the photos appear small: four of them in one picture, or one of them pasted into a picture
of the negative class. They are composed from feature maps (at a 16th of the resolution), which costs nothing and leaves
no edges for the later layers to learn from, as composing pixels would.

A network can also learn from a teacher (Hinton et al. 2015: "Distilling the knowledge in a neural network"): from its
probabilities, for photos with and without a label, and from its embedding of each view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import Float, fit_logistic

Arrays = list[npt.NDArray[np.float32]]
Map = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_EMBED_BATCH: Final = 64
_BATCH_NORM: Final = "BatchNormalization"
_WARM_UP_STEPS: Final = 20
_LEAST_RATE: Final = 0.15
"""The learning rate falls along a cosine to this share of its peak, so that the averaged steps still differ."""
_PLAIN: Final = 0.15
"""Share of the photo itself and its mirror image among the single views."""
_POSITIVE: Final = 0.99
"""Targets are 0.99 and 0.01: a network that is certain of every training photo would be too certain of all others."""
_IMITATION_RIDGE: Final = 1.0
_SUMMARY: Final = 128
"""Numbers that are left of the teacher's embedding: its directions of largest variance."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the last blocks are retrained; the values were chosen by cross-validation (docs/decisions).

    Attributes:
        epochs: passes over the photos.
        learning_rate: of AdamW at its peak.
        weight_decay: of AdamW.
        batch_size: samples per step.
        dropout: share of the embedding that is dropped at random.
        averaged: share of the steps, the last ones, whose weights are averaged.
        scenes: share of samples that are composed of several photos.
        l2: regularization of the output units that a run starts with.
        taught: share of the teacher's probability in the target of a labeled photo.
        imitation: weight of the squared difference from the teacher's embedding in the loss.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 1e-4
    batch_size: int = 32
    dropout: float = 0.2
    averaged: float = 0.4
    scenes: float = 0.0
    l2: float = 8.0
    taught: float = 0.0
    imitation: float = 0.0


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a teacher says about all photos.

    Attributes:
        probabilities: float32 (n, views, variants).
        embeddings: (n, views, size).
    """

    probabilities: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Material:
    """What a run learns from.

    Attributes:
        maps: float16 (n, views, h, w, c) of all photos; the first two views are the photo and its mirror image.
        small: float16 (n, small views, h / 2, w / 2, c) for scenes; None for none.
        views: for each photo, which of its views there are.
        targets: (n, variants): 1, 0, or -1 for none.
        lessons: of the teacher, or None.
    """

    maps: npt.NDArray[np.float16]
    small: npt.NDArray[np.float16] | None
    views: Sequence[tuple[int, ...]]
    targets: npt.NDArray[np.int64]
    lessons: Lessons | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of one step.

    Attributes:
        maps: float32 (size, h, w, c).
        targets: float32 (size, variants), shares of 1.
        weights: float32 (size, variants), 0 where there is no target.
        views: (size, 2): the row and the view of single photos, -1 and -1 for scenes.
    """

    maps: Map
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    views: Rows


class Samples:
    """Draws batches."""

    def __init__(self, material: Material, rows: Rows, plan: Plan) -> None:
        """Draw from these rows of the material; photos without any target only if there is a teacher."""
        labeled = (material.targets[rows] >= 0).any(axis=1)
        self._rows = rows if material.lessons is not None else rows[labeled]
        self._scenic = rows[material.targets[rows, 0] >= 0]
        self._negatives = rows[material.targets[rows, 0] == 0]
        self._material = material
        self._plan = plan

    def steps(self) -> int:
        """Return how many full batches an epoch has; at least 1."""
        return max(1, len(self._rows) // self._plan.batch_size)

    def batches(self, random: np.random.Generator) -> Iterator[Batch]:
        """Yield one epoch; an incomplete last batch is dropped unless it is the only one."""
        order = random.permutation(self._rows)
        size = self._plan.batch_size
        for step in range(self.steps()):
            samples = [self._sample(int(row), random) for row in order[step * size : (step + 1) * size]]
            maps, targets, weights, views = zip(*samples, strict=True)
            yield Batch(np.stack(maps), np.stack(targets), np.stack(weights), np.array(views, dtype=np.int64))

    def _sample(self, row: int, random: np.random.Generator) -> tuple[Map, Map, Map, tuple[int, int]]:
        material = self._material
        scenic = material.small is not None and material.targets[row, 0] >= 0 and len(self._negatives) > 0
        if scenic and random.random() < self._plan.scenes:
            rows, scene = self._four(row, random) if random.random() < 0.5 else self._pasted(row, random)
            # A scene shows what any of its photos shows; where none does, but one is unknown, nothing is known.
            labels = material.targets[rows]
            shown = np.where((labels == 1).any(axis=0), 1, labels.min(axis=0))
            return scene, _soft(shown), (shown >= 0).astype(np.float32), (-1, -1)
        view = self._view(row, random)
        labels = material.targets[row]
        targets, weights = _soft(labels), (labels >= 0).astype(np.float32)
        if material.lessons is not None:
            taught = material.lessons.probabilities[row, view]
            share = np.where(labels >= 0, self._plan.taught, 1.0).astype(np.float32)
            targets = targets * (1 - share) + taught * share
            weights = np.ones_like(weights)
        return material.maps[row, view].astype(np.float32), targets, weights, (row, view)

    def _view(self, row: int, random: np.random.Generator) -> int:
        views = self._material.views[row]
        plain, others = [view for view in views if view < 2], [view for view in views if view >= 2]
        return int(random.choice(plain if not others or random.random() < _PLAIN else others))

    def _single(self, row: int, random: np.random.Generator) -> Map:
        single: Map = self._material.maps[row, self._view(row, random)].astype(np.float32)
        return single

    def _small(self, row: int, random: np.random.Generator) -> Map:
        assert self._material.small is not None
        small: Map = self._material.small[row, random.integers(self._material.small.shape[1])].astype(np.float32)
        return small

    def _four(self, row: int, random: np.random.Generator) -> tuple[Rows, Map]:
        """Return a picture of four photos: this one and three others, which are negative if this one is."""
        pool = self._scenic if self._material.targets[row, 0] == 1 else self._negatives
        rows = random.permutation([row, *random.choice(pool, 3)])
        parts = [self._small(int(each), random) for each in rows]
        return rows, np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)], axis=0)

    def _pasted(self, row: int, random: np.random.Generator) -> tuple[Rows, Map]:
        """Return a negative photo with this one somewhere in it, small."""
        behind = int(random.choice(self._negatives))
        scene, part = self._single(behind, random), self._small(row, random)
        height, width = part.shape[:2]
        top = random.integers(0, scene.shape[0] - height + 1)
        left = random.integers(0, scene.shape[1] - width + 1)
        scene[top : top + height, left : left + width] = part
        return np.array([row, behind]), scene


def _soft(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return np.where(labels == 1, _POSITIVE, 1.0 - _POSITIVE).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Imitation:
    """What of the teacher's embeddings is imitated: their main directions, each with variance 1 on average.

    Attributes:
        values: float32 (n, views, k) for all photos.
        start: the best linear map to them from the pretrained embeddings, (c + 1, k); its last row is added.
    """

    values: npt.NDArray[np.float32]
    start: npt.NDArray[np.float32]


def imitation(material: Material, rows: Rows, pretrained: npt.NDArray[np.floating]) -> Imitation:
    """Return what to imitate.

    Args:
        material: with lessons.
        rows: the photos to train on; the directions are those of their views alone.
        pretrained: embeddings of all photos, (n, c), in the pretrained network.
    """
    assert material.lessons is not None
    embeddings = material.lessons.embeddings
    known = np.concatenate([embeddings[row, list(material.views[row])].astype(np.float64) for row in rows])
    mean = known.mean(axis=0)
    known -= mean
    values, directions = np.linalg.eigh(known.T @ known / len(known))
    count = min(_SUMMARY, directions.shape[1])
    summary = directions[:, -count:] / np.sqrt(values[-count:].mean())
    shape = (*embeddings.shape[:2], count)
    summarized = ((embeddings.reshape(-1, embeddings.shape[2]).astype(np.float64) - mean) @ summary).reshape(shape)
    x = np.concatenate([pretrained[rows].astype(np.float64), np.ones((len(rows), 1))], axis=1)
    ridge = _IMITATION_RIDGE * np.eye(x.shape[1])
    start = np.linalg.solve(x.T @ x + ridge, x.T @ summarized[rows, 0])
    return Imitation(summarized.astype(np.float32), start.astype(np.float32))


class LastBlocks:
    """The layers of a network after `first`, with an output unit for each variant.

    They are the layers of the given network itself: changing the weights here changes them there.
    """

    def __init__(self, network: Any, first: str, variants: int) -> None:
        """Take the last blocks of a Keras network with pretrained weights.

        Args:
            network: from pictures to the last feature map (n, h, w, c), whose mean is the embedding.
            first: name of the layer whose output is in the stored maps.
            variants: how many output units there are.
        """
        import keras
        import tensorflow as tf

        features = keras.Model(network.get_layer(first).output, network.output)
        for layer in features.layers:
            layer.trainable = type(layer).__name__ != _BATCH_NORM
        self._features = features
        self._weights = tf.Variable(tf.zeros((features.output.shape[-1], variants)))
        self._bias = tf.Variable(tf.zeros((variants,)))
        self._trainable = [*features.trainable_variables, self._weights, self._bias]
        self._pretrained = self._values()[:-2]
        self._embed = tf.function(
            lambda maps: tf.reduce_mean(features(maps, training=False), axis=(1, 2)),
            input_signature=[tf.TensorSpec((None, *features.input.shape[1:]), tf.float32)],
        )

    @property
    def units(self) -> tuple[Float, Float]:
        """Weights (c, variants) and biases (variants,) of the output units."""
        return self._weights.numpy().astype(np.float64), self._bias.numpy().astype(np.float64)

    def embed(self, maps: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
        """Return the embeddings, float16 (n, c), of maps (n, h, w, c)."""
        parts = [maps[start : start + _EMBED_BATCH].astype(np.float32) for start in range(0, len(maps), _EMBED_BATCH)]
        return np.concatenate([self._embed(part).numpy().astype(np.float16) for part in parts])

    def train(self, material: Material, rows: Rows, plan: Plan, *, seed: int) -> Arrays:
        """Retrain on some of the photos, starting from the pretrained weights; return the weights, for `use`.

        Args:
            material: what to learn from.
            rows: the photos to train on, (n,).
            plan: the settings.
            seed: determines everything that is random, except the order of sums over threads.
        """
        self.use(self.start(material, rows, plan))
        imitated = None
        if material.lessons is not None and plan.imitation > 0:
            imitated = imitation(material, rows, self.embed(material.maps[:, 0]))
        return self._run(Samples(material, rows, plan), imitated, plan, seed)

    def use(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        """Set all weights, those of the output units included."""
        for variable, array in zip(self._trainable, arrays, strict=True):
            variable.assign(array)

    def start(self, material: Material, rows: Rows, plan: Plan) -> Arrays:
        """Return the pretrained weights with the output units that are best for their embeddings of some photos."""
        self.use([*self._pretrained, *self._values()[-2:]])
        labeled = rows[(material.targets[rows] >= 0).any(axis=1)]
        embeddings = self.embed(material.maps[labeled, 0]).astype(np.float64)
        units = []
        for labels in material.targets[labeled].T:
            known = labels >= 0
            units.append(fit_logistic(embeddings[known], labels[known], None, plan.l2))
        weights = np.stack([unit.weights for unit in units], axis=1).astype(np.float32)
        return [*self._pretrained, weights, np.array([unit.bias for unit in units], dtype=np.float32)]

    def _run(self, samples: Samples, imitated: Imitation | None, plan: Plan, seed: int) -> Arrays:
        """Train, and return the mean of the weights over the last steps."""
        import tensorflow as tf

        random = np.random.default_rng(seed)
        steps = plan.epochs * samples.steps()
        first_averaged = min(steps - 1, round((1.0 - plan.averaged) * steps))
        optimizer, step = self._step(plan, imitated)
        sums = [np.zeros(variable.shape, dtype=np.float64) for variable in self._trainable]
        done = 0
        for _epoch in range(plan.epochs):
            for batch in samples.batches(random):
                cosine = 0.5 * (1.0 + np.cos(np.pi * done / steps))
                rate = min(1.0, (done + 1) / _WARM_UP_STEPS) * (_LEAST_RATE + (1.0 - _LEAST_RATE) * cosine)
                optimizer.learning_rate.assign(plan.learning_rate * rate)
                single = (batch.views[:, 0] >= 0).astype(np.float32)
                values = (
                    imitated.values[batch.views[:, 0], batch.views[:, 1]]
                    if imitated is not None
                    else np.zeros((len(single), 1), dtype=np.float32)
                )
                given = (batch.maps, batch.targets, batch.weights, values, single)
                step(*(tf.constant(each) for each in given), tf.constant([seed % 2**31, done]))
                if done >= first_averaged:
                    for total, variable in zip(sums, self._trainable, strict=True):
                        total += variable.numpy()
                done += 1
        return [(total / (steps - first_averaged)).astype(np.float32) for total in sums]

    def _step(self, plan: Plan, imitated: Imitation | None) -> tuple[Any, Any]:
        """Return the optimizer and the training step."""
        import keras
        import tensorflow as tf

        trained = list(self._trainable)
        linear = tf.Variable(imitated.start) if imitated is not None else None
        if linear is not None:
            trained.append(linear)
        optimizer = keras.optimizers.AdamW(weight_decay=plan.weight_decay)
        optimizer.build(trained)

        def step(maps: Any, targets: Any, weights: Any, values: Any, single: Any, seed: Any) -> None:
            with tf.GradientTape() as tape:
                embedding = tf.reduce_mean(self._features(maps, training=False), axis=(1, 2))
                dropped = tf.nn.experimental.stateless_dropout(embedding, plan.dropout, seed=seed)
                logits = dropped @ self._weights + self._bias
                losses = weights * tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
                loss = tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(weights), 1.0)
                if linear is not None:
                    difference = embedding @ linear[:-1] + linear[-1] - values
                    squares = tf.reduce_mean(tf.square(difference), axis=1) * single
                    loss += plan.imitation * tf.reduce_mean(squares)
            optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))

        return optimizer, tf.function(step, reduce_retracing=True)

    def _values(self) -> Arrays:
        return [np.asarray(variable.numpy(), dtype=np.float32) for variable in self._trainable]


def mixed(start: Arrays, ends: Sequence[Arrays], share: float) -> Arrays:
    """Return `share` times the mean of `ends` plus the remainder of `start`; all have arrays of the same shapes."""
    return [
        np.asarray((1.0 - share) * first + share * np.mean(others, axis=0), dtype=np.float32)
        for first, *others in zip(start, *ends, strict=True)
    ]
