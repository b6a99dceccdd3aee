"""Sorting real photos in the window: plan, sort, undo, and a sort that was interrupted."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import SortState
from alpacasorter.core.sorting.execution import run
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.sorting.dialog import RESULT, SortDialog
from tests.e2e.conftest import User
from tests.ui.sorting.fakes import answer

Start = Callable[[], User]
CTRL = Qt.KeyboardModifier.ControlModifier

pytestmark = [pytest.mark.model, pytest.mark.qt_log_ignore("This plugin does not support raise")]


@pytest.fixture
def hike(tmp_path: Path, photos: Path) -> Path:
    """Real photos in a folder and a subfolder, with companions, and two with the same name."""
    folder = tmp_path / "a hike 🦙"
    (folder / "day 2").mkdir(parents=True)
    alpacas = sorted((photos / "more" / "alpaca").iterdir())[:9]
    others = sorted((photos / "more" / "not_alpaca").iterdir())[:9]
    for n, source in enumerate([*alpacas, *others]):
        shutil.copy2(source, folder / ("day 2" if n % 4 == 3 else "") / f"IMG_{n}{source.suffix.lower()}")
    for n in (0, 3, 10):
        place = folder / ("day 2" if n % 4 == 3 else "")
        (place / f"IMG_{n}.CR3").write_bytes(bytes(1000 + n))
        (place / f"IMG_{n}.xmp").write_text("<x:xmpmeta/>", encoding="utf-8")
    # Another photo of the same name in the other folder.
    shutil.copy2(alpacas[5], folder / "day 2" / f"IMG_0{alpacas[0].suffix.lower()}")
    return folder


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Return every file below a folder with the hash of its bytes and its time."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def bytes_and_times(folder: Path) -> list[tuple[str, int]]:
    """Return the files below a folder but for the app's own markers, wherever they are."""
    return sorted(about for name, about in tree(folder).items() if Path(name).name != OUTPUT_MARKER)


def planned(user: User, dialog: SortDialog) -> SortPlan:
    """Wait until the plan for what is chosen is there."""
    user.wait(lambda: dialog.plan_page.plan is not None)
    plan = dialog.plan_page.plan
    assert plan is not None
    return plan


def open_sort(user: User) -> SortDialog:
    user.page.actions_.sort.trigger()
    dialog = user.window.sorting.dialog
    assert dialog is not None
    assert dialog.isVisible()
    return dialog


def targets(plan: SortPlan) -> dict[Path, Path]:
    """Return where each file of a plan goes."""
    return {
        file.source: file.target
        for unit in plan.units
        if unit.outcome is Outcome.GO
        for file in unit.files
        if file.target is not None
    }


def result(user: User, dialog: SortDialog) -> str:
    user.wait(lambda: dialog.stack.currentIndex() == RESULT)
    return dialog.result_page.heading.text()


def test_correct_sort_and_undo(start: Start, hike: Path, qtbot: QtBot) -> None:
    user = start()
    before = tree(hike)
    assert user.page.actions_.sort.isEnabled() is False
    user.open(hike)
    # GIVEN a corrected photo that the model is unsure of, or not
    name = user.store.rows[0].path.name
    label = user.label(name)
    user.select(name)
    user.press_and_learn(Qt.Key.Key_N if label == user.store.labels.positive else Qt.Key.Key_A)
    corrected = user.row(name)
    key, said, was = corrected.key, corrected.correction, corrected.path
    assert said is not None

    # WHEN the user opens the dialog by key, and chooses a folder for the unsure photos
    user.press(Qt.Key.Key_S, CTRL)
    dialog = user.window.sorting.dialog
    assert dialog is not None
    plan = planned(user, dialog)
    form = dialog.plan_page.form
    assert plan.options.destination == hike
    qtbot.mouseClick(form.unsure.check, Qt.MouseButton.LeftButton, pos=form.unsure.check.rect().center() / 4)
    if not form.unsure.on:
        form.unsure.check.click()
    user.wait(lambda: dialog.plan_page.plan is not None)
    plan = planned(user, dialog)
    go = targets(plan)
    assert len(go) == len(before), "all files, including companions"
    assert tree(hike) == before, "nothing happens before the button is pressed"
    assert go[corrected.path].parent.name == user.store.labels.display(said)
    assert len(set(go.values())) == len(go)
    photos = plan.count(Outcome.GO)
    assert dialog.buttons.sort.text() == f"Move {photos} photos"

    # THEN the sort does what the plan showed, and the window follows
    qtbot.keyClick(dialog.buttons.sort, Qt.Key.Key_Space)
    folders = len({target.parent for target in go.values()})
    assert result(user, dialog) == f"{photos} photos were moved to {folders} folders."
    assert {path for path in hike.rglob("*") if path.is_file() and path.name != OUTPUT_MARKER} == set(go.values())
    assert bytes_and_times(hike) == sorted(before.values())
    wanted = {target for source, target in go.items() if source.suffix not in (".CR3", ".xmp")}
    assert {row.path for row in user.store.rows} == wanted
    row = next(row for row in user.store.rows if row.key == key)
    assert (row.path, row.correction) == (go[was], said)
    assert result(user, dialog) in user.window.summary.text()
    strip = user.window.sorting.strip
    assert strip.wanted

    # WHEN the dialog is closed and Undo sort is pressed below the photos, THEN everything is as before
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    strip.buttons[0].click()
    user.wait(lambda: not user.window.engine.sorting.busy)
    assert "Undone" in result(user, dialog)
    assert tree(hike) == before
    assert not any(path.is_dir() and path.name in ("Alpaca", "Not alpaca", "Unsure") for path in hike.iterdir())
    assert {row.path for row in user.store.rows} == {
        hike / name for name in before if Path(name).suffix not in (".CR3", ".xmp")
    }
    # An unchanged photo is not opened again: the cache has followed.
    dialog.reject()
    QApplication.processEvents()
    assert len(user.finished) == 1, "every row has followed its file, so no rescan was needed"
    finished = user.open(hike)
    assert finished.opened == 0
    assert next(row for row in user.store.rows if row.key == key).correction == said


