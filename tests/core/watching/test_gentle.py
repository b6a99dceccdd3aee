"""Watching for a window: in short pieces, and not while the app moves files."""

import time
from pathlib import Path

import pytest

from alpacasorter.core.watching import watch as watch_module
from alpacasorter.core.watching.events import Arrived, WatchState
from alpacasorter.core.watching.watch import Throttle, Watch
from tests.core.watching.watched import FAST, LIMIT_S, Observers, Watched, file_of, placed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    return place


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that are taken; each file is a piece of work."""
    taken: list[float] = []
    monkeypatch.setattr(watch_module, "_PIECE_SECONDS", 0.0)
    monkeypatch.setattr(watch_module, "Throttle", lambda rests: Throttle(rests=rests, sleep=taken.append))
    return taken


def put(path: Path, data: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_gently_it_sees_the_same_and_rests_all_the_while(folder: Path, rests: list[float]) -> None:
    old = [put(folder / f"day {n}" / "old.jpg", bytes([n])) for n in range(50)]
    known = [file_of(path) for path in old]
    (folder / "day 7").rename(folder / "other")
    old[8].unlink()
    new = put(folder / "zoo" / "new.jpg")
    with Watched(Watch(folder, recursive=True, known=known, pace=FAST, gentle=True)) as heard:
        heard.until(lambda: heard.arrived == [new] and heard.gone == [old[8]] and len(heard.renamed) == 1)
        assert heard.renamed == [(old[7], folder / "other" / "old.jpg")]
        assert len(rests) > 100, "for what is known, and for what is there"
        later = put(folder / "day 3" / "later.jpg")
        heard.until(lambda: heard.arrived == [new, later])
        assert heard.stop() < 5.0


def test_where_no_window_must_answer_it_never_rests(folder: Path, rests: list[float]) -> None:
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST)) as heard:
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
    assert rests == []


def test_a_full_look_starts_over_when_the_app_has_moved_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [put(folder / f"{n:03}.jpg", bytes([n])) for n in range(200)]
    moved = folder / "sorted" / "000.jpg"
    watch = Watch(folder, recursive=True, known=[file_of(path) for path in files], pace=FAST, observe=Observers())
    take, takes = Throttle.take, 0

    def take_and_be_overtaken(this: Throttle) -> None:
        nonlocal takes
        takes += 1
        # Half of what is known was compared.
        if takes == 300:
            watch.hold(True)
        take(this)

    monkeypatch.setattr(Throttle, "take", take_and_be_overtaken)
    try:
        assert watch.step() == [WatchState(online=True, polling=False, notice="")]
        assert watch.step(0.0) == []
        assert takes < 310, "it was interrupted"
        put(folder / "new.jpg")
        moved.parent.mkdir()
        files[0].rename(moved)
        assert watch.step(2 * FAST.stable) == []
        assert takes < 310, "nothing is checked meanwhile"
        watch.expect([placed(files[0], moved)])
        watch.hold(False)
        until = time.monotonic() + LIMIT_S
        events: list[object] = []
        while not events and time.monotonic() < until:
            events += watch.step(0.05)
        assert events == [Arrived((file_of(folder / "new.jpg"),))]
        assert watch.step(4 * FAST.grace) == []
    finally:
        watch.close()
