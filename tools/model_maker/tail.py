"""Retraining the last blocks of MobileNetV2 on what the front gives, gently, and blending what comes out.

Each run starts from the pre-trained weights with the exact optimum as its head. The weights of several runs are
averaged, and the average is mixed with the pre-trained weights: the runs agree on what the photos teach and differ in
what they only remember, and half of the way keeps what the pre-trained network knew about everything else
(Wortsman et al. 2022: "Model soups", "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.logistic import Float, fit_logistic
from tools.model_maker.front import LAST_LAYER, FrontMaps
from tools.model_maker.scenes import SHARE, Samples

Arrays = list[npt.NDArray[np.float32]]

_BATCH: Final = 64
_BATCH_NORM = "BatchNormalization"


@dataclass(frozen=True, slots=True)
class Plan:
    """How the tail is retrained; the values were chosen by cross-validation (docs/decisions).

    Attributes:
        runs: how many are averaged.
        epochs: rounds over the photos in each.
        learning_rate: of AdamW at its height; it rises over ten steps and falls to nothing as a cosine.
        weight_decay: of AdamW.
        batch_size: samples a step.
        dropout: share of the embedding that is hidden at random.
        blend: share of the retrained weights in the result; the rest are the pre-trained ones.
        scenes: share of samples put together from several photos.
        l2: regularisation of the head that a run starts with.
    """

    runs: int = 5
    epochs: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    batch_size: int = 32
    dropout: float = 0.2
    blend: float = 0.6
    scenes: float = SHARE
    l2: float = 8.0


class Tail:
    """The layers of a focused MobileNetV2 after LAST_LAYER, with the output unit.

    They are the very layers of the network given: what is set here is set there.
    """

    def __init__(self, network: Any) -> None:
        """Take the tail of a Keras network made by `with_focus`; its weights now are the pre-trained ones."""
        import keras
        import tensorflow as tf

        features = keras.Model(network.get_layer(LAST_LAYER).output, network.output)
        for layer in features.layers:
            layer.trainable = type(layer).__name__ != _BATCH_NORM
        self._features = features
        self._weights = tf.Variable(tf.zeros((features.output.shape[-1], 1)))
        self._bias = tf.Variable(tf.zeros(()))
        self._learned = [*features.trainable_variables, self._weights, self._bias]
        self._pretrained = self._values()[:-2]
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
        parts = [maps[start : start + _BATCH].astype(np.float32) for start in range(0, len(maps), _BATCH)]
        return np.concatenate([self._embed(part).numpy().astype(np.float16) for part in parts])

    def train(
        self,
        maps: FrontMaps,
        rows: npt.NDArray[np.int64],
        targets: npt.NDArray[np.int64],
        plan: Plan,
        *,
        seed: int,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Retrain on some of the photos, blend, and leave the result set.

        Args:
            maps: of all photos.
            rows: the photos to train on, (n,).
            targets: 0 or 1 of all photos.
            plan: how.
            seed: decides all that is random, but for the order of sums over threads.
            tell: is told of each run.
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
            tell(f"run {run + 1} of {plan.runs}: loss {loss:.3f}")
        self._set(blended(start, ends, plan.blend))

    def _run(self, samples: Samples, plan: Plan, random: np.random.Generator) -> float:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(int(random.integers(2**31)))
        optimizer = keras.optimizers.AdamW(plan.learning_rate, weight_decay=plan.weight_decay)
        optimizer.build(self._learned)

        def step(maps: Any, targets: Any) -> Any:
            with tf.GradientTape() as tape:
                embedding = tf.reduce_mean(self._features(maps, training=False), axis=(1, 2))
                logits = tf.squeeze(tf.nn.dropout(embedding, plan.dropout) @ self._weights, -1) + self._bias
                loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
            optimizer.apply_gradients(zip(tape.gradient(loss, self._learned), self._learned, strict=True))
            return loss

        traced = tf.function(step)
        steps = max(1, plan.epochs * (len(samples.rows) // plan.batch_size))
        done = 0
        losses: list[float] = []
        for _ in range(plan.epochs):
            losses = []
            for maps, targets in samples.batches(plan.batch_size, random):
                share = min(1.0, (done + 1) / 10) * 0.5 * (1.0 + np.cos(np.pi * done / steps))
                optimizer.learning_rate.assign(plan.learning_rate * share)
                losses.append(float(traced(tf.constant(maps), tf.constant(targets))))
                done += 1
        return float(np.mean(losses)) if losses else float("nan")

    def _values(self) -> Arrays:
        return [np.asarray(variable.numpy(), dtype=np.float32) for variable in self._learned]

    def _set(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        for variable, array in zip(self._learned, arrays, strict=True):
            variable.assign(array)


def blended(start: Arrays, ends: Sequence[Arrays], share: float) -> Arrays:
    """Return the mean of `ends`, of which `share` counts, mixed with `start`: arrays of the same shapes in each."""
    return [
        np.asarray((1.0 - share) * first + share * np.mean(others, axis=0), dtype=np.float32)
        for first, *others in zip(start, *ends, strict=True)
    ]
