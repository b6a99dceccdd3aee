"""The Settings dialog: what is left out."""

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from alpacasorter.ui.settings import Settings
from alpacasorter.ui.settings_dialog import SettingsDialog
from alpacasorter.workers.view_facts import VariantFacts, VariantsFacts


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


def test_without_variants_there_is_no_such_setting(qtbot: QtBot, settings: Settings) -> None:
    dialog = SettingsDialog(settings, None)
    qtbot.addWidget(dialog)
    rows = len(dialog.findChildren(QLabel))
    assert dialog.variant is None
    dialog.show_variant("narrow")
    assert len(dialog.findChildren(QLabel)) == rows


def test_the_words_of_a_model_are_shown_as_they_are(qtbot: QtBot, settings: Settings) -> None:
    choices = (VariantFacts("wide", "<i>Horse</i>", "", ""), VariantFacts("narrow", "Not & never", "", ""))
    variants = VariantsFacts("<b>Ponies</b> & co. count as", choices, "narrow", is_chosen=True, first_question="")
    dialog = SettingsDialog(settings, None, None, variants)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.variant is not None
    assert dialog.variant.currentText() == "Not & never"
    [label] = [one for one in dialog.findChildren(QLabel) if one.buddy() is dialog.variant]
    assert (label.text(), label.textFormat()) == ("<b>Ponies</b> && co. count as", Qt.TextFormat.PlainText)
    chosen: list[str] = []
    dialog.variant_chosen.connect(chosen.append)
    dialog.show_variant("wide")
    assert (dialog.variant.currentData(), chosen) == ("wide", []), "it was chosen elsewhere"
    dialog.variant.setFocus()
    QTest.keyClick(dialog.variant, Qt.Key.Key_Down)
    assert chosen == ["narrow"]


def test_the_tab_key_comes_to_the_variant_where_it_is_seen(qtbot: QtBot, settings: Settings) -> None:
    choices = (VariantFacts("wide", "Horse", "", ""), VariantFacts("narrow", "Not", "", ""))
    dialog = SettingsDialog(settings, None, None, VariantsFacts("Ponies", choices, "wide", True, ""))
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.advance.setFocus()
    QTest.keyClick(dialog.advance, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog.variant
    assert dialog.variant is not None
    QTest.keyClick(dialog.variant, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is dialog.device
