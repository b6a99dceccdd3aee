"""The menus: names, keys and what Undo says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from PySide6.QtCore import QSettings, QSize
from PySide6.QtGui import QIcon, QKeySequence
from PySide6.QtWidgets import QApplication, QMenu

from alpacasorter.core.events import JudgedPhoto
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.session_paths import Places
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.engine import Engine

LABELS = LabelSet("plain", "goat", {"goat": "Goats & kids", "plain": "Plain"})


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    engine = Engine(Places(None, tmp_path / "data", tmp_path / "cache"), "cpu")
    made = MainWindow(engine, settings, Theme(qapp))
    engine.setParent(made)
    yield made
    made.close()
    made.deleteLater()


def menus(window: MainWindow) -> list[QMenu]:
    return [menu for action in window.menuBar().actions() if isinstance(menu := action.menu(), QMenu)]


def mnemonics(texts: list[str]) -> list[str]:
    plain = [text.replace("&&", "") for text in texts]
    return [text[text.index("&") + 1].lower() for text in plain if "&" in text]


def test_mnemonics_are_unique(window: MainWindow) -> None:
    window.page.set_labels(LABELS)
    bar = mnemonics([action.text() for action in window.menuBar().actions()])
    assert len(bar) == len(window.menuBar().actions()) == len(set(bar))
    assert len(menus(window)) == len(bar)
    for menu in menus(window):
        found = mnemonics([action.text() for action in menu.actions()])
        assert len(found) == len(set(found)), menu.title()


def test_keys_are_unique(window: MainWindow) -> None:
    window.page.set_labels(LABELS)
    keys = [key.toString() for menu in menus(window) for action in menu.actions() for key in action.shortcuts()]
    assert len(keys) > 20
    assert len(keys) == len(set(keys))


def test_tooltips_end_with_the_key(window: MainWindow) -> None:
    actions = window.page.actions_
    native = QKeySequence("Ctrl+S").toString(QKeySequence.SequenceFormat.NativeText)
    assert actions.sort.toolTip().endswith(f"({native})")
    assert "\t" not in actions.flip.toolTip()


def test_names_of_labels_are_no_mnemonics(window: MainWindow) -> None:
    window.page.set_labels(LABELS)
    actions = window.page.actions_
    assert actions.positive.text().partition("\t")[0].endswith("Goats && kids")
    assert actions.filters[Filter.POSITIVE].text() == "Goats && kids"
    assert window.page.filters.button(Filter.POSITIVE).text().startswith("Goats && kids")
    assert [action.text().partition("\t")[2] for action in (actions.positive, actions.negative)] == ["G", "P"]


def test_undo_says_what(window: MainWindow) -> None:
    page = window.page
    page.set_labels(LABELS)
    undo, redo = page.actions_.undo, page.actions_.redo
    before = undo.text()
    assert not undo.isEnabled()
    page.store.add([Path("/p/a.jpg"), Path("/p/b.jpg")])
    facts = PhotoFacts(1, 1, None, "JPEG")
    page.store.judge([JudgedPhoto(row.path, row.name, 0.9, facts, None) for row in page.store.rows], 0)
    page.corrections.set(page.store.rows, "plain")
    assert undo.isEnabled()
    assert "2 photos" in undo.text()
    assert undo.iconText() == before.replace("&", ""), "a button on the tool bar keeps its width"
    undo.trigger()
    assert not undo.isEnabled()
    assert undo.text() == before
    assert "2 photos" in redo.text()


def test_until_the_model_is_known_no_label_is_named(window: MainWindow) -> None:
    actions = window.page.actions_
    tagging = (actions.positive, actions.negative, actions.positive_stay, actions.negative_stay)
    for action in tagging:
        assert not action.isEnabled()
        assert "\t" not in action.text(), "no key"
        assert "Positive" not in action.text()
        assert "Negative" not in action.text()
    assert len({action.text() for action in tagging}) == 4
    window.page.set_labels(LABELS)
    assert actions.positive.text() == "Tag as Goats && kids\tG"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_icon_of_what_can_not_be_used_is_paler(window: MainWindow, scheme: Literal["light", "dark"]) -> None:
    window._theme.use(scheme)
    for action in (window.page.actions_.undo, window.page.actions_.redo):
        strength = []
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
            image = action.icon().pixmap(QSize(20, 20), 1.0, mode).toImage()
            strength.append(max(image.pixelColor(x, y).alpha() for x in range(20) for y in range(20)))
        usable, not_usable = strength
        assert 0 < not_usable < usable / 2
