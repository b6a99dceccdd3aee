"""How long a decoder may take: it is given up afterwards, and small hostile files don't get that far."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos import bounded
from alpacasorter.core.photos.bounded import SECONDS, SECONDS_PER_PIXEL, Allowance, DecodingStopped, run_bounded
from alpacasorter.core.photos.decode import decode
from tests import hanging
from tests.hostile_files import KINDS, hostile, with_scans
from tests.picture_files import can_write, encode, noise_picture, picture_bytes

# Pillow also warns while it writes the files.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\..*")

AMOUNTS = {
    "jpeg_scans": 300,
    "jpeg_scans_behind_a_false_end": 300,
    "jpeg_segments": 1_000_000,
    "jpeg_comments": 1000,
    "jpeg_tables": 100_000,
    "jpeg_fill": 20_000,
    "jpeg_noise": 10_000,
    "jpeg_exif": 5000,
    "jpeg_exif_segments": 500,
    "jpeg_profile": 250,
    "jpeg_zeros": 16 << 20,
    "png_chunks": 500_000,
    "png_pixel_chunks": 1_000_000,
    "png_texts": 500_000,
    "png_ztxt": 500,
    "png_itxt": 500,
    "png_profile": 500,
    "png_pixels": 500,
    "png_frames": 100_000,
    "png_exif": 5000,
    "gif_zeros": 16 << 20,
    "gif_empty_blocks": 5_000_000,
    "gif_small_comments": 60_000,
    "gif_frames": 100,
    "gif_small_blocks": 5_000_000,
    "webp_chunks": 1_000_000,
    "webp_frames": 20,
    "webp_exif": 5000,
    "tiff_tags": 4000,
    "tiff_chain": 1_000_000,
    "tiff_strips": 1_000_000,
    "tiff_tiles": 300,
    "tiff_large_tile": 400,
    "tiff_scans": 3000,
    "bmp_runs": 3000,
    "bmp_short_rows": 5000,
    "heic_overlay": 2000,
    "heic_metadata": 900,
    "avif_overlay": 1000,
    "avif_exif": 5000,
}
MEMORY_MB = 300
BYTES_PER_PIXEL = 12


def test_every_kind_has_an_amount() -> None:
    assert set(AMOUNTS) == set(KINDS)


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")
def test_time_and_memory_of_hostile_files_are_bounded(tmp_path: Path) -> None:
    """Each is decoded in a process of its own, whose memory is measured. Time is that of the processor."""
    kinds = [kind for kind in KINDS if can_write(kind.split("_")[0])]
    for kind in kinds:
        (tmp_path / kind).write_bytes(hostile(kind, AMOUNTS[kind]))
    program = """
