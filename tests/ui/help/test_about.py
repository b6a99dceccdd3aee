"""The dialogs of the Help menu."""

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from pytestqt.qtbot import QtBot

import alpacasorter
from alpacasorter import paths
from alpacasorter.ui.help import about
from alpacasorter.ui.help.about import AboutDialog, LicensesDialog

TEXT = "What is inside\n\n" + "".join(f"libfirst {number}\n" for number in range(200)) + "Libheif at the end\n"


@pytest.fixture
def licenses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "LICENSES.txt"
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(paths, "licenses_file", lambda: path)
    return path


@pytest.fixture
def dialog(qtbot: QtBot, licenses: Path) -> LicensesDialog:
    dialog = LicensesDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_it_shows_where_things_are_stored(qtbot: QtBot) -> None:
    paths.user_data_dir().mkdir(parents=True)
    dialog = AboutDialog("GPU, 2.0 ms a photo")
    qtbot.addWidget(dialog)
    shown = [Path(field.text()).expanduser() for field in dialog.places]
    assert shown == [paths.user_data_dir(), paths.user_cache_dir(), paths.user_log_dir()]
    assert [button.isEnabled() for button in dialog.open_buttons] == [True, False, False]
    assert all(field.isReadOnly() for field in dialog.places)
    assert not paths.user_log_dir().exists(), "looking creates nothing"


def test_folder_is_opened_only_on_a_click(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.user_data_dir().mkdir(parents=True)
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    assert opened == []
    qtbot.mouseClick(dialog.open_buttons[0], Qt.MouseButton.LeftButton)
    assert [Path(address.toLocalFile()) for address in opened] == [paths.user_data_dir()]


def test_details_are_copied(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALPACASORTER_MODEL", str(tmp_path / "mine"))
    dialog = AboutDialog("GPU, 2.0 ms a photo")
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    words = QGuiApplication.clipboard().text()
    assert dialog.copy_button.text() == "Copied"
    assert f"AlpacaSorter {alpacasorter.__version__}, installed\n" in words
    assert "Device: GPU, 2.0 ms a photo\n" in words
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in words
    assert "offscreen" in words
    for line in ("System: ", "Corrections and models: ", "Thumbnails: ", "Logs: ", f"Model of this run: {tmp_path}"):
        assert f"\n{line}" in words
    assert "Device: not known yet\n" in about.details("")


def test_details_are_valid_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACASORTER_MODEL", "/m\udcff\u202e")
    words = about.details("")
    words.encode()
    assert "/m\ufffd\ufffd" in words


def test_help_menu_leads_to_the_licenses(qtbot: QtBot, licenses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def run(dialog: AboutDialog | LicensesDialog) -> int:
        shown.append(dialog.windowTitle())
        if isinstance(dialog, AboutDialog):
            dialog.licenses_button.click()
        else:
            shown.append(dialog.page.toPlainText())
        return 0

    monkeypatch.setattr("PySide6.QtWidgets.QDialog.exec", run)
    parent = about.QWidget()
    qtbot.addWidget(parent)
    about.show_about(parent)
    assert shown == ["About AlpacaSorter", "Third-party licenses", TEXT]


def test_search_continues_and_wraps_around(dialog: LicensesDialog, qtbot: QtBot) -> None:
    qtbot.keyClicks(dialog.search, "LIBFIRST 1")
    assert dialog.page.textCursor().selectedText() == "libfirst 1"
    assert dialog.page.textCursor().blockNumber() == 3
    qtbot.keyClicks(dialog.search, "9")
    assert dialog.page.textCursor().blockNumber() == 21, (
        "a longer word is searched from where the shorter one was found"
    )
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert dialog.page.textCursor().blockNumber() == 192
    assert dialog.isVisible(), "Enter finds the next match and doesn't close the dialog"
    dialog.previous_button.click()
    assert dialog.page.textCursor().blockNumber() == 21
    dialog.search.clear()
    qtbot.keyClicks(dialog.search, "libheif")
    last = dialog.page.textCursor().blockNumber()
    dialog.next_button.click()
    assert dialog.page.textCursor().blockNumber() == last, "after the last comes the first"
    assert dialog.verdict.text() == ""


def test_it_says_what_is_not_found(dialog: LicensesDialog, qtbot: QtBot) -> None:
    qtbot.keyClicks(dialog.search, "libz")
    assert dialog.verdict.text() == "Not found"
    assert not dialog.next_button.isEnabled()
    qtbot.keyClick(dialog.search, Qt.Key.Key_Backspace)
    assert dialog.verdict.text() == ""
    assert dialog.next_button.isEnabled()


def test_text_is_read_only(dialog: LicensesDialog, qtbot: QtBot) -> None:
    qtbot.keyClicks(dialog.page, "mine")
    assert dialog.page.toPlainText() == TEXT


def test_invalid_utf_8_is_shown_all_the_same(licenses: Path) -> None:
    licenses.write_bytes(b"Licence \xff\n")
    assert about.licenses_text() == "Licence \ufffd\n"


def test_a_checkout_lists_what_is_installed() -> None:
    words = about.licenses_text()
    lines = words.splitlines()
    assert words.startswith(f"AlpacaSorter {alpacasorter.__version__} is free software under the MIT license.")
    assert any(line.startswith("numpy ") and ": BSD-3-Clause" in line for line in lines)
    assert any(line.startswith("PySide6_Essentials ") and "LGPL-3.0-only" in line for line in lines)
    assert "UNKNOWN" not in words


def test_packaged_program_without_the_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", "/nowhere", raising=False)
    assert paths.licenses_file() == Path("/nowhere/resources/LICENSES.txt")
    assert about.licenses_text().startswith("The file with the licenses is missing")
