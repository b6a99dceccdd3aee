"""Retrains the last blocks of MobileNetV2 on stored feature maps, and blends the result with the pretrained weights.

Each run starts from the pretrained weights with the exact optimum as its head. The weights of several runs are
averaged, because the runs agree on what generalizes and differ in what they merely memorize; the average is then mixed
with the pretrained weights, which keeps part of what the pretrained network knew about everything else (Wortsman et al.
2022: "Model soups", "Robust fine-tuning of zero-shot models").

Batches consist of views of single photos and of scenes composed of several. What the frozen backbone misses most are
animals far away. So some of the photos appear small: four of them in one picture, or one of them pasted into a picture
of the negative class. They are composed from feature maps (at a 16th of the resolution), which costs nothing and leaves
no edges for the later layers to learn from, as composing pixels would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import Float, fit_logistic
from tools.model_maker.feature_maps import LAST_EARLY_LAYER, FeatureMaps

Arrays = list[npt.NDArray[np.float32]]
Map = npt.NDArray[np.float32]
Targets = npt.NDArray[np.float32]

_EMBED_BATCH: Final = 64
_BATCH_NORM: Final = "BatchNormalization"
_WARM_UP_STEPS: Final = 10
_PLAIN: Final = 0.1
"""Share of the photo itself and its mirror image among the single views."""
_POSITIVE: Final = 0.99
"""Targets are 0.99 and 0.01: a network that is certain of every training photo would be too certain of all others."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the last blocks are retrained; the values were chosen by cross-validation (docs/decisions).

    Attributes:
        runs: how many are averaged.
        epochs: passes over the photos in each run.
        learning_rate: of AdamW at its peak; it rises over ten steps and falls to zero along a cosine.
        weight_decay: of AdamW.
        batch_size: samples per step.
        dropout: share of the embedding that is dropped at random.
        blend: share of the retrained weights in the result; the remainder are the pretrained ones.
        scenes: share of samples that are composed of several photos.
        l2: regularization of the head that a run starts with.
    """

    runs: int = 5
    epochs: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    batch_size: int = 32
    dropout: float = 0.2
    blend: float = 0.6
    scenes: float = 0.35
    l2: float = 8.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Draws batches from feature maps.

    Attributes:
        maps: of all photos.
        rows: the photos to train on, (n,).
        targets: 0 or 1 of all photos.
        scenes: share of scenes.
    """

    maps: FeatureMaps
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    scenes: float

    def batches(self, size: int, random: np.random.Generator) -> Iterator[tuple[Map, Targets]]:
        """Yield one epoch: maps float32 (size, h, w, c) and targets (size,); an incomplete last batch is dropped."""
        order = random.permutation(self.rows)
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            maps = np.stack([self._sample(int(row), random) for row in rows])
            targets = self.targets[rows].astype(np.float32)
            yield maps, targets * (2 * _POSITIVE - 1) + (1 - _POSITIVE)

    def _sample(self, row: int, random: np.random.Generator) -> Map:
        small = self.maps.small.shape[1]
        negatives = self.rows[self.targets[self.rows] == 0]
        if not small or not len(negatives) or random.random() >= self.scenes:
            return self._single(row, random)
        if random.random() < 0.5:
            return self._four(row, negatives, random)
        return self._pasted(row, negatives, random)

    def _single(self, row: int, random: np.random.Generator) -> Map:
        views = self.maps.large.shape[1]
        chosen = random.integers(0, 2) if views == 2 or random.random() < _PLAIN else random.integers(2, views)
        single: Map = self.maps.large[row, chosen].astype(np.float32)
        return single

    def _small(self, row: int, random: np.random.Generator) -> Map:
        small: Map = self.maps.small[row, random.integers(self.maps.small.shape[1])].astype(np.float32)
        return small

    def _four(self, row: int, negatives: npt.NDArray[np.int64], random: np.random.Generator) -> Map:
        """Return a picture of four photos: this one and three others, which are negative if this one is."""
        pool = self.rows if self.targets[row] == 1 else negatives
        rows = random.permutation([row, *random.choice(pool, 3)])
        parts = [self._small(int(each), random) for each in rows]
        return np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)], axis=0)

    def _pasted(self, row: int, negatives: npt.NDArray[np.int64], random: np.random.Generator) -> Map:
        """Return a negative photo with this one somewhere in it, small."""
        scene, part = self._single(int(random.choice(negatives)), random), self._small(row, random)
        height, width = part.shape[:2]
        top = random.integers(0, scene.shape[0] - height + 1)
        left = random.integers(0, scene.shape[1] - width + 1)
        scene[top : top + height, left : left + width] = part
        return scene


