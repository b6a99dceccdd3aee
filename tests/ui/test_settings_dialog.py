"""The Settings dialog: what is left out."""

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from alpacasorter.ui.settings import Settings
from alpacasorter.ui.settings_dialog import SettingsDialog


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


def test_patterns_are_kept_when_the_dialog_is_closed(qtbot: QtBot, settings: Settings) -> None:
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    dialog.show()
    changes: list[object] = []
    dialog.exclusion_changed.connect(lambda: changes.append(settings.exclude))
    QTest.keyClicks(dialog.exclude, "*.png")
    QTest.keyClick(dialog.exclude, Qt.Key.Key_Return)
    QTest.keyClicks(dialog.exclude, "  raw/  ")
    assert changes == [], "half a pattern may leave out too much"
    assert dialog.exclude_wrong.isHidden()
    dialog.reject()
    assert changes == [("*.png", "raw/")]
    again = SettingsDialog(settings, None)
    qtbot.addWidget(again)
    assert again.exclude.toPlainText() == "*.png\nraw/"
    again.reject()
    assert len(changes) == 1


def test_a_pattern_that_can_t_be_used_gets_a_sentence(qtbot: QtBot, settings: Settings) -> None:
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.keyClicks(dialog.exclude, "[")
    assert dialog.exclude_wrong.isVisible()
    assert "\u201c[\u201d" in dialog.exclude_wrong.text()
    dialog.reject()
    assert settings.exclude == ()


def test_the_tab_key_leaves_the_patterns(qtbot: QtBot, settings: Settings) -> None:
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.exclude.setFocus()
    QTest.keyClick(dialog.exclude, Qt.Key.Key_Tab)
    assert dialog.exclude.toPlainText() == ""
    assert not dialog.exclude.hasFocus()


def test_nomedia_folders_are_a_choice(qtbot: QtBot, settings: Settings) -> None:
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    assert dialog.nomedia.isChecked()
    with qtbot.waitSignal(dialog.exclusion_changed):
        dialog.nomedia.click()
    assert not settings.skip_nomedia
    assert not settings.exclusion.nomedia
