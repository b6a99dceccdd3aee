"""The models dialog: what it shows, which buttons are enabled when, and what it requests from the engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QTextBrowser,
)
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import LearningAgain
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import day, size
from alpacasorter.ml.models.entry import ModelEntry, VariantEntry
from alpacasorter.ml.models.store import Added
from alpacasorter.ui.models import dialog as models_dialog
from alpacasorter.ui.models.control import ModelsControl
from alpacasorter.ui.models.dialog import ModelsDialog
from alpacasorter.ui.widgets.banners import BannerBar
from alpacasorter.ui.widgets.dialogs import show_card
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.view_facts import ModelFacts, VariantFacts, VariantsFacts


class FakeModels(QObject):
    """Notes down what is asked of the keeper of models."""

    told = Signal(list)
    added = Signal(object)
    shared = Signal(object)
    passed = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.asked: list[tuple[object, ...]] = []

    def ask(self) -> None:
        self.asked.append(("ask",))

    def add(self, source: Path, *, use: bool = False) -> None:
        self.asked.append(("add", source, use))

    def share(self, path: Path, out: Path) -> None:
        self.asked.append(("share", path, out))

    def remove(self, path: Path) -> None:
        self.asked.append(("remove", path))


class FakeVersions(QObject):
    told = Signal(object)
    failed = Signal(str)
    learning_again = Signal(object)
    again: LearningAgain | None = None

    def ask(self) -> None:
        pass

    def go_back(self, version: int) -> None:
        pass

    def learn_from_all(self) -> None:
        pass


class FakeVariants(QObject):
    changed = Signal(object)
    failed = Signal(str)


class FakeEngine(QObject):
    ready = Signal(object)
    failed = Signal(str)
    model_changing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.models = FakeModels(self)
        self.versions = FakeVersions(self)
        self.variants = FakeVariants(self)

    def use_model(self, path: Path | None) -> None:
        self.models.asked.append(("use", path))


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    made = FakeEngine()
    yield made
    made.deleteLater()


@pytest.fixture
def dialog(qtbot: QtBot, engine: FakeEngine) -> ModelsDialog:
    made = ModelsDialog(engine)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    return made


def entry(key: str, tmp_path: Path, **changes: object) -> ModelEntry:
    known = {
        "path": tmp_path / key,
        "key": key,
        "name": key.capitalize(),
        "version": "1.0",
        "created": "2026-01-01",
        "classes": ("Alpaca", "Not alpaca"),
        "bundle_id": key,
        "size": 19_900_000,
    }
    return ModelEntry(**{**known, **changes})  # type: ignore[arg-type]


@pytest.fixture
def three(tmp_path: Path) -> list[ModelEntry]:
    """The bundled one, which is in use, a good one and a broken one."""
    return [
        entry("alpaca", tmp_path, is_bundled=True, in_use=True),
        entry("goats", tmp_path, classes=("Goat", "Something else")),
        entry("broken", tmp_path, version="", created="", classes=(), problem="It can't be used. head.npz is missing."),
    ]


def choose(dialog: ModelsDialog, row: int) -> None:
    dialog.list.setCurrentItem(dialog.list.topLevelItem(row))


def enabled(dialog: ModelsDialog) -> set[str]:
    """Return which buttons work."""
    return {
        name
        for name in ("use", "bundled", "about", "share", "export", "remove", "add", "train")
        if getattr(dialog, f"{name}_button").isEnabled()
    }


def cells(dialog: ModelsDialog) -> list[list[str]]:
    rows = []
    for row in range(dialog.list.topLevelItemCount()):
        item = dialog.list.topLevelItem(row)
        rows.append([item.text(column) for column in range(dialog.list.columnCount())])
    return rows


def answer(button: str, seen: list[str] | None = None) -> None:
    """Press a button of the question that the next call asks."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        if seen is not None:
            seen.extend([box.text(), box.informativeText()])
            assert box.textFormat() == Qt.TextFormat.PlainText
        next(b for b in box.buttons() if b.text().replace("&", "") == button).click()

    QTimer.singleShot(0, press)


