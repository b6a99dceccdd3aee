"""How long it takes to respond to a correction, until all of 10,000 photos have been judged again.

Without the window: only the learner and the head (benchmarks/relearning.py measures all of it). For what is learned,
and what it costs elsewhere, see benchmarks/personal.py.

Set OPENBLAS_NUM_THREADS=1, as AlpacaSorter does: with matrices this small, NumPy's threads spend more time waiting for
each other than computing.
"""

from __future__ import annotations

import time

from alpacasorter import paths
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import load_bundle

COUNT = 10_000
CORRECTIONS = 200
PARTS = ((1, 10), (11, 50), (51, 200))


def main() -> None:
    import numpy as np

    bundle = load_bundle(paths.bundled_model())
    replay = bundle.replay.embeddings
    random = np.random.default_rng(0)
    many = replay[random.integers(0, len(replay), COUNT)].astype(np.float32)
    many *= random.uniform(0.9, 1.1, (COUNT, 1)).astype(np.float32)
    kept = many[:CORRECTIONS].astype(np.float16)
    learner = Learner(bundle)
    learn, score = [], []
    for number in range(1, CORRECTIONS + 1):
        begun = time.perf_counter()
        head = learner.learn(kept[:number], np.arange(number) % 2 == 0)
        learned = time.perf_counter()
        head.probability(many)
        learn.append(1000 * (learned - begun))
        score.append(1000 * (time.perf_counter() - learned))
    print("| corrections | learn p50 | learn p95 | judge 10,000 p50 | both p95 (ms) |\n|---|---|---|---|---|")
    for low, high in PARTS:
        part = slice(low - 1, high)
        both = np.add(learn[part], score[part])
        figures = (*np.percentile(learn[part], (50, 95)), np.median(score[part]), np.percentile(both, 95))
        print(f"| {low}-{high} | {' | '.join(f'{value:.0f}' for value in figures)} |")


if __name__ == "__main__":
    main()
