"""The dialog that tests the model: what it says and shows, with a stand-in for the test itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Learned, Problem, Progress
from alpacasorter.core.labels import LabelSet
from alpacasorter.ml.evaluation.evaluate import Evaluation, Judgment, Mistake
from alpacasorter.ml.evaluation.metrics import Confusion, measure, mistakes
from alpacasorter.ml.evaluation.report import in_words
from alpacasorter.ui.models import evaluate_dialog as module
from alpacasorter.ui.models.control import EvaluateControl
from alpacasorter.ui.models.evaluate_dialog import EvaluateDialog
from alpacasorter.ui.models.evaluate_result import MistakesModel
from alpacasorter.ui.widgets.desktop import file_url
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.evaluating import EvaluationResult
from alpacasorter.workers.view_facts import ModelFacts
from tests.picture_files import make_picture

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
NAMES = ("Not alpaca", "Alpaca")


class Stand(QObject):
    """Stands in for what measures: remembers what it was asked for."""

    progress = Signal(object)
    finished = Signal(object)
    stopped = Signal()
    failed = Signal(str)
    report_written = Signal(object)
    report_failed = Signal(str)

    def __init__(self, engine: object, parent: QObject) -> None:
        super().__init__(parent)
        self.asked: list[tuple[object, ...]] = []
        self.running = False

    def start(self, dataset: Path) -> None:
        self.asked.append(("start", dataset))
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.running = False
            self.stopped.emit()

    def write_report(self, tested: EvaluationResult, path: Path, *, learned: bool) -> None:
        self.asked.append(("report", path, learned))

    def close(self) -> None:
        self.asked.append(("close",))


class NoCache:
    cache = None


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[QUrl]:
    """What was opened by the system's programs."""
    urls: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: urls.append(url) or True)
    return urls


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "light")


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch) -> Iterator[EvaluateDialog]:
    monkeypatch.setattr(module, "Evaluating", Stand)
    shown = EvaluateDialog(NoCache(), LABELS, theme)  # type: ignore[arg-type]
    qtbot.addWidget(shown)
    shown.show()
    qtbot.waitExposed(shown)
    yield shown
    shown.close()


@pytest.fixture
def work(dialog: EvaluateDialog) -> Stand:
    assert isinstance(dialog.evaluating, Stand)
    return dialog.evaluating


def made(folder: Path, *, learned: bool = False, **changes: object) -> EvaluationResult:
    """Four photos: the shipped head gets two of them wrong, the head that has learned one."""
    paths = tuple(make_picture(folder / f"photo{n}.jpg", seed=n) for n in range(4))
    targets = np.array([1, 1, 0, 0])

    def judged(*probabilities: float) -> Judgment:
        found = np.array(probabilities, dtype=np.float32)
        wrong = mistakes(targets, found)
        return Judgment(
            found, measure(targets, found), tuple(Mistake(paths[n], float(found[n]), f"key{n}") for n in wrong)
        )

    evaluation = Evaluation(
        class_names=NAMES,
        threshold=0.5,
        paths=paths,
        keys=tuple(f"key{n}" for n in range(4)),
        targets=targets,
        shipped=judged(0.9, 0.2, 0.97, 0.1),
        learned=judged(0.9, 0.3, 0.2, 0.1) if learned else None,
        problems=(),
        left_out=(),
        trained_on=0,
    )
    return EvaluationResult(folder, replace(evaluation, **changes), "Alpacas 1.0", "cpu", 2 if learned else 0)  # type: ignore[arg-type]


def gallery(dialog: EvaluateDialog) -> list[str]:
    model = dialog.panel.mistakes.photos
    return [str(model.index(n).data(Qt.ItemDataRole.AccessibleTextRole)) for n in range(model.rowCount())]


def run(dialog: EvaluateDialog, work: Stand, result: EvaluationResult) -> None:
    dialog.test(result.dataset)
    work.running = False
    work.finished.emit(result)


