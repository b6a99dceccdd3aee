"""Memory use while scanning 10,000 photos: how much, and whether it stays flat."""

from __future__ import annotations

import io
import resource
import sys
import tempfile
from pathlib import Path

from common import report, varied

PHOTOS = 10_000
SIZE = (640, 480)
MEBIBYTE = 2**20


def resident() -> float:
    """Return the current resident memory of this process in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEBIBYTE


def main() -> None:
    """Scan, and print the resident memory at the start, halfway and at the end. Linux only."""
    if not sys.platform.startswith("linux"):
        print("memory: only measured on Linux")
        return
    import numpy as np
    from PIL import Image

    from alpacasorter import paths
    from alpacasorter.core.events import Progress
    from alpacasorter.core.session_paths import Places
    from alpacasorter.ml.engine import open_engine

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        folder.mkdir()
        buffer = io.BytesIO()
        noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        for n in range(PHOTOS):
            (folder / f"{n:05}.jpg").write_bytes(varied(buffer.getvalue(), n))
        engine = open_engine(Places(paths.bundled_model(), Path(name) / "d", Path(name) / "c"), "cpu", trial_now=False)
        before = resident()
        seen: list[tuple[int, float]] = []
        seen += [
            (event.done, resident())
            for event in engine.session.scan(folder, recursive=True)
            if isinstance(event, Progress)
        ]
        engine.close()
    half = next(memory for done, memory in seen if done >= PHOTOS // 2)
    most = max(memory for _, memory in seen)
    growth = (seen[-1][1] - half) / (PHOTOS / 2) * 1024
    print(f"before the scan {before:.0f} MiB, halfway {half:.0f}, at the end {seen[-1][1]:.0f}")
    report(f"peak memory while scanning {PHOTOS:,} photos", f"{most:.0f} MiB", "at most 400 MiB", most <= 400)
    # Each photo's embedding (5 kB) is kept; anything more would be a leak.
    report("growth in the second half", f"{growth:.1f} KiB per photo", "about 5 (the embeddings)", growth <= 8)


if __name__ == "__main__":
    main()