@pytest.mark.parametrize("watch", [True, False])
def test_photos_sorted_earlier_come_back_into_the_window(start: Start, hike: Path, watch: bool) -> None:
    user = start()
    before = tree(hike)
    user.open(hike)
    listed = {row.path for row in user.store.rows}
    dialog = open_sort(user)
    planned(user, dialog)
    dialog.buttons.sort.click()
    result(user, dialog)
    user.window.close()

    # GIVEN a later session, in which some of the photos were moved away before the folder was opened
    user = start()
    if not watch:
        user.page.actions_.watch.trigger()
    user.open(hike)
    assert not listed <= {row.path for row in user.store.rows}
    user.page.show_filter(Filter.UNSURE)

    # WHEN the sort is undone from the history
    user.page.actions_.sort_history.trigger()
    history = user.window.sorting.history
    assert history is not None
    user.wait(lambda: history.chosen() is not None and history.undo_button.isEnabled())

    answer(True)
    history.undo_button.click()

    # THEN all of them are shown again, and none of them is new
    user.wait(lambda: len(user.finished) == 2)
    assert tree(hike) == before
    assert {row.path for row in user.store.rows} == listed
    assert user.store.counts[Filter.NEW] == 0
    assert user.model.filter is Filter.UNSURE
    assert user.window.sorting.strip.words.text() in [one.words for one in user.window.banners.said]
    if watch:
        user.wait(lambda: user.window.watching.label.text() == "Watching")
    # ... and the result of the sort is only shown for this folder.
    user.open(hike / "day 2")
    assert not user.window.sorting.strip.isVisible()


def test_sorted_photos_can_be_sorted_again(start: Start, hike: Path) -> None:
    user = start()
    user.open(hike)
    dialog = open_sort(user)
    plan = planned(user, dialog)
    dialog.buttons.sort.click()
    result(user, dialog)
    dialog.reject()
    labels = user.store.labels
    alpacas = hike / labels.display(labels.positive)
    user.open(alpacas)
    wrong = user.store.rows[0]
    was = wrong.path
    user.click_tag(was.name)
    dialog = open_sort(user)
    plan = planned(user, dialog)
    assert plan.options.destination == hike
    go = targets(plan)
    assert go[was].parent == hike / labels.display(labels.negative)
    assert {target.parent for target in go.values()} == {hike / labels.display(labels.negative)}


