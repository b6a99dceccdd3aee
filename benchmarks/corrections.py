"""How long it takes to respond to a correction, until all of 10,000 photos have been judged again.

The corrections are of mixes of two photos of the replay set each, and say what another variant of the bundle says (with
some mistakes), or, with --contradictory, yes and no in turn. It prints processor time of one thread, which is all that
AlpacaSorter uses: with matrices this small, NumPy's threads spend more time waiting for each other than computing.

Without the window: only the learner and the head (benchmarks/relearning.py measures all of it). For what is learned,
and what it costs elsewhere, see benchmarks/personal.py.

    python benchmarks/corrections.py [--contradictory] [--bundle DIR] [--counts 1 50 200 1200 5000]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from alpacasorter import paths
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import load_bundle

COUNT = 10_000
CLICKS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=paths.bundled_model())
    parser.add_argument("--contradictory", action="store_true")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 50, 200, 1200, 5000])
    given = parser.parse_args()
    import numpy as np

    bundle = load_bundle(given.bundle)
    random = np.random.default_rng(0)
    replay = bundle.replay.embeddings.astype(np.float32)
    first, second = random.integers(0, len(replay), (2, COUNT))
    share = random.uniform(0.5, 1.0, (COUNT, 1)).astype(np.float32)
    photos = share * replay[first] + (1 - share) * replay[second]
    photos *= (np.linalg.norm(replay, axis=1).mean() / np.linalg.norm(photos, axis=1))[:, np.newaxis]
    said = np.arange(COUNT) % 2 == 0
    if not given.contradictory:
        said = bundle.heads()[-1].logits(photos) + random.normal(size=COUNT) >= 0
    kept = list(photos.astype(np.float16))
    print(
        "| corrections | those before, at once | learn p50 | p95 | most | judge 10,000 p50 (ms) |\n" + "|---" * 6 + "|"
    )
    for count in given.counts:
        learner = Learner(bundle)
        begun = time.process_time()
        if count > 1:
            learner.learn(kept[: count - 1], said[: count - 1])
        before = 1000 * (time.process_time() - begun)
        learn, judge = [], []
        for number in range(count, count + CLICKS):
            begun = time.process_time()
            head = learner.learn(kept[:number], said[:number])
            learned = time.process_time()
            head.probability(photos)
            learn.append(1000 * (learned - begun))
            judge.append(1000 * (time.process_time() - learned))
        figures = (before, *np.percentile(learn, (50, 95, 100)), np.median(judge))
        print(f"| {count} | {' | '.join(f'{value:.1f}' for value in figures)} |", flush=True)


if __name__ == "__main__":
    main()