class LastBlocks:
    """The layers of a focused MobileNetV2 after LAST_EARLY_LAYER, with the output unit.

    They are the layers of the given network itself: changing the weights here changes them there.
    """

    def __init__(self, network: Any) -> None:
        """Take the last blocks of a Keras network from `with_focus`, which has the pretrained weights."""
        import keras
        import tensorflow as tf

        features = keras.Model(network.get_layer(LAST_EARLY_LAYER).output, network.output)
        for layer in features.layers:
            layer.trainable = type(layer).__name__ != _BATCH_NORM
        self._features = features
        self._weights = tf.Variable(tf.zeros((features.output.shape[-1], 1)))
        self._bias = tf.Variable(tf.zeros(()))
        self._trainable = [*features.trainable_variables, self._weights, self._bias]
        self._pretrained = self._values()[:-2]
        self._steps: dict[tuple[float, float], tuple[Any, Any]] = {}
        self._embed = tf.function(
            lambda maps: tf.reduce_mean(features(maps, training=False), axis=(1, 2)),
            input_signature=[tf.TensorSpec((None, *features.input.shape[1:]), tf.float32)],
        )

    @property
    def head(self) -> tuple[Float, float]:
        """Weights (c,) and bias of the output unit."""
        return self._weights.numpy()[:, 0].astype(np.float64), float(self._bias.numpy())

    def embed(self, maps: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
        """Return the embeddings, float16 (n, c), of maps (n, h, w, c)."""
        parts = [maps[start : start + _EMBED_BATCH].astype(np.float32) for start in range(0, len(maps), _EMBED_BATCH)]
        return np.concatenate([self._embed(part).numpy().astype(np.float16) for part in parts])

    def train(
        self,
        maps: FeatureMaps,
        rows: npt.NDArray[np.int64],
        targets: npt.NDArray[np.int64],
        plan: Plan,
        *,
        seed: int,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Retrain on some of the photos, starting from the pretrained weights, and set the blended result.

        Args:
            maps: of all photos.
            rows: the photos to train on, (n,).
            targets: 0 or 1 of all photos.
            plan: the settings.
            seed: determines everything that is random, except the order of sums over threads.
            say: called with a sentence after each run.
        """
        self._set([*self._pretrained, *self._values()[-2:]])
        embeddings = self.embed(maps.large[rows, 0]).astype(np.float64)
        solution = fit_logistic(embeddings, targets[rows], None, plan.l2)
        bias = np.array(solution.bias, dtype=np.float32)
        start: Arrays = [*self._pretrained, solution.weights[:, np.newaxis].astype(np.float32), bias]
        ends: list[Arrays] = []
        for run in range(plan.runs):
            self._set(start)
            random = np.random.default_rng([seed, run])
            loss = self._run(Samples(maps, rows, targets, plan.scenes), plan, random)
            ends.append(self._values())
            say(f"run {run + 1} of {plan.runs}: loss {loss:.3f}")
        self._set(blended(start, ends, plan.blend))

    def _run(self, samples: Samples, plan: Plan, random: np.random.Generator) -> float:
        import tensorflow as tf

        seed = int(random.integers(2**31))
        optimizer, step = self._step(plan.weight_decay, plan.dropout)
        for variable in optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        steps = max(1, plan.epochs * (len(samples.rows) // plan.batch_size))
        done = 0
        losses: list[float] = []
        for _epoch in range(plan.epochs):
            losses = []
            for maps, targets in samples.batches(plan.batch_size, random):
                share = min(1.0, (done + 1) / _WARM_UP_STEPS) * 0.5 * (1.0 + np.cos(np.pi * done / steps))
                optimizer.learning_rate.assign(plan.learning_rate * share)
                losses.append(float(step(tf.constant(maps), tf.constant(targets), tf.constant([seed, done]))))
                done += 1
        return float(np.mean(losses)) if losses else float("nan")

    def _step(self, weight_decay: float, dropout: float) -> tuple[Any, Any]:
        """Return the optimizer and the training step, which returns the loss; tracing the step takes seconds."""
        import keras
        import tensorflow as tf

        if (weight_decay, dropout) not in self._steps:
            optimizer = keras.optimizers.AdamW(weight_decay=weight_decay)
            optimizer.build(self._trainable)

            def step(maps: Any, targets: Any, seed: Any) -> Any:
                with tf.GradientTape() as tape:
                    embedding = tf.reduce_mean(self._features(maps, training=False), axis=(1, 2))
                    # With the seed as an argument, every run has its own random numbers, although the step is traced
                    # only once.
                    dropped = tf.nn.experimental.stateless_dropout(embedding, dropout, seed=seed)
                    logits = tf.squeeze(dropped @ self._weights, -1) + self._bias
                    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
                optimizer.apply_gradients(zip(tape.gradient(loss, self._trainable), self._trainable, strict=True))
                return loss

            self._steps[weight_decay, dropout] = optimizer, tf.function(step)
        return self._steps[weight_decay, dropout]

    def _values(self) -> Arrays:
        return [np.asarray(variable.numpy(), dtype=np.float32) for variable in self._trainable]

    def _set(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        for variable, array in zip(self._trainable, arrays, strict=True):
            variable.assign(array)


def blended(start: Arrays, ends: Sequence[Arrays], share: float) -> Arrays:
    """Return `share` times the mean of `ends` plus the remainder of `start`; all have arrays of the same shapes."""
    return [
        np.asarray((1.0 - share) * first + share * np.mean(others, axis=0), dtype=np.float32)
        for first, *others in zip(start, *ends, strict=True)
    ]