@pytest.mark.parametrize("where", ["the sorted folder", "the folder of the tag"])
def test_a_photo_relabeled_after_a_sort_is_moved_by_one_key(start: Start, hike: Path, where: str) -> None:
    user = start()
    user.open(hike)
    dialog = open_sort(user)
    planned(user, dialog)
    dialog.buttons.sort.click()
    result(user, dialog)
    dialog.reject()
    labels, banner = user.store.labels, user.window.sorting.misplaced.banner
    yes, no = (hike / labels.display(label) for label in (labels.positive, labels.negative))
    if where == "the folder of the tag":
        user.open(yes)
    wrong = next(row for row in user.store.rows if row.path.parent == yes and row.path.with_suffix(".xmp").exists())
    was, before = wrong.path, tree(hike)
    user.select(was.name)
    user.press_and_learn(Qt.Key.Key_N)
    user.wait(lambda: banner.wanted)
    assert was.name in banner.words.text()
    assert tree(hike) == before, "nothing moves unless the user says so"
    user.window.activateWindow()
    user.wait(user.window.isActiveWindow)
    user.press(Qt.Key.Key_S, CTRL | Qt.KeyboardModifier.ShiftModifier)
    user.wait(lambda: (no / was.name).exists() and not user.window.engine.sorting.busy)
    assert not was.exists()
    assert (no / was.name).with_suffix(".xmp").exists()
    assert not dialog.isVisible()
    user.wait(lambda: not banner.wanted)
    # Ctrl+Z undoes the tag, and moves no file; then it is offered to move the photo back.
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert (no / was.name).exists()
    user.wait(lambda: banner.wanted)
    strip = user.window.sorting.strip
    next(button for button in strip.answers if button.text() == "Undo sort").click()
    user.wait(was.exists)
    user.wait(lambda: not user.window.engine.sorting.busy)
    assert bytes_and_times(hike) == sorted(about for name, about in before.items() if Path(name).name != OUTPUT_MARKER)


def test_a_correction_while_the_dialog_is_open_counts(start: Start, hike: Path) -> None:
    user = start()
    user.open(hike)
    dialog = open_sort(user)
    plan = planned(user, dialog)
    unit = next(unit for unit in plan.units if unit.outcome is Outcome.GO)
    name, label = unit.photo.path.name, unit.photo.label
    user.click_tag(name)
    user.wait(lambda: dialog.plan_page.plan is not None and dialog.plan_page.plan is not plan)
    again = planned(user, dialog)
    photo = next(one.photo for one in again.units if one.photo.path == unit.photo.path)
    assert photo.corrected
    assert photo.label != label


def test_stop_resume_and_the_history(
    start: Start, hike: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = start()
    before = tree(hike)
    user.open(hike)
    dialog = open_sort(user)
    dialog.plan_page.form.destination.set_folder(tmp_path / "sorted")
    user.wait(lambda: dialog.plan_page.plan is not None)
    plan = planned(user, dialog)
    real, asked = run.run_sort, []

    def slow(plan: SortPlan, library: object, *, stopped: Callable[[], bool]) -> object:
        def stop_in_the_middle() -> bool:
            asked.append(1)
            # The user presses Stop while the third file is being moved.
            return len(asked) > 3 or stopped()

        return real(plan, library, stopped=stop_in_the_middle)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "run_sort", slow)
    dialog.buttons.sort.click()
    assert result(user, dialog).startswith("Stopped after ")
    assert sorted([*bytes_and_times(hike), *bytes_and_times(tmp_path / "sorted")]) == sorted(before.values())
    dialog.buttons.resume.click()
    user.wait(lambda: not user.window.engine.sorting.busy)
    assert f"{plan.count(Outcome.GO)} photos were moved" in dialog.result_page.heading.text()
    assert all(target.is_file() for target in targets(plan).values())

    # WHEN it is undone from the history
    dialog.reject()
    user.page.actions_.sort_history.trigger()
    history = user.window.sorting.history
    assert history is not None
    user.wait(lambda: history.chosen() is not None and history.undo_button.isEnabled())

    answer(True)
    history.undo_button.click()
    user.wait(lambda: not user.window.engine.sorting.busy)
    assert tree(hike) == before
    assert not (tmp_path / "sorted").exists(), "folders that the sort created are removed"

    def is_undone() -> bool:
        record = history.chosen()
        return record is not None and record.state is SortState.UNDONE

    user.wait(is_undone)
    assert not history.undo_button.isEnabled()