# Before


def test_explains_itself_in_the_words_of_the_model(dialog: EvaluateDialog) -> None:
    assert "“Alpaca” and “Not alpaca”" in dialog.explanation.text()
    dialog.set_labels(LabelSet("dog", "cat", {}))
    assert "“Cat” and “Dog”" in dialog.explanation.text()
    assert dialog.choose_button.hasFocus()
    assert not dialog.panel.isVisible()
    assert not dialog.progress.isVisible()
    assert not dialog.save_button.isEnabled()
    assert not dialog.open_button.isEnabled()


def test_without_a_model_it_says_so(qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Evaluating", Stand)
    dialog = EvaluateDialog(NoCache(), None, theme)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    assert "being opened" in dialog.explanation.text()
    dialog.close()


# Meanwhile


def test_progress_and_stop(dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot) -> None:
    dialog.test(tmp_path)
    assert work.asked == [("start", tmp_path)]
    assert dialog.progress.isVisible()
    assert not dialog.choose_button.isEnabled()
    assert dialog.progress.stop_button.hasFocus()
    work.progress.emit(Progress(3, 12, 0.0, None))
    assert "3 of 12 photos" in dialog.progress.words.text()
    qtbot.mouseClick(dialog.progress.stop_button, Qt.MouseButton.LeftButton)
    assert not dialog.progress.isVisible()
    assert "Stopped" in dialog.message.text()
    assert dialog.choose_button.isEnabled()
    assert dialog.choose_button.hasFocus()


def test_a_folder_that_will_not_do(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    dialog.test(tmp_path)
    work.failed.emit("There are no such folders.")
    assert dialog.message.text() == "There are no such folders."
    assert dialog.message.isVisible()
    assert not dialog.panel.isVisible()
    dialog.test(tmp_path)
    assert not dialog.message.isVisible(), "a new try, a new answer"


# The result


def test_figures_and_gallery(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    run(dialog, work, made(tmp_path))
    panel = dialog.panel
    assert panel.headline.text() == in_words(Confusion(tp=1, fp=1, tn=1, fn=1), NAMES)
    assert gallery(dialog) == [
        "photo2.jpg: actual class Not alpaca, predicted Alpaca (97%)",
        "photo1.jpg: actual class Alpaca, predicted Not alpaca (80%)",
    ]
    assert panel.tabs.tabText(0) == "2 mistakes"
    assert not panel.tabs.isTabVisible(1)
    assert not panel.version.isVisible()
    assert not panel.comparison.isVisible()
    assert not panel.warnings.isVisible()
    assert panel.mistakes.hasFocus()
    assert dialog.save_button.isEnabled()
    assert not dialog.open_button.isEnabled()


def test_thumbnails_load_without_being_requested(
    dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot
) -> None:
    run(dialog, work, made(tmp_path))
    view = dialog.panel.mistakes

    def painted() -> bool:
        # The noise of the photos has many colors, the placeholder one.
        cell = view.visualRect(view.photos.index(0))
        image = view.viewport().grab(cell).toImage()
        middle = {image.pixel(image.width() // 2 + dx, image.height() // 3 + dy) for dx in range(9) for dy in range(9)}
        return len(middle) > 20

    qtbot.waitUntil(painted, timeout=10_000)


def test_no_mistakes(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    result = made(tmp_path)
    targets = np.array([1, 0, 1, 0])
    right = Judgment(result.evaluation.shipped.probabilities, measure(targets, np.array([0.9, 0.2, 0.97, 0.1])), ())
    run(dialog, work, replace(result, evaluation=replace(result.evaluation, targets=targets, shipped=right)))
    assert dialog.panel.faultless.isVisible()
    assert not dialog.panel.mistakes.isVisible()
    assert dialog.panel.tabs.tabText(0) == "No mistakes"


def test_what_was_learned_and_what_was_shipped(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    run(dialog, work, made(tmp_path, learned=True))
    panel = dialog.panel
    assert panel.shows_learned
    assert panel.headline.text() == in_words(Confusion(tp=1, fp=0, tn=2, fn=1), NAMES)
    assert in_words(Confusion(tp=1, fp=1, tn=1, fn=1), NAMES) in panel.comparison.text()
    assert "You corrected 2 of these 4 photos" in panel.warnings.text()
    assert len(gallery(dialog)) == 1
    panel.version.setCurrentIndex(1)
    assert not panel.shows_learned
    assert panel.headline.text() == in_words(Confusion(tp=1, fp=1, tn=1, fn=1), NAMES)
    assert in_words(Confusion(tp=1, fp=0, tn=2, fn=1), NAMES) in panel.comparison.text()
    assert not panel.warnings.isVisible()
    assert len(gallery(dialog)) == 2
    run(dialog, work, made(tmp_path))
    assert not panel.shows_learned
    assert not panel.version.isVisible()


def test_what_was_left_out_is_listed(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    bad = Problem(tmp_path / "alpaca" / "bad.jpg", "The file is empty.")
    run(dialog, work, made(tmp_path, problems=(bad,), left_out=("llama",), trained_on=3))
    panel = dialog.panel
    assert panel.tabs.isTabVisible(1)
    assert panel.tabs.tabText(1) == "2 left out"
    listed = [panel.left_out.item(n).text() for n in range(panel.left_out.count())]
    assert listed == [
        "llama: this subfolder is not named after a class.",
        f"{Path('alpaca') / 'bad.jpg'}: The file is empty.",
    ]
    assert "was trained on 3 of these 4" in panel.warnings.text()


def test_another_model_clears_the_result(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    run(dialog, work, made(tmp_path))
    dialog.forget()
    assert not dialog.panel.isVisible()
    assert not dialog.save_button.isEnabled()
    dialog.test(tmp_path)
    dialog.forget()
    assert not work.running
    assert dialog.choose_button.isEnabled()


# Photos and reports


@pytest.mark.parametrize("how", ["enter", "double-click"])
def test_a_photo_is_opened(
    dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot, opened: list[QUrl], how: str
) -> None:
    run(dialog, work, made(tmp_path))
    view = dialog.panel.mistakes
    if how == "enter":
        qtbot.keyClick(view, Qt.Key.Key_Return)
    else:
        place = view.visualRect(view.photos.index(0)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened == [file_url(tmp_path / "photo2.jpg")]
    assert dialog.isVisible(), "Enter closes nothing"


def test_a_photo_that_is_gone(
    dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot, opened: list[QUrl]
) -> None:
    run(dialog, work, made(tmp_path))
    (tmp_path / "photo2.jpg").unlink()
    qtbot.keyClick(dialog.panel.mistakes, Qt.Key.Key_Return)
    assert not opened
    assert dialog.message.text() == "photo2.jpg is no longer there."


def test_report_is_saved_and_opened(
    dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot, opened: list[QUrl]
) -> None:
    run(dialog, work, made(tmp_path, learned=True))
    place = tmp_path / "report.html"
    dialog.write_report(place)
    assert work.asked[-1] == ("report", place, True)
    assert not dialog.save_button.isEnabled()
    place.write_text("report", encoding="utf-8")
    work.report_written.emit(place)
    assert "report.html" in dialog.message.text()
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert opened == [file_url(place)]
    place.unlink()
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert len(opened) == 1
    assert "no longer there" in dialog.message.text()
    dialog.panel.version.setCurrentIndex(1)
    dialog.write_report(place)
    assert work.asked[-1] == ("report", place, False)
    run(dialog, work, made(tmp_path))
    assert not dialog.open_button.isEnabled(), "the report is of another test"


def test_a_report_that_cannot_be_written(dialog: EvaluateDialog, work: Stand, tmp_path: Path) -> None:
    run(dialog, work, made(tmp_path))
    dialog.write_report(tmp_path / "report.html")
    work.report_failed.emit("The disk is full.")
    assert dialog.message.text() == "The disk is full."
    assert dialog.save_button.isEnabled(), "so that another place can be chosen"
    assert not dialog.open_button.isEnabled()


# Keyboard and the end


def test_the_tab_key_follows_the_layout(dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot) -> None:
    run(dialog, work, made(tmp_path, learned=True, left_out=("llama",)))
    seen: list[QWidget | None] = []
    dialog.choose_button.setFocus()
    for _ in range(6):
        seen.append(QApplication.focusWidget())
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    panel = dialog.panel
    assert seen == [
        dialog.choose_button,
        panel.version,
        panel.tabs.tabBar(),
        panel.mistakes,
        dialog.save_button,
        dialog.close_button,
    ]


@pytest.mark.parametrize("how", ["escape", "button", "frame"])
def test_closing_ends_the_work_once(
    dialog: EvaluateDialog, work: Stand, tmp_path: Path, qtbot: QtBot, how: str
) -> None:
    closed: list[bool] = []
    dialog.closed.connect(lambda: closed.append(True))
    dialog.test(tmp_path)
    ways: dict[str, Callable[[], object]] = {
        "escape": lambda: qtbot.keyClick(dialog, Qt.Key.Key_Escape),
        "button": lambda: qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton),
        "frame": dialog.close,
    }
    ways[how]()
    assert not dialog.isVisible()
    assert work.asked.count(("close",)) == 1
    assert closed == [True]


def test_looks_in_both_schemes(dialog: EvaluateDialog, work: Stand, tmp_path: Path, theme: Theme) -> None:
    run(dialog, work, made(tmp_path))
    light = dialog.panel.mistakes.viewport().grab().toImage().pixelColor(1, 1)
    theme.use("dark")
    dark = dialog.panel.mistakes.viewport().grab().toImage().pixelColor(1, 1)
    assert light.lightness() > 200 > 60 > dark.lightness()


def test_an_invalid_index_is_nothing(dialog: EvaluateDialog) -> None:
    model = dialog.panel.mistakes.photos
    assert model.data(model.index(5), MistakesModel.PhotoRole) is None
    assert model.rowCount(model.index(0)) == 0


# Who opens it


class Engine(QObject):
    """The signals of an engine that the dialog's owner listens to."""

    ready = Signal(object)
    model_changing = Signal()
    learned = Signal(object)
    cache = None


def test_the_dialog_follows_the_model_in_use(
    qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "Evaluating", Stand)
    engine, window = Engine(), QWidget()
    qtbot.addWidget(window)
    control = EvaluateControl(window, engine, theme)  # type: ignore[arg-type]
    control.open_dialog()
    dialog = control.dialog
    assert dialog is not None
    assert "being opened" in dialog.explanation.text()
    engine.ready.emit(ModelFacts("Alpacas", "1.0", LABELS, 0, tmp_path / "card.md"))
    assert "“Alpaca” and “Not alpaca”" in dialog.explanation.text()
    work = dialog.evaluating
    assert isinstance(work, Stand)
    run(dialog, work, made(tmp_path))
    learned = Learned(1, {}, (), np.empty(0, dtype=np.float32), (), 1)
    engine.learned.emit(learned)
    assert dialog.panel.isVisible(), "it says how good the model is before it learned this"
    engine.learned.emit(replace(learned, variant="narrow"))
    assert not dialog.panel.isVisible()
    run(dialog, work, made(tmp_path))
    engine.model_changing.emit()
    assert not dialog.panel.isVisible()
    engine.ready.emit(ModelFacts("Pets", "1.0", LabelSet("dog", "cat", {}), 0, tmp_path / "card.md"))
    assert "“Cat” and “Dog”" in dialog.explanation.text()
    control.close_down()
    assert control.dialog is None
    assert work.asked[-1] == ("close",)
    control.close_down()
