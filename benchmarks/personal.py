"""What learning from corrections gains and breaks: a simulated user corrects mistakes in strange folders, in turn.

The folders are mixes of photos from `extra`: a third alpacas and look-alikes, the rest others. One user tags llamas and
vicuñas as not alpacas, the other one as alpacas. Each corrects the most confident mistake, then the next one, after the
model has learned. It prints how many of the other tags became right and how many became wrong since the folder was
opened, how many are wrong still, and how many points are lost on the article's photos that this user agrees about.

    python benchmarks/personal.py [--bundle DIR] [--embeddings FILE]
    python benchmarks/personal.py --replay-weight 0.1 0.3 --stiffness 0.15 0.5 --confidence 0.5 0.8

FILE keeps the embeddings of the bundle's backbone (about three minutes for the first run). If the bundle was trained on
`extra`, half of its sources make the folders, and the head and the replay set are made again without them; the backbone
has then still seen these photos, so only differences between settings mean anything.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter import paths
from alpacasorter.ml.learning.learner import Learner, Spread
from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import Bundle, LearningSettings, Replay, load_bundle
from alpacasorter.ml.models.head import Head

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CHECKPOINTS = (1, 2, 3, 5, 8, 10, 12, 20)
PHOTOS = Path(__file__).resolve().parent.parent.parent / "shared" / "photos"
UNCLEAR_ALPACAS = frozenset(
    Path(row["file"]).stem
    for row in csv.DictReader(Path(__file__).with_name("camelids.csv").read_text(encoding="utf-8").splitlines())
    if row["file"].startswith("article/alpaca/") and row["species"] != "alpaca"
)
"""Photos in `article/alpaca` that don't clearly show an alpaca. The user who tags llamas as not alpacas disagrees with
the article's labels of these, so they count neither for nor against the head."""
_SAME_PHOTO = 0.9995
_LOOKALIKES = 60


@dataclass(frozen=True, eq=False)
class Photos:
    """Labeled photos: `sets` and `kinds` are folder names (`extra`, `lookalike`), `embeddings` float16; (n,) each."""

    names: npt.NDArray[np.str_]
    sets: npt.NDArray[np.str_]
    kinds: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    embeddings: npt.NDArray[np.float16]


def read_photos(folder: Path, bundle: Bundle, kept: Path | None) -> Photos:
    """Return the photos of `article` and `extra`, embedded by the bundle's backbone."""
    import numpy as np

    from alpacasorter.core.photos.decode import decode, model_input
    from alpacasorter.ml.runtime.backbone import CpuBackbone
    from alpacasorter.ml.scan import DECODE_SIDE

    with (folder / "PROVENANCE.csv").open(newline="") as stream:
        sources = {row["file"]: row["source repository"] for row in csv.DictReader(stream)}
    names = np.array(sorted(name for name in sources if name.split("/")[0] in ("article", "extra")))
    known: dict[str, npt.NDArray[np.float16]] = {}
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            if str(stored["backbone"]) == bundle.backbone_id:
                known = dict(zip(stored["names"].tolist(), stored["embeddings"], strict=True))
    if not known.keys() >= set(names.tolist()):
        backbone = CpuBackbone(bundle.backbone_path.read_bytes())
        side = bundle.input_size
        for name in names.tolist():
            pixels = decode((folder / name).read_bytes(), min_side=DECODE_SIDE).pixels
            known[name] = backbone.embed(model_input(pixels, side)).astype(np.float16)
        if kept is not None:
            np.savez(kept, names=names, embeddings=np.stack([known[n] for n in names]), backbone=bundle.backbone_id)
    parts = [name.split("/") for name in names.tolist()]
    return Photos(
        names,
        np.array([part[0] for part in parts]),
        np.array([part[1] for part in parts]),
        np.array([sources[name] for name in names.tolist()]),
        np.stack([known[name] for name in names.tolist()]),
    )


