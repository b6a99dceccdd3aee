"""What the picture key costs a scan of 12-megapixel JPEGs: scans with and without it in turns, and the hashes alone."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from pathlib import Path

from common import report, seconds_of, twelve_megapixel_jpegs

PHOTOS = 32
ROUNDS = 9
BUDGET = 0.03


def scan_seconds(folder: Path, home: Path) -> tuple[float, float]:
    """Return how long a first scan of a folder takes, and how long the processors worked on it."""
    from alpacasorter import paths
    from alpacasorter.core.events import Finished
    from alpacasorter.core.session_paths import Places
    from alpacasorter.ml.engine import open_engine

    engine = open_engine(Places(paths.bundled_model(), home / "data", home / "cache"), "cpu", trial_now=False)
    try:
        started, worked = time.perf_counter(), time.process_time()
        events = list(engine.session.scan(folder, recursive=True))
        seconds = time.perf_counter() - started, time.process_time() - worked
    finally:
        engine.close()
    assert isinstance(events[-1], Finished)
    assert events[-1].judged == PHOTOS
    return seconds


def main() -> None:
    """Measure and print."""
    from blake3 import blake3

    from alpacasorter.core.photos.picture_key import picture_key
    from alpacasorter.core.photos.reading import content_key
    from alpacasorter.ml import scan

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        data = [path.read_bytes() for path in twelve_megapixel_jpegs(folder, PHOTOS)][:16]
        mega = sum(map(len, data)) / len(data) / 1e6
        for what, work in (
            ("SHA-256", lambda one: hashlib.sha256(one).digest()),
            ("BLAKE2b", lambda one: hashlib.blake2b(one).digest()),
            ("BLAKE3", lambda one: blake3(one).digest()),
            ("content key", content_key),
            ("picture key", lambda one: picture_key(one, "")),
        ):
            times = [seconds_of(lambda work=work: [work(one) for one in data]) / len(data) for _ in range(5)]
            report(f"{what} of a JPEG of {mega:.1f} MB", f"{1e3 * statistics.median(times):.2f} ms", "", None)

        seconds: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
        for number in range(ROUNDS + 1):
            for which in seconds if number % 2 else reversed(seconds):
                scan.picture_key = picture_key if which == "with" else lambda _data, key: key
                taken = scan_seconds(folder, Path(name) / f"{which} {number}")
                if number:  # the first warms up
                    seconds[which].append(taken)
        # On a busy machine, only the processors' own time says something.
        for place, what in enumerate(("time", "processor time")):
            medians = {which: statistics.median(one[place] for one in times) for which, times in seconds.items()}
            for which, median in medians.items():
                report(f"scan {which} picture keys, {what} per photo", f"{1e3 * median / PHOTOS:.2f} ms", "", None)
            slower = medians["with"] / medians["without"] - 1
            report(f"picture keys cost, {what}", f"{slower:.1%}", f"at most {BUDGET:.0%}", slower <= BUDGET)


if __name__ == "__main__":
    main()
