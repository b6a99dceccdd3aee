"""The dialog *Sort history…*."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from alpacasorter.core.sorting.events import FileFailure, SortRecord, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.ui.sorting.history import SortHistory
from tests.ui.sorting.fakes import HIKE, OUT, FakeKeeper, ended, record

NOBODY: frozenset[int] = frozenset()


@pytest.fixture
def keeper() -> Iterator[FakeKeeper]:
    made = FakeKeeper()
    yield made
    made.deleteLater()


@pytest.fixture
def dialog(qtbot: QtBot, keeper: FakeKeeper) -> SortHistory:
    made = SortHistory(keeper)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    made.begin()
    return made


def buttons(dialog: SortHistory) -> dict[str, bool]:
    return {
        button.text().replace("&", ""): button.isEnabled()
        for button in (dialog.undo_button, dialog.finish_button, dialog.show_button)
    }


def answer(button: str, seen: list[str]) -> None:
    """Press a button of the question that the next call asks."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.extend((box.text(), box.informativeText()))
        next(one for one in box.buttons() if one.text() == button).click()

    QTimer.singleShot(0, press)


def test_nothing_yet(dialog: SortHistory, keeper: FakeKeeper) -> None:
    assert keeper.asked == [("history",)]
    assert dialog.details.text() == "Looking at the history…"
    keeper.history.emit([], NOBODY)
    assert dialog.details.text().startswith("Nothing was sorted yet.")
    assert not any(buttons(dialog).values())


def test_the_newest_is_chosen(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.history.emit([record(3, action=Action.COPY), record(2), record(1)], NOBODY)
    first = dialog.table.topLevelItem(0)
    assert dialog.table.topLevelItemCount() == 3
    assert first.text(0).startswith("12 November 2026")
    assert [first.text(column) for column in range(1, 6)] == ["Copy", str(HIKE), str(OUT), "412", "Done"]
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 3
    assert dialog.details.text() == "Sort 3: 412 files. Done."
    assert dialog.failures.isHidden()


@pytest.mark.parametrize(
    ("of", "resting", "expected"),
    [
        (record(), NOBODY, {"Undo sort": True, "Finish": False}),
        (record(done=400, failed=12), NOBODY, {"Undo sort": True, "Try again": True}),
        (record(done=0, failed=412), NOBODY, {"Undo sort": False, "Try again": True}),
        (record(state=SortState.UNDONE), NOBODY, {"Undo sort": False, "Finish": False}),
        (record(state=SortState.UNDONE, left=3), NOBODY, {"Put back the rest": True, "Finish": False}),
        (record(state=SortState.STOPPED), NOBODY, {"Put all back": True, "Finish": True}),
        (record(state=SortState.RUNNING), frozenset({1}), {"Put all back": True, "Finish": True}),
        (record(state=SortState.RUNNING, done=0), frozenset({1}), {"Put all back": True, "Finish": True}),
        # Another window is at work on it.
        (record(state=SortState.RUNNING), NOBODY, {"Put all back": False, "Finish": False}),
        (record(state=SortState.UNDOING), frozenset({1}), {"Undo sort": False, "Finish the undo": True}),
        (record(state=SortState.UNDOING), NOBODY, {"Undo sort": False, "Finish the undo": False}),
    ],
)
def test_what_can_be_done_with_each(
    dialog: SortHistory, keeper: FakeKeeper, of: SortRecord, resting: frozenset[int], expected: dict[str, bool]
) -> None:
    keeper.history.emit([of], resting)
    assert buttons(dialog) == {**expected, "Show in file manager": True}


def test_nothing_begins_while_a_sort_runs(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.busy = True
    keeper.history.emit([record()], NOBODY)
    assert buttons(dialog) == {"Undo sort": False, "Finish": False, "Show in file manager": True}
    assert dialog.message.text().startswith("A sort is going on.")
    asked = len(keeper.asked)
    keeper.end(ended(record()))
    assert keeper.asked[asked:] == [("history",)]
    keeper.history.emit([record()], NOBODY)
    assert buttons(dialog)["Undo sort"]
    assert dialog.message.isHidden()


@pytest.mark.parametrize("yes", [True, False])
def test_undo_is_asked_about_once(dialog: SortHistory, keeper: FakeKeeper, qtbot: QtBot, yes: bool) -> None:
    wanted: list[SortRecord] = []

    def take_back(record: SortRecord) -> None:
        wanted.append(record)
        keeper.busy = True

    dialog.take_back.connect(take_back)
    keeper.history.emit([record(5)], NOBODY)
    seen: list[str] = []
    answer("Undo sort" if yes else "Cancel", seen)
    qtbot.mouseClick(dialog.undo_button, Qt.MouseButton.LeftButton)
    qtbot.mouseDClick(dialog.undo_button, Qt.MouseButton.LeftButton) if yes else None
    assert seen[0].startswith("Undo the sort of 12 November 2026")
    assert "named" in seen[1]
    assert [one.number for one in wanted] == ([5] if yes else [])


def test_finish(dialog: SortHistory, keeper: FakeKeeper) -> None:
    wanted: list[SortRecord] = []
    dialog.finish.connect(wanted.append)
    keeper.history.emit([record(5, SortState.STOPPED)], NOBODY)
    dialog.finish_button.click()
    assert [one.number for one in wanted] == [5]


def test_a_double_click_on_a_line_does_nothing(dialog: SortHistory, keeper: FakeKeeper, qtbot: QtBot) -> None:
    keeper.history.emit([record(5, SortState.STOPPED)], NOBODY)
    asked = len(keeper.asked)
    spot = dialog.table.visualItemRect(dialog.table.topLevelItem(0)).center()
    qtbot.mouseDClick(dialog.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert len(keeper.asked) == asked
    assert dialog.isVisible()


def test_files_are_named_with_their_reasons(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.history.emit([record(5, SortState.UNDONE, left=1), record(4)], NOBODY)
    assert keeper.asked[-1] == ("failures", 5)
    keeper.failures.emit(4, [FileFailure(OUT / "other.jpg", "Not of this sort.")])
    assert dialog.failures.isHidden()
    keeper.failures.emit(5, [FileFailure(OUT / "a.jpg", "It was changed since it was sorted.")])
    assert dialog.failures.topLevelItem(0).text(1) == "It was changed since it was sorted."
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    assert dialog.failures.isHidden()


def test_what_is_chosen_stays_so_when_the_list_is_told_anew(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.history.emit([record(2), record(1)], NOBODY)
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    keeper.history.emit([record(3), record(2), record(1)], NOBODY)
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 1


def test_a_long_list(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.history.emit([record(number) for number in range(1000, 0, -1)], NOBODY)
    assert dialog.table.topLevelItemCount() == 1000
    dialog.grab()


def test_showing_the_folder(
    dialog: SortHistory, keeper: FakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    keeper.history.emit([record(2, destination=tmp_path), record(1)], NOBODY)
    dialog.show_button.click()
    assert opened == [str(tmp_path)]
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    dialog.show_button.click()
    assert "is not there" in dialog.message.text()


def test_what_can_t_be_told(dialog: SortHistory, keeper: FakeKeeper) -> None:
    keeper.history_failed.emit("The library is damaged.")
    assert dialog.message.text() == "The library is damaged."