def without_known(bundle: Bundle, photos: Photos) -> tuple[Bundle, npt.NDArray[np.bool_]]:
    """Return a bundle that has not learned from the photos of the folders, and which photos these are, (n,)."""
    import numpy as np

    strange = photos.sets == "extra"
    replay, vectors = bundle.replay, unit(photos.embeddings)
    same = unit(replay.embeddings) @ vectors[strange & (photos.kinds != "lookalike")].T >= _SAME_PHOTO
    if not same.any():
        return bundle, strange
    shuffled = np.random.default_rng(0).permutation(np.unique(photos.sources[strange]))
    strange &= np.isin(photos.sources, shuffled[: len(shuffled) // 2])
    kept = ~(unit(replay.embeddings) @ vectors[strange].T >= _SAME_PHOTO).any(axis=1)
    rest = Replay(replay.embeddings[kept], replay.labels[kept], replay.weights[kept])
    found = fit_logistic(rest.embeddings, rest.labels, rest.weights, bundle.learning.l2)
    return replace(bundle, replay=rest, head=Head(found.weights, found.bias, bundle.calibration)), strange


def unit(embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the embeddings scaled to length 1, float32."""
    import numpy as np

    vectors = embeddings.astype(np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def folders(photos: Photos, strange: npt.NDArray[np.bool_], count: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each folder: two thirds of the strange photos, and at most 60 look-alikes."""
    import numpy as np

    random = np.random.default_rng(seed)
    for _ in range(count):
        rows = random.permutation(np.flatnonzero(strange))
        kinds = photos.kinds[rows]
        parts = [rows[kinds == kind] for kind in ("alpaca", "not_alpaca", "lookalike")]
        yield np.concatenate(
            [
                part[: min(2 * len(part) // 3, limit)]
                for part, limit in zip(parts, (len(rows), len(rows), _LOOKALIKES), strict=True)
            ]
        )


def simulate(
    learner: Learner, shipped: Head, photos: Photos, rows: npt.NDArray[np.int64], llamas_are: bool
) -> npt.NDArray[np.float64]:
    """Return (right, wrong, left, points lost on the article's photos) at each checkpoint."""
    import numpy as np

    folder, kinds = photos.embeddings[rows], photos.kinds[rows]
    said = (kinds == "alpaca") | ((kinds == "lookalike") & llamas_are)
    article = photos.sets == "article"
    if not llamas_are:
        article &= np.array([Path(name).stem not in UNCLEAR_ALPACAS for name in photos.names.tolist()])
    elsewhere, expected = photos.embeddings[article], photos.kinds[article] == "alpaca"
    at_first = (shipped.logits(folder) >= 0) == said
    before = ((shipped.logits(elsewhere) >= 0) == expected).mean()
    head = shipped
    corrected: list[int] = []
    found: dict[int, tuple[float, ...]] = {}
    for count in range(CHECKPOINTS[-1] + 1):
        logits = head.logits(folder)
        right = (logits >= 0) == said
        others = ~np.isin(np.arange(len(rows)), corrected)
        after = ((head.logits(elsewhere) >= 0) == expected).mean()
        changes = [(others & ~at_first & right).sum(), (others & at_first & ~right).sum()]
        found[count] = (*changes, (others & ~right).sum(), 100 * (before - after))
        wrong = others & ~right
        if wrong.any():
            corrected.append(int(np.argmax(np.where(wrong, np.abs(logits), -1.0))))
            head = learner.learn(folder[corrected], said[corrected])
    return np.array([(*found[n],) for n in CHECKPOINTS], dtype=np.float64)


def table(bundle: Bundle, photos: Photos, choices: list[LearningSettings], arguments: argparse.Namespace) -> None:
    """Print the means over the folders."""
    import numpy as np

    started, strange = without_known(bundle, photos)
    print("Tags turned right/wrong after n corrections; wrong tags left after 10; points lost on the article's set.")
    print(f"| llamas are | settings | wrong at first | {' | '.join(map(str, CHECKPOINTS))} | left | lost 8 | lost 20 |")
    print("|---|---|---|" + "---|" * (len(CHECKPOINTS) + 3))
    for settings in choices:
        model = replace(started, learning=settings)
        spread = Spread(model)
        for llamas_are in (False, True):
            runs, wrong = [], []
            for rows in folders(photos, strange, arguments.folders, arguments.seed):
                kinds = photos.kinds[rows]
                said = (kinds == "alpaca") | ((kinds == "lookalike") & llamas_are)
                wrong.append(((model.head.logits(photos.embeddings[rows]) >= 0) != said).sum())
                runs.append(simulate(Learner(model, spread), model.head, photos, rows, llamas_are))
            mean = np.mean(runs, axis=0)
            changes = " | ".join(f"{right:.1f}/{bad:.1f}" for right, bad in mean[:, :2])
            left, *lost = mean[CHECKPOINTS.index(10), 2], *(mean[CHECKPOINTS.index(n), 3] for n in (8, 20))
            chosen = " ".join(
                f"{value:g}"
                for value in (
                    settings.correction_weight,
                    settings.replay_weight,
                    settings.stiffness,
                    settings.flip_confidence,
                )
            )
            kind = "alpacas" if llamas_are else "not alpacas"
            cells = f"{kind} | {chosen} | {np.mean(wrong):.0f} | {changes} | {left:.0f} | {lost[0]:.1f} | {lost[1]:.1f}"
            print(f"| {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--bundle", type=Path, default=paths.bundled_model())
    parser.add_argument("--embeddings", type=Path, help="where to keep the embeddings for the next run (.npz)")
    parser.add_argument("--folders", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=float, nargs="+")
    parser.add_argument("--replay-weight", type=float, nargs="+")
    parser.add_argument("--stiffness", type=float, nargs="+")
    parser.add_argument("--confidence", type=float, nargs="+")
    arguments = parser.parse_args()
    if not (arguments.photos / "extra").is_dir():
        print("Nothing measured: this needs the photos.")
        return
    bundle = load_bundle(arguments.bundle)
    shipped = bundle.learning
    choices = [
        replace(shipped, correction_weight=weight, replay_weight=held, stiffness=stiffness, flip_confidence=sure)
        for weight, held, stiffness, sure in product(
            arguments.weights or [shipped.correction_weight],
            arguments.replay_weight or [shipped.replay_weight],
            arguments.stiffness or [shipped.stiffness],
            arguments.confidence or [shipped.flip_confidence],
        )
    ]
    table(bundle, read_photos(arguments.photos, bundle, arguments.embeddings), choices, arguments)


if __name__ == "__main__":
    main()
