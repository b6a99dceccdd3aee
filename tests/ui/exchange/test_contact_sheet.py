"""The dialog *Contact sheet*: what it offers, what it writes, and that it can be stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.ui.exchange import contact_sheet, control
from alpacasorter.ui.exchange.contact_sheet import ContactSheetDialog
from tests.ui.conftest import Hands

LEFT = Qt.MouseButton.LeftButton
WAIT_MS = 30_000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The documents that were opened in another program."""
    found: list[Path] = []
    monkeypatch.setattr(control, "open_file", lambda path, *_more: found.append(path))
    return found


def dialog_of(hands: Hands) -> ContactSheetDialog:
    hands.window._folder = Path("/p")
    hands.page.actions_.contact_sheet.trigger()
    dialog = hands.window.exchange.contact_sheet
    assert dialog is not None
    return dialog


def saving_to(out: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    monkeypatch.setattr(contact_sheet, "choose_file_to_write", lambda *_arguments: (out, ""))
    return lambda: None


def test_all_listed_photos_or_the_selected_ones(hands: Hands) -> None:
    hands.grid.clearSelection()
    dialog = dialog_of(hands)
    assert dialog.which.currentData() == "listed"
    assert "12" in dialog.which.currentText()
    dialog.close()
    hands.grid.select_photos([hands.row(100), hands.row(103), hands.row(104)])
    dialog = dialog_of(hands)
    assert dialog.which.currentData() == "selected"
    assert "3" in dialog.extent.text()
    dialog.which.setCurrentIndex(1)
    assert "12" in dialog.extent.text()


def test_it_is_written_and_opened(
    hands: Hands, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Path]
) -> None:
    dialog = dialog_of(hands)
    dialog.which.setCurrentIndex(dialog.which.count() - 1)
    saving_to(tmp_path / "sheet.pdf", monkeypatch)
    QTest.mouseClick(dialog.save, LEFT)
    qtbot.waitUntil(lambda: bool(opened), timeout=WAIT_MS)
    assert opened == [tmp_path / "sheet.pdf"]
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF-")
    assert not dialog.isVisible()
    banner = hands.window.exchange.saved
    assert banner.words.text() == "Saved sheet.pdf."
    shown: list[Path] = []
    monkeypatch.setattr(control, "show_in_file_manager", lambda path, *_more: shown.append(path))
    QTest.mouseClick(banner.answers[0], LEFT)
    assert shown == [tmp_path / "sheet.pdf"]


def test_without_a_program_for_pdf_it_is_saved_all_the_same(
    hands: Hands, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "open_file", lambda _path, _owner, failed: failed("No program opens it."))
    dialog = dialog_of(hands)
    saving_to(tmp_path / "sheet.pdf", monkeypatch)
    QTest.mouseClick(dialog.save, LEFT)
    banner = hands.window.exchange.saved
    qtbot.waitUntil(banner.isVisible, timeout=WAIT_MS)
    assert banner.words.text() == "Saved sheet.pdf. No program opens it."
    assert QApplication.activeModalWidget() is None, "no box to be closed"


def test_the_choices_are_kept(
    hands: Hands, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Path]
) -> None:
    dialog = dialog_of(hands)
    dialog.columns.setValue(6)
    dialog.paper.setCurrentIndex(dialog.paper.findData("Letter"))
    dialog.captions["name"].setChecked(False)
    dialog.captions["confidence"].setChecked(True)
    saving_to(tmp_path / "sheet.pdf", monkeypatch)
    QTest.mouseClick(dialog.save, LEFT)
    qtbot.waitUntil(lambda: bool(opened), timeout=WAIT_MS)
    assert hands.window._settings.contact_sheet == {
        "paper": "Letter",
        "columns": "6",
        "captions": "tag confidence",
    }


def test_captions_say_what_was_chosen(hands: Hands) -> None:
    dialog = dialog_of(hands)
    row = hands.row(100)
    assert dialog._lines(row) == ("100.jpg", "Alpaca")
    dialog.captions["confidence"].setChecked(True)
    assert dialog._lines(row)[1].startswith("Alpaca")
    assert "90%" in dialog._lines(row)[1]
    for box in dialog.captions.values():
        box.setChecked(False)
    assert dialog._lines(row) == ()


def test_closing_stops_it(hands: Hands, qtbot: QtBot, tmp_path: Path, opened: list[Path]) -> None:
    dialog = dialog_of(hands)
    dialog.write(tmp_path / "sheet.pdf", [hands.row(100)] * 3000)
    assert dialog.stop.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not dialog._sheets.busy, timeout=WAIT_MS)
    assert not (tmp_path / "sheet.pdf").exists()
    assert opened == []


def test_it_needs_an_open_folder(hands: Hands) -> None:
    assert hands.page.actions_.contact_sheet.isEnabled()
    hands.window._show_welcome()
    assert not hands.page.actions_.contact_sheet.isEnabled()