def test_before_anything_is_known(dialog: ModelsDialog, engine: FakeEngine) -> None:
    assert ("ask",) in engine.models.asked
    assert enabled(dialog) == {"add", "train"}
    assert "Loading" in dialog.details.text()


def test_what_is_shown(dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry]) -> None:
    engine.models.told.emit(three)
    assert cells(dialog) == [
        ["Alpaca", "1.0", day("2026-01-01"), "Alpaca / Not alpaca", "In use"],
        ["Goats", "1.0", day("2026-01-01"), "Goat / Something else", ""],
        ["Broken", "", "", "", "Can't be used"],
    ]
    chosen = dialog.list.chosen()
    assert chosen is not None
    assert chosen.in_use, "the one in use is chosen at first"
    assert dialog.details.text() == f"Tells “Alpaca” from “Not alpaca”. Bundled with AlpacaSorter, {size(19_900_000)}."
    assert dialog.problem.isHidden()
    choose(dialog, 2)
    assert f"broken, {size(19_900_000)}." in dialog.details.text()
    assert dialog.problem.text() == "It can't be used. head.npz is missing."
    assert not dialog.problem.isHidden()
    spoken = [dialog.list.topLevelItem(row).data(0, Qt.ItemDataRole.AccessibleTextRole) for row in range(3)]
    assert spoken == ["Alpaca 1.0, in use", "Goats 1.0, not in use", "Broken, can't be used"]


def test_which_buttons_work_when(
    dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path
) -> None:
    engine.models.told.emit(three)
    assert enabled(dialog) == {"about", "share", "export", "add", "train"}
    choose(dialog, 1)
    assert enabled(dialog) == {"use", "about", "share", "export", "remove", "add", "train"}
    choose(dialog, 2)
    assert enabled(dialog) == {"remove", "add", "train"}
    # Another one is in use.
    engine.models.told.emit([entry("alpaca", tmp_path, is_bundled=True), entry("goats", tmp_path, in_use=True)])
    assert cells(dialog)[1][-1] == "In use"
    choose(dialog, 1)
    assert enabled(dialog) == {"bundled", "about", "share", "export", "add", "train"}
    choose(dialog, 0)
    assert enabled(dialog) == {"use", "bundled", "about", "share", "export", "add", "train"}


def test_the_chosen_line_stays_chosen(
    dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path
) -> None:
    engine.models.told.emit(three)
    choose(dialog, 1)
    engine.models.told.emit([three[0], entry("aardvarks", tmp_path), *three[1:]])
    chosen = dialog.list.chosen()
    assert chosen is not None
    assert chosen.key == "goats"
    engine.models.told.emit([three[0], three[2]])
    chosen = dialog.list.chosen()
    assert chosen is not None
    assert chosen.key == "alpaca", "it is gone"


def test_using_one(dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path) -> None:
    engine.models.told.emit(three)
    choose(dialog, 1)
    dialog.use_button.click()
    assert engine.models.asked[-1] == ("use", tmp_path / "goats")
    assert "Checking “Goats 1.0”" in dialog.message.text()
    assert enabled(dialog) == {"about", "train"}
    engine.model_changing.emit()
    engine.ready.emit(ModelFacts("Goats", "1.0", LabelSet("other", "goat", {}), 0, tmp_path / "card"))
    assert dialog.message.text() == "“Goats 1.0” is in use."
    assert engine.models.asked[-1] == ("ask",)
    assert "use" not in enabled(dialog), "the list does not know yet"
    engine.models.told.emit([replace(three[0], in_use=False), replace(three[1], in_use=True)])
    assert dialog.message.text() == "“Goats 1.0” is in use."
    assert "bundled" in enabled(dialog)


def test_using_one_that_fails(dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry]) -> None:
    engine.models.told.emit(three)
    choose(dialog, 1)
    dialog.list.itemActivated.emit(dialog.list.topLevelItem(1), 0)
    assert engine.models.asked[-1][0] == "use"
    engine.models.failed.emit("The model “goats” can't be used. Its network crashes.")
    assert dialog.message.text().endswith("Its network crashes.")
    assert dialog.message.property("role") == "warning"
    assert "use" in enabled(dialog)
    dialog.say("Well.")
    assert dialog.message.property("role") == ""