import json, os, resource, sys, time
from pathlib import Path
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photo import Unreadable
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for path in sorted(Path(sys.argv[1]).iterdir()):
    if os.fork() == 0:
        before, began, pixels = peak(), time.process_time(), 0
        try:
            photo = decode(path.read_bytes(), min_side=256, thumbnail_side=320)
            pixels, reason = photo.width * photo.height, ""
        except Unreadable as error:
            reason = error.reason
        print(json.dumps([path.name, reason, pixels, time.process_time() - began, peak() - before]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, path
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert run.stderr == ""
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row[0] for row in rows] == sorted(kinds)
    for kind, reason, pixels, seconds, megabytes in rows:
        assert seconds < SECONDS + SECONDS_PER_PIXEL * pixels, (kind, seconds)
        assert megabytes < MEMORY_MB + BYTES_PER_PIXEL * pixels / 1e6, (kind, megabytes)
        assert reason in ("", reasons.TOO_COMPLEX, reasons.DAMAGED, reasons.NOT_A_PICTURE), kind
        if kind.endswith(("_exif", "_profile", "_frames", "_comments", "_ztxt", "_itxt")) and kind != "png_frames":
            assert reason in ("", reasons.TOO_COMPLEX), f"the picture in {kind} is sound"


def test_honest_pictures_of_many_parts_are_shown() -> None:
    noise = noise_picture((3000, 2000), 1)
    for data in (
        encode(noise, "JPEG", progressive=True, subsampling=0),
        encode(noise, "JPEG", progressive=True) + picture_bytes("jpeg") * 50,  # as an MPF file has several
        encode(noise, "JPEG", comment=b"x" * 60_000, icc_profile=bytes(500_000)),
        with_scans(40, 500),
        encode(noise, "TIFF", compression="tiff_lzw", strip_size=3000),
    ):
        assert decode(data, min_side=256).width in (3000, 500)


def test_a_decoder_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture_bytes("jpeg", seed=1, size=hanging.SIZE)
    monkeypatch.setattr(bounded, "SECONDS", 0.3)
    with hanging.decoder_that_hangs(monkeypatch):
        began = time.monotonic()
        with pytest.raises(Unreadable) as caught:
            decode(data, min_side=64)
        assert caught.value.reason == reasons.TOO_SLOW
        assert time.monotonic() - began < 5
    assert decode(data, min_side=64).width == hanging.SIZE[0]


def test_nobody_waits_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging.decoder_that_hangs(monkeypatch) as hangs:
        began = time.monotonic()
        with pytest.raises(DecodingStopped):
            decode(picture_bytes("jpeg", seed=1, size=hanging.SIZE), min_side=64, stopped=hangs.is_set)
        assert time.monotonic() - began < 1.5


def test_results_and_errors_come_through() -> None:
    assert run_bounded(lambda _allowance: 5, stopped=lambda: False) == 5
    with pytest.raises(ZeroDivisionError):
        run_bounded(lambda _allowance: 1 // 0, stopped=lambda: False)


def test_more_pixels_have_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0.0)
    allowance = Allowance()
    allowance.begin(0)
    time.sleep(0.1)
    assert allowance.is_used_up()
    allowance.begin(100_000_000)
    time.sleep(0.1)
    assert not allowance.is_used_up()
    allowance.begin(0)
    allowance.pause()
    time.sleep(0.1)
    assert not allowance.is_used_up(), "it waits for others"


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="the system does not say how long a thread works"
)
def test_a_busy_computer_costs_no_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the decoder works only half, the rest it waits for the processor."""
    monkeypatch.setattr(bounded, "SECONDS", 0.5)

    def work(_allowance: Allowance) -> str:
        for _ in range(8):
            until = time.thread_time() + 0.05
            while time.thread_time() < until:
                pass
            time.sleep(0.05)
        return "done"

    assert run_bounded(work, stopped=lambda: False) == "done"


def test_a_busy_program_costs_no_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder with threads of its own waits for the processor, which a software GPU in this program takes."""
    monkeypatch.setattr(bounded, "SECONDS", 0.5)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    ended = threading.Event()

    def hash_zeros() -> None:
        zeros = bytes(1 << 22)
        while not ended.is_set():
            hashlib.sha256(zeros)

    def work(_allowance: Allowance) -> str:
        time.sleep(0.9)
        return "done"

    with pytest.raises(Unreadable):
        run_bounded(work, stopped=lambda: False)
    others = [threading.Thread(target=hash_zeros) for _ in range(2)]
    for other in others:
        other.start()
    try:
        assert run_bounded(work, stopped=lambda: False) == "done"
    finally:
        ended.set()
        for other in others:
            other.join()


def test_what_was_given_up_does_not_begin_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    seen = []

    def work(allowance: Allowance) -> None:
        given_up.wait(20)
        try:
            allowance.begin(1)
        except DecodingStopped:
            seen.append("stopped")

    with pytest.raises(DecodingStopped):
        run_bounded(work, stopped=lambda: True)
    given_up.set()
    until = time.monotonic() + 5
    while not seen and time.monotonic() < until:
        time.sleep(0.01)
    assert seen == ["stopped"]


@pytest.mark.parametrize("hangs", [True, False])
def test_the_process_ends_although_a_decoder_hangs(hangs: bool) -> None:
    program = f"""
import time
from alpacasorter.core.photos.bounded import DecodingStopped, exit_at_once, run_bounded
try:
    run_bounded(lambda _: time.sleep(60 if {hangs} else 0), stopped=lambda: {hangs})
except DecodingStopped:
    pass
print("last words")
exit_at_once(7)
raise SystemExit(8)
"""
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, cwd=Path(__file__).parents[3]
    )
    assert (run.returncode, run.stdout, run.stderr) == (7 if hangs else 8, "last words\n", "")
    assert time.monotonic() - began < 30
