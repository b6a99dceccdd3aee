"""Watching when the system's hints are late, duplicated, lost, or missing altogether."""

import errno
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core.photos.walk import FolderListing
from alpacasorter.core.watching import observer
from alpacasorter.core.watching.events import WatchState
from alpacasorter.core.watching.observer import Hints, ObserverError, WatchdogObserver, WhyPolling
from alpacasorter.core.watching.tree import Root
from alpacasorter.core.watching.watch import Watch, every, state_of
from tests.core.watching.watched import FAST, DeafObserver, Observers, Watched, file_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")
OFTEN = replace(FAST, reconcile=0.3)
POLLS_S = 5.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    (place / "sub").mkdir(parents=True)
    return place


def put(path: Path, data: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_unreported_changes_are_found_anyway(folder: Path) -> None:
    old, moving = put(folder / "old.jpg", b"old"), put(folder / "moving.jpg", b"moving")
    watch = Watch(folder, recursive=True, known=[file_of(old), file_of(moving)], pace=OFTEN, observe=Observers())
    with Watched(watch) as heard:
        assert not heard.states[0].polling
        new = [put(folder / f"day {n}" / "new.jpg", bytes([n])) for n in range(5)]
        old.unlink()
        moved = moving.rename(folder / "sub" / "moved.jpg")
        heard.until(lambda: len(heard.arrived) == 5 and heard.gone == [old] and heard.renamed == [(moving, moved)])
        new[0].write_bytes(b"changed")
        heard.until(lambda: heard.arrived[5:] == [new[0]])
        heard.settle()
        assert len(heard.arrived) == 6


def test_what_comes_while_the_folder_is_listed_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, late = Root.list, folder / "late.jpg"

    def list_and_be_overtaken(root: Root) -> FolderListing | None:
        listing = listed(root)
        if not late.exists():
            put(late)
            Talker.hints.note(str(late), closed=True)
        return listing

    monkeypatch.setattr(Root, "list", list_and_be_overtaken)
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=Talker)) as heard:
        heard.until(lambda: heard.arrived == [late])


class Talker(DeafObserver):
    """Says everything a hundred times, and much that isn't so."""

    hints: Hints

    def __init__(self, places: Sequence[tuple[str, str]], recursive: bool, hints: Hints) -> None:
        super().__init__(places, recursive, hints)
        Talker.hints = hints


def test_doubled_and_wrong_hints_do_no_harm(folder: Path, tmp_path: Path) -> None:
    old = put(folder / "old.jpg")
    with Watched(Watch(folder, recursive=True, known=[file_of(old)], pace=FAST, observe=Talker)) as heard:
        new = put(folder / "sub" / "new.jpg")
        put(tmp_path / "outside.jpg")
        for _ in range(100):
            for path in (old, new, folder / "none.jpg", folder / "no" / "such" / "folder.jpg", folder / "sub"):
                Talker.hints.note(str(path), closed=True)
            for path in (tmp_path / "outside.jpg", folder, folder / "sub", folder / "nothing"):
                Talker.hints.note(str(path), is_folder=True)
        heard.until(lambda: heard.arrived == [new])
        heard.settle()
        assert len(heard.changes) == 1
        # Told of long before it is so.
        Talker.hints.note(str(folder / "late.jpg"), closed=True)
        heard.settle(0.3)
        late = put(folder / "late.jpg", b"late")
        Talker.hints.note(str(late))
        heard.until(lambda: heard.arrived == [new, late])


def test_after_a_burst_everything_is_looked_at(folder: Path) -> None:
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=Talker)) as heard:
        put(folder / "lost.jpg")
        for _ in range(1001):
            Talker.hints.count_event()
        heard.until(lambda: heard.arrived == [folder / "lost.jpg"])


def polled(why: WhyPolling) -> WatchState:
    """Return the state of a folder that is polled as fast as possible."""
    return state_of("", why, POLLS_S)


def test_why_a_folder_is_polled_is_said() -> None:
    states = [polled(why) for why in WhyPolling]
    assert all(state.online and state.polling for state in states)
    assert "network drive" in states[0].notice
    assert all(state.notice.endswith("every 5 seconds.") for state in states)
    assert len({state.notice for state in states}) == 3


def test_a_network_drive_is_looked_at_every_few_seconds(folder: Path) -> None:
    observers = Observers()
    watch = Watch(folder, recursive=True, known=[], pace=FAST, observe=observers, silent=lambda path: path == folder)
    with Watched(watch) as heard:
        assert heard.states == [polled(WhyPolling.NETWORK)]
        photo = put(folder / "sub" / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
        photo.unlink()
        heard.until(lambda: heard.gone == [photo])
        assert watch.polls_every > 0
    assert observers.made == []


@pytest.mark.parametrize(("is_limit", "why"), [(True, WhyPolling.LIMIT), (False, WhyPolling.FAILED)])
def test_where_observing_fails_it_is_tried_again(folder: Path, is_limit: bool, why: WhyPolling) -> None:
    observers = Observers(*(ObserverError("no", is_limit=is_limit) for _ in range(3)))
    watch = Watch(folder, recursive=True, known=[], pace=replace(FAST, reconcile=0.2), observe=observers)
    with Watched(watch) as heard:
        assert heard.states == [polled(why)]
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
        heard.until(lambda: heard.states[-1] == WatchState(online=True, polling=False, notice=""))
        assert len(observers.made) == 1
        assert watch.polls_every == 0


@linux_only
def test_no_more_folders_can_be_watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers.inotify_c import InotifyFD

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", full)
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST)) as heard:
        assert heard.states == [polled(WhyPolling.LIMIT)]
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])