@pytest.mark.parametrize("row", [0, 2])
def test_enter_does_nothing_where_the_button_does_nothing(
    dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], row: int
) -> None:
    engine.models.told.emit(three)
    choose(dialog, row)
    dialog.list.itemActivated.emit(dialog.list.topLevelItem(row), 0)
    assert "use" not in [asked[0] for asked in engine.models.asked]


def test_back_to_the_bundled_one(dialog: ModelsDialog, engine: FakeEngine, tmp_path: Path) -> None:
    engine.models.told.emit([entry("alpaca", tmp_path, is_bundled=True), entry("goats", tmp_path, in_use=True)])
    dialog.bundled_button.click()
    assert engine.models.asked[-1] == ("use", None)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_adding(
    dialog: ModelsDialog,
    engine: FakeEngine,
    three: list[ModelEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    engine.models.told.emit(three)
    source = tmp_path / "from a friend.alpacamodel"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(source), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(source))
    menu = dialog.add_button.menu()
    menu.actions()[0 if what == "file" else 1].trigger()
    assert engine.models.asked[-1] == ("add", source, False)
    assert "Checking from a friend" in dialog.message.text()
    new = entry("new", tmp_path)
    engine.models.added.emit(Added(new, True))
    engine.models.told.emit([*three, new])
    assert dialog.message.text() == "“New 1.0” was added."
    chosen = dialog.list.chosen()
    assert chosen == new
    engine.models.added.emit(Added(three[1], False))
    engine.models.told.emit([*three, new])
    assert dialog.message.text() == "“Goats 1.0” has already been added."
    assert dialog.list.chosen() == three[1]


def test_nothing_is_added_where_nothing_is_chosen(
    dialog: ModelsDialog, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    before = list(engine.models.asked)
    dialog.add_file()
    dialog.add_folder()
    assert engine.models.asked == before


def test_sharing_says_what_is_inside(
    dialog: ModelsDialog,
    engine: FakeEngine,
    three: list[ModelEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine.models.told.emit(three)
    choose(dialog, 1)
    asked: list[str] = []

    def ask(_: object, __: str, start: str, filters: str) -> tuple[str, str]:
        asked.extend([start, filters])
        return str(tmp_path / "out.alpacamodel"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    seen: list[str] = []
    answer("Choose location…", seen)
    dialog.share_button.click()
    assert "for each training photo, the numbers" in seen[1]
    assert "not the photo itself" in seen[1]
    assert "corrections are not included" in seen[1]
    assert asked[0].endswith("goats.alpacamodel")
    assert engine.models.asked[-1] == ("share", tmp_path / "goats", tmp_path / "out.alpacamodel")
    engine.models.shared.emit(tmp_path / "out.alpacamodel")
    assert dialog.message.text() == "out.alpacamodel was written."
    before = list(engine.models.asked)
    answer("Cancel")
    dialog.share_button.click()
    assert engine.models.asked == before


@pytest.mark.parametrize(
    ("chosen", "kind", "written"),
    [
        ("goats.keras", "Keras (*.keras)", "goats.keras"),
        ("goats.TFLITE", "Keras (*.keras)", "goats.TFLITE"),
        ("goats", "LiteRT (*.tflite)", "goats.tflite"),
        ("goats.v2", "Keras (*.keras)", "goats.v2.keras"),
        ("goats", "", "goats.keras"),
        ("there", "LiteRT (*.tflite)", None),
        ("", "", None),
    ],
)
def test_exporting(
    dialog: ModelsDialog,
    engine: FakeEngine,
    three: list[ModelEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    kind: str,
    written: str | None,
) -> None:
    asked: list[tuple[Path, Path]] = []
    monkeypatch.setattr(dialog.exporter, "export", lambda bundle, out, variant: asked.append((bundle, out)))
    monkeypatch.setattr(models_dialog, "training_available", lambda: True)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen and str(tmp_path / chosen), kind))
    (tmp_path / "there.tflite").write_text("precious")
    engine.models.told.emit(three)
    choose(dialog, 1)
    dialog.export_button.click()
    assert asked == ([] if written is None else [(tmp_path / "goats", tmp_path / written)])
    if written is not None:
        assert f"Writing {written}" in dialog.message.text()
        assert "export" not in enabled(dialog)
        dialog.exporter.exported.emit(tmp_path / written)
        assert dialog.message.text() == f"{written} was written."
        assert "export" in enabled(dialog)
        dialog.exporter.failed.emit("It could not be written.")
        assert dialog.message.property("role") == "warning"
    elif chosen:
        assert "already exists" in dialog.message.text()


def test_the_variant_in_use_is_exported(
    dialog: ModelsDialog,
    engine: FakeEngine,
    three: list[ModelEntry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be one that is stored nowhere; of the other models, it is the one that the user has chosen."""
    asked: list[str | None] = []
    monkeypatch.setattr(dialog.exporter, "export", lambda _bundle, _out, variant: asked.append(variant))
    monkeypatch.setattr(models_dialog, "training_available", lambda: True)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "it.keras"), ""))
    engine.models.told.emit(three)
    choices = (VariantFacts("wide", "Alpaca", "", ""), VariantFacts("narrow", "Not alpaca", "", ""))
    dialog.show_variants(VariantsFacts("Ponies count as", choices, "narrow", is_chosen=False, first_question=""))
    for row in (0, 1):
        choose(dialog, row)
        dialog.export_button.click()
        dialog.exporter.exported.emit(tmp_path / "it.keras")
    assert asked == ["narrow", None]


def test_exporting_without_tensorflow(
    dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_dialog, "training_available", lambda: False)
    engine.models.told.emit(three)
    dialog.export_button.click()
    assert "needs TensorFlow" in dialog.message.text()


def test_removing_asks_first(dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path) -> None:
    engine.models.told.emit(three)
    choose(dialog, 2)
    before = list(engine.models.asked)
    answer("Cancel")
    dialog.remove_button.click()
    assert engine.models.asked == before
    answer("Delete")
    dialog.remove_button.click()
    assert engine.models.asked[-1] == ("remove", tmp_path / "broken")
    engine.models.told.emit(three[:2])
    assert "add" in enabled(dialog)
    assert dialog.message.text() == "“Broken” was removed."


def test_training_is_requested(dialog: ModelsDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.train):
        dialog.train_button.click()


def test_names_are_never_markup(dialog: ModelsDialog, engine: FakeEngine, tmp_path: Path) -> None:
    name = "<img src='file:///etc/passwd'><b>bold</b>"
    hostile = entry("hostile", tmp_path, name=name, in_use=True, classes=("<i>a</i>", "b"), problem="<a href='x'>p</a>")
    engine.models.told.emit([hostile])
    engine.models.added.emit(Added(hostile, True))
    assert name in dialog.message.text()
    for label in (dialog.details, dialog.problem, dialog.message):
        assert label.textFormat() == Qt.TextFormat.PlainText


def shown(act: Callable[[], None]) -> tuple[str, QDialog]:
    """Return the text and the dialog that something shows."""
    seen: list[tuple[str, QDialog]] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        browser = dialog.findChild(QTextBrowser)
        seen.append((browser.toPlainText(), dialog))
        dialog.reject()

    QTimer.singleShot(0, look)
    act()
    return seen[0]


def test_the_card(dialog: ModelsDialog, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path) -> None:
    engine.models.told.emit(three)
    choose(dialog, 1)
    assert shown(dialog.about_button.click)[0] == "The model has no description."
    (tmp_path / "goats").mkdir()
    three[1].card.write_text("# Goats\nThey *climb*.", encoding="utf-8")
    words, _ = shown(dialog.about_button.click)
    assert words == "Goats\nThey climb."
    three[1].card.write_bytes(b"# Odd \xff\xfe\n" + b"long " * 1_000_000)
    words, _ = shown(dialog.about_button.click)
    assert len(words) < 300_000


def test_a_strangers_card_loads_and_starts_nothing(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda address: opened.append(address.toString()) or True)
    parent = QLabel()
    qtbot.addWidget(parent)
    card = tmp_path / "card.md"
    card.write_text("![x](file:///etc/hostname)\n\n[run](file:///bin/ls) [page](https://example.org/)")

    def click() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        browser = dialog.findChild(QTextBrowser)
        assert browser.loadResource(2, QUrl("file:///etc/hostname")) is None
        for address in ("file:///bin/ls", "smb://host/share", "javascript:1", "https://example.org/"):
            browser.anchorClicked.emit(QUrl(address))
        assert "run" in browser.toPlainText(), "a link leads nowhere inside either"
        dialog.reject()

    QTimer.singleShot(0, click)
    show_card(parent, "Stranger", card)
    assert opened == ["https://example.org/"]


# The button in the status bar


@pytest.fixture
def control(qtbot: QtBot, qapp: QApplication, engine: FakeEngine) -> ModelsControl:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(800, 600)
    bar = BannerBar(Theme(qapp))
    made = ModelsControl(window, engine, bar)  # type: ignore[arg-type]
    window.setCentralWidget(bar)
    window.show()
    return made


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Alpaca", "Model: Alpaca 1.0"),
        ("Cats & dogs", "Model: Cats && dogs 1.0"),
        ("A very long name " * 9, "Model: A very long name A very long na…"),
    ],
)
def test_the_button_says_which_model_serves(
    control: ModelsControl, engine: FakeEngine, tmp_path: Path, name: str, words: str
) -> None:
    assert control.button.text() == "Models…"
    engine.ready.emit(ModelFacts(name, "1.0", LabelSet("a", "b", {}), 0, tmp_path))
    assert control.button.text() == words
    assert control.button.focusPolicy() & Qt.FocusPolicy.TabFocus
    engine.failed.emit("It can't be opened.")
    assert control.button.text() == "Models…"


def test_it_says_how_far_corrections_are_learned_again(
    control: ModelsControl, engine: FakeEngine, qtbot: QtBot, tmp_path: Path
) -> None:
    def tell(learned: int, waiting: int, *, running: bool) -> None:
        engine.versions.learning_again.emit(LearningAgain(learned, waiting, running))

    def words() -> str:
        return control.banner.words.text() if control.banner.isVisible() else ""

    engine.ready.emit(ModelFacts("Alpaca", "2.0", LabelSet("a", "b", {}), 0, tmp_path))
    tell(0, 0, running=False)
    assert (control.button.text(), words()) == ("Model: Alpaca 2.0", "")
    tell(0, 37, running=True)
    assert words() == "", "what takes no time is not worth a message"
    tell(12, 25, running=True)
    assert control.button.text() == "Model: Alpaca 2.0, learning again: 12 of 37"
    qtbot.waitUntil(lambda: "12 of 37" in words(), timeout=5000)
    assert "labels stay" in words()
    assert "12 of 37" in control.button.toolTip()
    tell(20, 17, running=True)
    assert "20 of 37" in words()
    tell(32, 5, running=False)
    assert control.button.text() == "Model: Alpaca 2.0"
    assert "32 of your 37" in words()
    assert "5 corrections" in words()
    assert "not found" in words()
    # It stays until it is closed, and the next look that finds nothing does not bring it back.
    tell(32, 5, running=False)
    qtbot.mouseClick(control.banner.close_button, Qt.MouseButton.LeftButton)
    tell(32, 5, running=True)
    tell(32, 5, running=False)
    assert words() == ""


def test_a_closed_message_stays_closed_and_another_model_ends_it(
    control: ModelsControl, engine: FakeEngine, qtbot: QtBot, tmp_path: Path
) -> None:
    engine.ready.emit(ModelFacts("Alpaca", "2.0", LabelSet("a", "b", {}), 0, tmp_path))
    engine.versions.learning_again.emit(LearningAgain(0, 37, True))
    qtbot.waitUntil(control.banner.isVisible, timeout=5000)
    qtbot.mouseClick(control.banner.close_button, Qt.MouseButton.LeftButton)
    engine.versions.learning_again.emit(LearningAgain(9, 28, True))
    assert not control.banner.isVisible()
    assert "9 of 37" in control.button.text(), "the status bar goes on saying it"
    engine.model_changing.emit()
    assert control.button.text() == "Models…"
    engine.ready.emit(ModelFacts("Mine", "1", LabelSet("a", "b", {}), 0, tmp_path))
    assert control.button.text() == "Model: Mine 1"
    # With everything found, there is nothing left to say.
    engine.versions.learning_again.emit(LearningAgain(0, 3, True))
    qtbot.waitUntil(control.banner.isVisible, timeout=5000)
    engine.versions.learning_again.emit(LearningAgain(3, 0, False))
    assert not control.banner.isVisible()


def test_the_variant_in_use_is_shown_with_its_model(
    control: ModelsControl, engine: FakeEngine, three: list[ModelEntry], tmp_path: Path
) -> None:
    choices = (VariantFacts("wide", "Alpaca", "", ""), VariantFacts("narrow", "Not alpaca", "", ""))
    variants = VariantsFacts("Ponies & co. count as", choices, "wide", is_chosen=False, first_question="")
    engine.ready.emit(ModelFacts("Alpaca", "1.0", LabelSet("a", "b", {}), 0, tmp_path, variants))
    assert "Ponies & co. count as: Alpaca" in control.button.toolTip()
    chosen: list[str] = []
    control.variant_chosen.connect(chosen.append)
    control.open_dialog()
    dialog = control.dialog
    assert dialog is not None
    assert not dialog.variant.isVisible(), "the models are not known yet"
    other = VariantEntry("narrow", "Wolf", is_default=False, is_chosen=True)
    engine.models.told.emit([three[0], replace(three[1], setting="Dogs count as", variants=(other,)), three[2]])
    assert dialog.variant.isVisible()
    assert (dialog.setting.text(), dialog.variant.currentText()) == ("Ponies && co. count as", "Alpaca")
    dialog.variant.setFocus()
    QTest.keyClick(dialog.variant, Qt.Key.Key_Down)
    assert chosen == ["narrow"]
    engine.variants.failed.emit("It can't be used.")
    assert dialog.variant.currentText() == "Alpaca", "the other one is not in use"
    engine.variants.changed.emit(replace(variants, current="narrow"))
    assert dialog.variant.currentText() == "Not alpaca"
    assert "Ponies & co. count as: Not alpaca" in control.button.toolTip()
    dialog.list.setCurrentItem(dialog.list.topLevelItem(1))
    assert not dialog.variant.isVisible(), "that model is not in use"
    assert dialog.details.text().endswith("Dogs count as: Wolf")
    engine.ready.emit(ModelFacts("Cats", "1.0", LabelSet("a", "b", {}), 0, tmp_path))
    dialog.list.setCurrentItem(dialog.list.topLevelItem(0))
    assert not dialog.variant.isVisible()
    assert "Ponies" not in dialog.details.text() + control.button.toolTip()
    assert chosen == ["narrow"], "the user chose once"


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_one_dialog_that_refreshes_when_it_opens_again(control: ModelsControl, engine: FakeEngine) -> None:
    control.button.click()
    dialog = control.dialog
    assert dialog is not None
    assert dialog.isVisible()
    control.open_dialog()
    assert control.dialog is dialog
    asked = engine.models.asked.count(("ask",))
    dialog.say("Something old.")
    dialog.close()
    control.open_dialog()
    assert control.dialog is dialog
    assert dialog.message.text() == ""
    assert engine.models.asked.count(("ask",)) == asked + 1
    control.close_down()
    assert not dialog.isVisible()


def test_what_goes_wrong_is_said_where_it_is_seen(control: ModelsControl, engine: FakeEngine, tmp_path: Path) -> None:
    told: list[str] = []
    control.told.connect(told.append)
    control.use_new(tmp_path)
    assert engine.models.asked[-1] == ("add", tmp_path, True)
    engine.models.failed.emit("First.")
    control.open_dialog()
    engine.models.failed.emit("Second.")
    assert told == ["First."]
    assert control.dialog is not None
    assert control.dialog.message.text() == "Second."
