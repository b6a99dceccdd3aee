"""The dialog *Sort history…*."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from alpacasorter.core.sorting.events import FileFailure, SortRecord, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.ui.sorting.history import SortHistory
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import OUT, FakeSortService, answer, ended, record

NOBODY: frozenset[int] = frozenset()


@pytest.fixture
def service() -> Iterator[FakeSortService]:
    made = FakeSortService()
    yield made
    made.deleteLater()


@pytest.fixture
def dialog(qtbot: QtBot, service: FakeSortService) -> SortHistory:
    made = SortHistory(service)
    qtbot.addWidget(made)
    made.show()
    made.begin()
    return made


def buttons(dialog: SortHistory) -> dict[str, bool]:
    return {button.text().replace("&", ""): button.isEnabled() for button in (dialog.undo_button, dialog.resume_button)}


def test_nothing_yet(dialog: SortHistory, service: FakeSortService) -> None:
    assert service.asked == [("history",)]
    loading = dialog.details.text()
    assert loading
    service.history.emit([], NOBODY)
    assert dialog.details.text() != loading
    assert not any(buttons(dialog).values())
    assert not dialog.show_button.isEnabled()


def test_the_newest_is_selected(dialog: SortHistory, service: FakeSortService) -> None:
    service.history.emit([record(3, action=Action.COPY), record(2), record(1)], NOBODY)
    first = dialog.table.topLevelItem(0)
    assert dialog.table.topLevelItemCount() == 3
    assert tuple(first.text(column) for column in range(6)) == sorts.row(record(3, action=Action.COPY), resting=False)
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 3
    assert dialog.details.text() == "Sort 3 · 412 files · Done"
    assert dialog.failures.isHidden()


def test_the_newest_is_selected_when_it_is_opened_again(dialog: SortHistory, service: FakeSortService) -> None:
    service.history.emit([record(2), record(1)], NOBODY)
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    service.history.emit([record(2), record(1)], NOBODY)
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 1, "while it is open, the choice stays"
    dialog.close()
    dialog.show()
    dialog.begin()
    service.history.emit([record(3), record(2), record(1)], NOBODY)
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 3


@pytest.mark.parametrize(
    ("of", "resting", "expected"),
    [
        (record(), NOBODY, {"Undo sort": True, "Resume": False}),
        (record(done=400, failed=12), NOBODY, {"Undo sort": True, "Try again": True}),
        (record(done=0, failed=412), NOBODY, {"Undo sort": False, "Try again": True}),
        (record(state=SortState.UNDONE), NOBODY, {"Undo sort": False, "Resume": False}),
        (record(state=SortState.UNDONE, left=3), NOBODY, {"Undo the rest": True, "Resume": False}),
        (record(state=SortState.STOPPED), NOBODY, {"Undo sort": True, "Resume": True}),
        (record(state=SortState.RUNNING), frozenset({1}), {"Undo sort": True, "Resume": True}),
        (record(state=SortState.RUNNING, done=0), frozenset({1}), {"Undo sort": True, "Resume": True}),
        # Another window is working on it.
        (record(state=SortState.RUNNING), NOBODY, {"Undo sort": False, "Resume": False}),
        (record(state=SortState.UNDOING), frozenset({1}), {"Undo sort": False, "Finish undo": True}),
        (record(state=SortState.UNDOING), NOBODY, {"Undo sort": False, "Finish undo": False}),
    ],
)
def test_what_can_be_done_with_each(
    dialog: SortHistory, service: FakeSortService, of: SortRecord, resting: frozenset[int], expected: dict[str, bool]
) -> None:
    service.history.emit([of], resting)
    assert buttons(dialog) == expected
    assert dialog.show_button.isEnabled()


def test_nothing_begins_while_a_sort_runs(dialog: SortHistory, service: FakeSortService) -> None:
    service.busy = True
    service.history.emit([record()], NOBODY)
    assert not any(buttons(dialog).values())
    assert dialog.show_button.isEnabled()
    assert dialog.message.isVisible()
    asked = len(service.asked)
    service.end(ended(record()))
    assert service.asked[asked:] == [("history",)]
    service.history.emit([record()], NOBODY)
    assert dialog.undo_button.isEnabled()
    assert dialog.message.isHidden()


@pytest.mark.parametrize("yes", [True, False])
def test_undo_is_asked_about_once(dialog: SortHistory, service: FakeSortService, qtbot: QtBot, yes: bool) -> None:
    wanted: list[SortRecord] = []

    def undo(record: SortRecord) -> None:
        wanted.append(record)
        service.busy = True

    dialog.undo.connect(undo)
    service.history.emit([record(5)], NOBODY)
    seen = answer(yes)
    qtbot.mouseClick(dialog.undo_button, Qt.MouseButton.LeftButton)
    qtbot.mouseDClick(dialog.undo_button, Qt.MouseButton.LeftButton) if yes else None
    assert tuple(seen) == sorts.undo_question(record(5))
    assert [one.number for one in wanted] == ([5] if yes else [])


def test_resume(dialog: SortHistory, service: FakeSortService) -> None:
    wanted: list[SortRecord] = []
    dialog.resume.connect(wanted.append)
    service.history.emit([record(5, SortState.STOPPED)], NOBODY)
    dialog.resume_button.click()
    assert [one.number for one in wanted] == [5]


def test_a_double_click_on_a_line_does_nothing(dialog: SortHistory, service: FakeSortService, qtbot: QtBot) -> None:
    service.history.emit([record(5, SortState.STOPPED)], NOBODY)
    asked = len(service.asked)
    spot = dialog.table.visualItemRect(dialog.table.topLevelItem(0)).center()
    qtbot.mouseDClick(dialog.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert len(service.asked) == asked
    assert dialog.isVisible()


def test_failed_files_are_listed_with_their_reasons(dialog: SortHistory, service: FakeSortService) -> None:
    service.history.emit([record(5, SortState.UNDONE, left=1), record(4)], NOBODY)
    assert service.asked[-1] == ("failures", 5)
    service.failures.emit(4, [FileFailure(OUT / "other.jpg", "Not of this sort.")])
    assert dialog.failures.isHidden()
    service.failures.emit(5, [FileFailure(OUT / "a.jpg", "It was changed since it was sorted.")])
    assert dialog.failures.topLevelItem(0).text(1) == "It was changed since it was sorted."
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    assert dialog.failures.isHidden()


def test_the_selection_is_kept_when_the_list_is_reloaded(dialog: SortHistory, service: FakeSortService) -> None:
    service.history.emit([record(2), record(1)], NOBODY)
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    service.history.emit([record(3), record(2), record(1)], NOBODY)
    chosen = dialog.chosen()
    assert chosen is not None
    assert chosen.number == 1


def test_a_long_list(dialog: SortHistory, service: FakeSortService) -> None:
    service.history.emit([record(number) for number in range(1000, 0, -1)], NOBODY)
    assert dialog.table.topLevelItemCount() == 1000
    dialog.grab()


def test_showing_the_folder(
    dialog: SortHistory, service: FakeSortService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    service.history.emit([record(2, destination=tmp_path), record(1)], NOBODY)
    dialog.show_button.click()
    assert opened == [str(tmp_path)]
    dialog.table.setCurrentItem(dialog.table.topLevelItem(1))
    dialog.show_button.click()
    assert str(OUT) in dialog.message.text()


def test_a_history_that_can_t_be_read(dialog: SortHistory, service: FakeSortService) -> None:
    service.history_failed.emit("The library is damaged.")
    assert dialog.message.text() == "The library is damaged."


def test_folders_can_be_read_in_the_narrowest_dialog(
    dialog: SortHistory, service: FakeSortService, qtbot: QtBot
) -> None:
    service.history.emit([record(3, action=Action.COPY), record(2)], NOBODY)
    qtbot.wait(50)
    dialog.resize(1, 1)
    qtbot.wait(50)
    header, letter = dialog.table.header(), dialog.table.fontMetrics().averageCharWidth()
    assert [header.sectionSize(column) > 12 * letter for column in (2, 3)] == [True, True]
    assert header.length() <= dialog.table.viewport().width()
