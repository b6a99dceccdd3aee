"""Time to plan a sort of very many photos into one folder.

    python -m benchmarks.planning [PHOTOS]

Prints the seconds of processor time of each of five plans, and the median.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.planning.planner import plan_sort

_LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})


def main() -> None:
    """Make the files, and time the plans."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        photos = []
        for at in range(count):
            path = folder / f"card{at % 4}" / f"IMG_{at:05}.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%d" % at)
            photos.append(LabeledPhoto(path, str(at), "alpaca", 0.95))
        taken = []
        for _at in range(5):
            began = time.process_time()
            plan_sort(folder, photos, SortOptions(Path(place) / "out"), _LABELS)
            taken.append(time.process_time() - began)
        print(f"lowest {min(taken):.2f}", *(f"{one:.2f}" for one in taken), "median", f"{statistics.median(taken):.2f}")


if __name__ == "__main__":
    main()