_KILLED = """
import os, signal, sys
from pathlib import Path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.store.library import Library
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.plan import LabeledPhoto
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.core.sorting.execution.run import run_sort

data, folder = map(Path, sys.argv[1:])
library = Library.open(data / "library.sqlite", backups=data / "backups")
photos = [LabeledPhoto(path, None, "alpaca", 0.99) for path in sorted(folder.rglob("*.jpg"))]
plan = plan_sort(folder, photos, SortOptions(folder), LabelSet("not_alpaca", "alpaca", {}))
asked = []


def die_in_the_middle():
    asked.append(1)
    if len(asked) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return False


for event in run_sort(plan, library, stopped=die_in_the_middle):
    pass
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is for POSIX systems only")
@pytest.mark.parametrize("choice", ["resume", "undo", "later"])
def test_a_sort_that_was_killed(start: Start, hike: Path, choice: str, home: Path) -> None:
    before = tree(hike)
    command = [sys.executable, "-c", _KILLED, str(home / "alpacasorter-data"), str(hike)]
    killed = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    # WHEN the app starts, THEN it says so
    user = start()
    offer = user.window.sorting.offer
    user.wait(offer.isVisible)
    assert "was interrupted after" in offer.words.text()
    offer.buttons[["resume", "undo", "later"].index(choice)].click()
    assert not offer.isVisible()
    if choice != "later":
        dialog = user.window.sorting.dialog
        assert dialog is not None
        words = result(user, dialog)
    else:
        user.window.sorting.open_history()
        history = user.window.sorting.history
        assert history is not None
        user.wait(lambda: history.chosen() is not None)
        assert history.resume_button.isEnabled()
        assert history.undo_button.isEnabled()
        words = ""
    if choice == "resume":
        assert f"moved to {hike}" in words
        assert not any(path.suffix == ".jpg" for path in hike.iterdir())
        assert bytes_and_times(hike) == sorted(before.values())
        finished = user.open(hike / "Alpaca")
        assert finished.judged == sum(name.endswith(".jpg") for name in before)
    elif choice == "undo":
        assert "Undone" in words
        assert tree(hike) == before


@pytest.mark.parametrize("quits", [True, False])
def test_the_window_is_closed_during_a_sort(
    start: Start, hike: Path, quits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = start()
    before = tree(hike)
    user.open(hike)
    dialog = open_sort(user)
    planned(user, dialog)
    real = run.run_sort
    held: list[Callable[[], bool]] = []

    def slow(plan: SortPlan, library: object, *, stopped: Callable[[], bool]) -> object:
        def wait_for_it() -> bool:
            held.append(stopped)
            if len(held) == 3:
                # The window asks its question while this file is being moved.
                deadline = time.monotonic() + 20
                while not stopped() and not is_answered.is_set() and time.monotonic() < deadline:
                    time.sleep(0.005)
            return stopped()

        return real(plan, library, stopped=wait_for_it)  # type: ignore[arg-type]

    is_answered = threading.Event()
    monkeypatch.setattr(run, "run_sort", slow)
    dialog.buttons.sort.click()
    user.wait(lambda: len(held) >= 3)

    asked = answer(quits)
    user.window.close()
    assert len(asked) == 2
    if not quits:
        assert user.window.isVisible()
        is_answered.set()
        assert "photos were moved to" in result(user, dialog)
        return
    assert not user.window.isVisible()
    assert bytes_and_times(hike) == sorted(before.values()), "nothing is lost"
    monkeypatch.undo()


def test_closing_the_folder_closes_the_dialog(start: Start, hike: Path) -> None:
    user = start()
    user.open(hike)
    dialog = open_sort(user)
    planned(user, dialog)
    user.window.close_folder()
    assert not user.page.actions_.sort.isEnabled()
    assert not dialog.isVisible()


def test_new_photos_are_sorted(start: Start, hike: Path, tmp_path: Path, photos: Path) -> None:
    user = start()
    user.open(hike)
    arrivals = user.window.arrivals
    assert not arrivals.button.isVisible()
    user.page.actions_.arrivals.trigger()
    dialog = arrivals.dialog
    assert dialog is not None
    assert not dialog.on_button.isEnabled(), "a destination must be given"
    assert dialog.form.sure.value() == 95
    dialog.form.destination.set_folder(tmp_path / "sorted")
    dialog.form.set_sure(0.55)
    assert dialog.on_button.isEnabled()
    before = tree(hike)
    dialog.on_button.click()
    assert arrivals.button.isVisible()
    user.wait(lambda: user.window.watching.label.isVisible())
    source = sorted((photos / "more" / "alpaca").iterdir())[20]
    shutil.copy2(source, hike / "new.jpg")
    user.wait(lambda: any((tmp_path / "sorted").rglob("new.jpg")))
    user.wait(lambda: "1 new file was moved" in user.window.sorting.strip.words.text())
    assert tree(hike) == before, "photos that were there before are not touched"
    # One click turns it off, and so does closing the folder.
    arrivals.button.click()
    assert not arrivals.button.isVisible()
    assert user.window.engine.watching.arrivals is None
    arrivals.turn_on(SortOptions(tmp_path / "sorted"))
    assert arrivals.button.isVisible()
    user.window.close_folder()
    assert not arrivals.button.isVisible()
    assert user.window.engine.watching.arrivals is None