@linux_only
def test_no_more_observers_can_be_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers.inotify_c import InotifyFD

    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(InotifyFD, "_create_inotify_fd", full)
    before = threading.active_count()
    with pytest.raises(ObserverError) as caught:
        WatchdogObserver([(str(folder), str(folder))], True, Hints())
    assert caught.value.is_limit
    assert threading.active_count() == before


@linux_only
def test_a_limit_that_only_some_sub_folders_meet_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """watchdog says nothing where a sub-folder can't be watched."""
    from watchdog.observers.inotify_c import InotifyFD

    real = InotifyFD._get_or_create_watch

    def few(this: InotifyFD, path: bytes, mask: int) -> object:
        if b"unlucky" in path:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return real(this, path, mask)  # type: ignore[arg-type]

    monkeypatch.setattr(InotifyFD, "_get_or_create_watch", few)
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST)) as heard:
        heard.settle()
        assert [state.polling for state in heard.states] == [False]
        photo = put(folder / "unlucky" / "deep" / "a.jpg")
        heard.until(lambda: heard.states[-1].polling)
        assert heard.states[-1] == polled(WhyPolling.LIMIT)
        heard.until(lambda: heard.arrived == [photo])
        later = put(folder / "unlucky" / "deep" / "b.jpg", b"b")
        heard.until(lambda: heard.arrived == [photo, later])


def test_an_observer_that_dies_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "_TOO_SOON_SECONDS", 0.0)
    observers = Observers()
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=observers)) as heard:
        photo = put(folder / "a.jpg")
        observers.made[0].alive = False
        # What was missed meanwhile is found.
        heard.until(lambda: heard.arrived == [photo])
        assert len(observers.made) == 2
        assert observers.made[0].closed
        assert [state.polling for state in heard.states] == [False]


def test_one_that_dies_at_once_is_given_up(folder: Path) -> None:
    observers = Observers()
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=observers)) as heard:
        observers.made[0].alive = False
        heard.until(lambda: heard.states[-1].polling)
        assert heard.states[-1] == polled(WhyPolling.FAILED)
        photo = put(folder / "a.jpg")
        heard.until(lambda: heard.arrived == [photo])
    assert len(observers.made) == 1


@linux_only
def test_the_threads_of_the_real_observer_are_seen_to(folder: Path) -> None:
    observing = WatchdogObserver([(str(folder), str(folder))], True, Hints())
    try:
        assert observing.is_alive()
        numbers = [path.stat().st_ino for path in (folder, folder / "sub")]
        assert not observing.misses(numbers)
        assert observing.misses([*numbers, folder.parent.stat().st_ino])
        reader = observing._observer._inotify_fd
        reader.stop()
        reader.join()
        assert not observing.is_alive()
    finally:
        observing.close()


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_very_many_links_are_not_observed_but_looked_at(folder: Path, tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / "far" / f"{n}").mkdir(parents=True)
        (folder / f"link {n}").symlink_to(tmp_path / "far" / f"{n}", target_is_directory=True)
    observers = Observers()
    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=observers)) as heard:
        heard.until(lambda: heard.states[-1].polling)
        assert len(observers.made[-1].places) == 17
        assert observers.made[-1].places[0] == (os.path.realpath(folder), str(folder))
        put(tmp_path / "far" / "19" / "a.jpg")
        heard.until(lambda: heard.arrived == [folder / "link 19" / "a.jpg"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "every 5 seconds"),
        (10.0, "every 10 seconds"),
        (31.0, "every 30 seconds"),
        (70.0, "every minute"),
        (200.0, "every 3 minutes"),
    ],
)
def test_how_often_is_said_in_words(seconds: float, words: str) -> None:
    assert every(seconds).endswith(f"{words}.")


def test_misses_gets_the_folders_that_exist(folder: Path) -> None:
    asked: list[set[int]] = []

    class Asked(DeafObserver):
        def misses(self, folders: Iterable[int]) -> bool:
            asked.append(set(folders))
            return False

    with Watched(Watch(folder, recursive=True, known=[], pace=FAST, observe=Asked)) as heard:
        heard.until(lambda: bool(asked))
        assert asked[-1] == {path.stat().st_ino for path in (folder, folder / "sub")}
