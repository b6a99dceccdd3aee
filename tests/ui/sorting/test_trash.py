"""Photos are rejected with Delete: asked once, moved to the real trash with their companions, and restored."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Found, Judged, JudgedPhoto
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.store.library import Library
from alpacasorter.workers import trash
from tests.ui.conftest import FINISHED, Hands
from tests.ui.test_photo_store import LABELS, photo

Key, Mod = Qt.Key, Qt.KeyboardModifier
WAIT_MS = 8_000
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the trash of these tests is that of freedesktop.org")


class Rejecter:
    """A user with photos 0 to 9 in a real folder, number 1 with a RAW file and number 2 with a sidecar."""

    def __init__(self, hands: Hands, qtbot: QtBot, base: Path, library: Library) -> None:
        self.hands = hands
        self.window = hands.window
        self.page = hands.page
        self.qtbot = qtbot
        self.folder = base / "photos"
        self.folder.mkdir()
        self.trash = base / "share" / "Trash" / "files"
        for number in range(10):
            (self.folder / f"{number}.jpg").write_bytes(f"photo {number}".encode())
        (self.folder / "1.cr2").write_bytes(b"raw")
        (self.folder / "2.jpg.xmp").write_bytes(b"<x/>")
        opened = SimpleNamespace(library=library, cache=SimpleNamespace(follow=lambda _files: None))
        self.service = self.window.engine.sorting
        self.service._opened = lambda: opened  # type: ignore[assignment,return-value]
        self.rescans: list[list[str]] = []
        self.window.sorting.rescan_needed.connect(self.rescans.append)
        self.window.rescan = lambda **_select: None  # type: ignore[method-assign]
        self.show()

    def show(self, select: Sequence[Path] | None = None) -> None:
        page = self.page
        page.set_labels(LABELS)
        self.window._folder = self.folder
        self.window.stack.setCurrentWidget(page)
        page.begin(same_folder=select is not None, select=select or ())
        paths = sorted(self.folder.glob("*.jpg"))
        page.on_found(Found(tuple(PhotoFile(path, 1, 1) for path in paths)))
        judged = []
        for path in paths:
            made = photo(100 + int(path.stem), 0.9)
            judged.append(JudgedPhoto(path, f"{int(path.stem):064x}", made.probability, made.facts, None))
        page.model.on_judged(Judged(tuple(judged), 0))
        page.on_finished(FINISHED)
        self.hands.settle()

    def rescan(self) -> None:
        """Have the photos found again, as the window does when it is asked to."""
        self.wait(lambda: bool(self.rescans))
        self.show(select=[Path(path) for path in self.rescans[-1]])

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT_MS)

    def select(self, *numbers: int) -> None:
        grid, model = self.hands.grid, self.page.model
        rows = [self.row(number) for number in numbers]
        # Whatever key a test before this one has held last.
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        grid.selectionModel().setCurrentIndex(model.index_of(rows[0]), flag)
        grid.select_photos(rows)

    def row(self, number: int):  # type: ignore[no-untyped-def]
        return next(row for row in self.page.model.listed if row.path.name == f"{number}.jpg")

    @property
    def current(self) -> str:
        return self.page.model.photo(self.hands.grid.currentIndex()).path.name

    @property
    def question(self) -> QMessageBox:
        self.wait(lambda: self.window.sorting.trash.question is not None)
        box = self.window.sorting.trash.question
        assert box is not None
        self.wait(box.isVisible)
        return box

    def answer(self, *, never_again: bool = False) -> None:
        box = self.question
        if never_again:
            check = box.checkBox()
            check.setFocus()
            QTest.keyClick(check, Key.Key_Space)
            assert check.isChecked()
        # Qt's boxes take keys where the focus is.
        QTest.keyClick(box.defaultButton(), Key.Key_Return)
        self.wait(lambda: self.window.sorting.trash.question is None)

    def idle(self) -> None:
        self.wait(lambda: not self.service.busy and not self.window.sorting.trash._plans)

    def reject(self, *numbers: int) -> None:
        """Reject photos without being asked, and wait until they are in the trash."""
        self.window._settings.ask_before_trash = False
        self.select(*numbers)
        self.hands.press(Key.Key_Delete)
        self.wait(lambda: not any((self.folder / f"{number}.jpg").exists() for number in numbers))
        self.idle()

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    @property
    def thrown(self) -> set[str]:
        return {path.name for path in self.trash.iterdir()} if self.trash.is_dir() else set()

    @property
    def words(self) -> str:
        return self.window.sorting.strip.words.text()

    def button(self, start: str) -> QPushButton:
        strip = self.window.sorting.strip

        def found() -> list[QPushButton]:
            return [one for one in strip.answers if one.text().startswith(start) and one.isVisible()]

        # A click so soon after a message has appeared is not meant for it, and hits nothing.
        guarded = Qt.WidgetAttribute.WA_TransparentForMouseEvents
        self.wait(lambda: bool(found()) and not strip.testAttribute(guarded))
        return found()[0]


@pytest.fixture
def user(hands: Hands, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rejecter]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    library = Library.open(tmp_path / "library" / "library.sqlite")
    made = Rejecter(hands, qtbot, tmp_path, library)
    yield made
    # Closed while busy, the window would ask.
    made.idle()
    hands.window.engine.sorting.close()
    library.close()


def test_delete_asks_and_then_moves_the_photo_with_its_companions(user: Rejecter) -> None:
    user.select(1)
    user.hands.press(Key.Key_Delete)
    box = user.question
    assert "1" in box.text()
    assert "1 companion file" in box.informativeText()
    assert user.thrown == set()
    user.answer()
    user.wait(lambda: user.thrown == {"1.jpg", "1.cr2"})
    user.wait(lambda: "Moved 1 photo to the trash." in user.words)
    assert user.current == "2.jpg"
    assert user.row(1).gone
    assert user.page.store.row_of(user.folder / "1.jpg") is None


def test_escape_leaves_everything(user: Rejecter) -> None:
    user.select(1)
    user.hands.press(Key.Key_Delete)
    QTest.keyClick(user.question, Key.Key_Escape)
    user.wait(lambda: user.window.sorting.trash.question is None)
    assert user.current == "1.jpg"
    user.qtbot.wait(100)
    assert user.thrown == set()
    assert not user.service.busy


def test_a_selection_goes_together_and_the_next_photo_is_current(user: Rejecter) -> None:
    user.select(2, 3, 5)
    user.hands.press(Key.Key_Delete)
    assert "3 photos" in user.question.text()
    user.answer()
    user.wait(lambda: user.thrown == {"2.jpg", "2.jpg.xmp", "3.jpg", "5.jpg"})
    assert user.current == "6.jpg"
    assert [row.path.name for row in user.hands.grid.selected_photos()] == ["6.jpg"]


def test_after_the_last_photo_the_one_before_is_current(user: Rejecter) -> None:
    user.reject(9)
    assert user.current == "8.jpg"


def test_it_asks_once(user: Rejecter) -> None:
    user.select(0)
    user.hands.press(Key.Key_Delete)
    user.answer(never_again=True)
    user.wait(lambda: user.thrown == {"0.jpg"})
    assert not user.window._settings.ask_before_trash
    user.hands.press(Key.Key_Delete)
    user.wait(lambda: user.thrown == {"0.jpg", "1.jpg", "1.cr2"})


def test_delete_is_pressed_faster_than_the_disk_works(user: Rejecter) -> None:
    user.window._settings.ask_before_trash = False
    user.select(3)
    for _ in range(5):
        user.hands.press(Key.Key_Delete)
    assert user.current == "8.jpg"
    user.wait(lambda: user.thrown == {f"{number}.jpg" for number in (3, 4, 5, 6, 7)})
    user.idle()
    assert user.files == {"0.jpg", "1.jpg", "1.cr2", "2.jpg", "2.jpg.xmp", "8.jpg", "9.jpg"}


def test_what_is_on_its_way_to_the_trash_is_not_shown_again(user: Rejecter) -> None:
    user.window._settings.ask_before_trash = False
    user.select(8)
    for _ in range(3):
        user.hands.press(Key.Key_Delete)
    assert user.current == "6.jpg"
    user.wait(lambda: user.thrown == {f"{number}.jpg" for number in (7, 8, 9)})


def test_a_held_key_rejects_one_photo(user: Rejecter) -> None:
    user.window._settings.ask_before_trash = False
    user.select(3)
    user.hands.type_key(Key.Key_Delete, "", repeated=True)
    user.qtbot.wait(50)
    assert user.current == "3.jpg"
    assert user.thrown == set()


def test_restore_from_the_message(user: Rejecter) -> None:
    before = user.files
    user.reject(1, 2)
    user.wait(lambda: bool(user.words))
    QTest.mouseClick(user.button("Restore"), Qt.MouseButton.LeftButton)
    user.wait(lambda: user.files == before)
    user.idle()
    assert user.thrown == set()
    user.wait(lambda: user.rescans == [[str(user.folder / "1.jpg"), str(user.folder / "2.jpg")]] or bool(user.rescans))
    assert set(user.rescans[0]) >= {str(user.folder / "1.jpg"), str(user.folder / "2.jpg")}
    assert not (user.trash.parent / "info" / "1.jpg.trashinfo").exists()


def test_ctrl_z_restores(user: Rejecter) -> None:
    before = user.files
    user.reject(4)
    user.reject(5, 6)
    undo = user.page.actions_.undo
    user.wait(lambda: "2 photos" in undo.text())
    user.hands.press(Key.Key_Z, Mod.ControlModifier)
    user.wait(lambda: user.thrown == {"4.jpg"})
    user.idle()
    user.hands.press(Key.Key_Z, Mod.ControlModifier)
    user.wait(lambda: user.files == before)
    assert not undo.isEnabled()
    assert not user.page.actions_.redo.isEnabled()


def test_ctrl_z_skips_what_was_restored_otherwise(user: Rejecter) -> None:
    before = user.files
    user.reject(4)
    user.reject(5)
    user.wait(lambda: user.page.corrections.stack.count() == 2)
    QTest.mouseClick(user.button("Restore"), Qt.MouseButton.LeftButton)
    user.wait(lambda: user.thrown == {"4.jpg"})
    user.idle()
    user.hands.press(Key.Key_Z, Mod.ControlModifier)
    user.wait(lambda: user.files == before)


def test_without_a_trash_nothing_is_deleted(user: Rejecter, monkeypatch: pytest.MonkeyPatch) -> None:
    before = user.files

    class Nowhere:
        def __init__(self, _name: str) -> None:
            pass

        def moveToTrash(self) -> bool:
            return False

    monkeypatch.setattr(trash, "QFile", Nowhere)
    user.window._settings.ask_before_trash = False
    user.select(1)
    user.hands.press(Key.Key_Delete)
    user.wait(lambda: "could not be moved" in user.words)
    assert "left where it is" in user.words
    assert user.files == before
    assert not user.row(1).gone
    assert not user.page.actions_.undo.isEnabled()


def test_a_photo_that_is_gone_is_said(user: Rejecter) -> None:
    (user.folder / "3.jpg").unlink()
    user.select(3)
    user.hands.press(Key.Key_Delete)
    user.wait(lambda: "no longer there" in user.words)
    assert user.thrown == set()


def test_the_history_shows_it_and_restores_it(user: Rejecter, monkeypatch: pytest.MonkeyPatch) -> None:
    before = user.files
    user.reject(1)
    user.window.sorting.open_history()
    history = user.window.sorting.history
    assert history is not None
    user.wait(lambda: history.table.topLevelItemCount() == 1)
    cells = [history.table.topLevelItem(0).text(column) for column in range(6)]
    assert cells[1] == "Move to trash"
    assert cells[3] == "Trash"
    assert not history.show_button.isEnabled()
    assert "Restore" in history.undo_button.text()
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "alpacasorter.ui.sorting.history.confirmed",
        lambda *words, **_more: not asked.append(words),  # type: ignore[func-returns-value]
    )
    QTest.mouseClick(history.undo_button, Qt.MouseButton.LeftButton)
    user.wait(lambda: user.files == before)
    user.idle()
    assert asked
    history.close()
    dialog = user.window.sorting.dialog
    if dialog is not None:
        dialog.reject()


def test_the_card_says_where_the_photo_is(user: Rejecter) -> None:
    user.reject(2)
    row = user.row(2)
    assert "trash" in str(user.page.model.data(user.page.model.index_of(row), Qt.ItemDataRole.ToolTipRole))


def test_it_can_be_done_only_with_a_photo(user: Rejecter) -> None:
    action = user.page.actions_.trash
    assert action.isEnabled()
    user.window._show_welcome()
    assert not action.isEnabled()


def test_in_the_loupe_the_next_photo_is_shown_and_ctrl_z_brings_the_other_one_back(user: Rejecter) -> None:
    before = user.files
    loupe = user.page.closeups.loupe
    user.select(1)
    user.hands.press(Key.Key_Return)
    user.hands.press(Key.Key_Delete)
    user.answer()
    user.wait(lambda: user.thrown == {"1.jpg", "1.cr2"})
    user.idle()
    assert loupe.isVisible()
    assert loupe.row is user.row(2)
    # The keys still go to the photo.
    user.window.activateWindow()
    user.wait(lambda: QApplication.focusWidget() is loupe)
    undo = user.page.actions_.undo
    user.wait(lambda: "trash" in undo.text())
    user.hands.press(Key.Key_Z, Mod.ControlModifier)
    user.wait(lambda: user.files == before)
    user.rescan()
    assert loupe.isVisible()
    assert loupe.row is user.row(1)


def test_in_the_loupe_the_message_restores(user: Rejecter) -> None:
    before = user.files
    user.select(3)
    user.hands.press(Key.Key_Return)
    user.window._settings.ask_before_trash = False
    user.hands.press(Key.Key_Delete)
    user.wait(lambda: user.thrown == {"3.jpg"})
    user.idle()
    QTest.mouseClick(user.button("Restore"), Qt.MouseButton.LeftButton)
    user.wait(lambda: user.files == before)
    user.rescan()
    assert user.page.closeups.loupe.row is user.row(3)


def test_compared_photos_are_replaced_and_come_back(user: Rejecter) -> None:
    before = user.files
    user.window._settings.ask_before_trash = False
    user.select(2, 3)
    user.hands.press(Key.Key_X)
    compare = user.page.closeups.compare
    user.hands.press(Key.Key_Delete)
    assert compare.rows == [user.row(4), user.row(3)]
    assert compare.chosen.row is user.row(4) is user.hands.grid.current_photo()
    user.wait(lambda: user.thrown == {"2.jpg", "2.jpg.xmp"})
    user.idle()
    assert user.files == before - {"2.jpg", "2.jpg.xmp"}, "only the one that keys act on"
    user.wait(lambda: "trash" in user.page.actions_.undo.text())
    user.hands.press(Key.Key_Z, Mod.ControlModifier)
    user.wait(lambda: user.files == before)
    user.rescan()
    assert compare.isVisible()
    assert compare.rows == [user.row(2), user.row(3)]
    user.hands.press(Key.Key_N)
    assert [*user.hands.asked[-1]] == [f"{2:064x}"]


def test_compared_photos_at_the_end_of_the_list(user: Rejecter) -> None:
    user.window._settings.ask_before_trash = False
    user.select(8, 9)
    user.hands.press(Key.Key_X)
    compare = user.page.closeups.compare
    for rest in ([7, 9], [6, 9], [5, 9], [4, 9], [3, 9], [2, 9], [1, 9], [0, 9]):
        user.hands.press(Key.Key_Delete)
        assert compare.rows == [user.row(n) for n in rest]
    user.hands.press(Key.Key_Delete)
    assert user.hands.grid.isVisible(), "nothing is left to compare it with"
    assert user.current == "9.jpg"
    user.wait(lambda: user.files == {"9.jpg"})


def test_while_photos_are_found_again_keys_act_on_none_that_is_not_compared(user: Rejecter) -> None:
    user.select(2, 3)
    user.hands.press(Key.Key_X)
    compare = user.page.closeups.compare
    user.page.begin(same_folder=True, select=[user.folder / "9.jpg"])
    user.page.on_found(Found((PhotoFile(user.folder / "0.jpg", 1, 1),)))
    user.hands.press(Key.Key_N)
    assert user.hands.asked == []
    user.page.on_finished(FINISHED)
    assert user.hands.grid.isVisible(), "the others are gone"
    assert not compare.is_open
