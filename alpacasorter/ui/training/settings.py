"""First page of a training: which photos, what it is called, and behind "More settings" everything else.

The field of a training into which the folder with the photos is dropped, and what is in that folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.training.examples import ExamplesView
from alpacasorter.ui.training.options import TrainOptions
from alpacasorter.ui.widgets.fields import Field, add_row, note
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.class_folders import ClassCounter, ClassFolders

_LONGEST_NAME: Final = 60
_EXPLANATION: Final = (
    "Choose a folder with two sub-folders: one with photos of what you want to find, one with photos of other things. "
    "The names of the sub-folders become the tags."
)
_PROMISE: Final = (
    "Training runs on this computer; some hundred photos take a few minutes. Meanwhile you can go on using the window."
)


class TrainSettings(QWidget):
    """What to train and how.

    Signals:
        ready_changed(bool): whether everything needed is there and right.
        preview_wanted: the user wants to see examples.
    """

    ready_changed = Signal(bool)
    preview_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Ask for a folder; all else has its usual value."""
        super().__init__(parent)
        self._latest = Recipe()
        self.dataset = DatasetField(self)
        self.positive = QComboBox(self)
        self.positive.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.name = QLineEdit(self)
        self.name.setMaxLength(_LONGEST_NAME)
        self.more = QPushButton(self)
        self.more.setProperty("flat", True)
        self.more.setAutoDefault(False)
        self.more.setCheckable(True)
        self.options = TrainOptions(self)
        self.examples = ExamplesView(theme, self)
        self.wrong = note(self, "warning")
        self._lay_out()
        self.dataset.changed.connect(self._on_dataset)
        self.more.toggled.connect(self._show_options)
        self.options.changed.connect(self._tell)
        self.name.textChanged.connect(self._tell)
        self.positive.currentIndexChanged.connect(self._tell)
        self.options.preview_wanted.connect(self.preview_wanted)
        self.setAcceptDrops(True)
        self._show_options(False)

    def _lay_out(self) -> None:
        explanation, promise = note(self, ""), note(self, "muted")
        explanation.setText(_EXPLANATION)
        promise.setText(_PROMISE)
        form = QFormLayout()
        form.setSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        find_tip = "The kind that the model looks for. The other one is everything else."
        name_tip = "What the model is called in the app. Nothing that exists is written over."
        add_row(form, "Find", Field(self.positive, "Find", find_tip, self))
        add_row(form, "Name of the model", Field(self.name, "Name of the model", name_tip, self))
        self.options.below_preview.addWidget(self.examples)
        more = QHBoxLayout()
        more.addWidget(self.more)
        more.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(12)
        column.addWidget(explanation)
        column.addWidget(self.dataset)
        column.addLayout(form)
        column.addLayout(more)
        for widget in (self.options, self.wrong, promise):
            column.addWidget(widget)
        column.addStretch(1)

    @property
    def folder(self) -> Path | None:
        """The dataset folder, which need not exist."""
        return self.dataset.folder

    @property
    def ready(self) -> bool:
        """Whether everything needed is there and right."""
        return self.dataset.found is not None and not self._problem()

    @property
    def model_name(self) -> str:
        """What the model is called: what the user wrote, else a name that no model from elsewhere is likely to have."""
        return self.name.text().strip() or f"My {self.positive.currentText().lower()}".strip()

    def recipe(self) -> Recipe:
        """Return the settings.

        Raises:
            ValueError: one of them makes no sense; the message is a sentence for the user.
        """
        return Recipe(
            positive=self.positive.currentData() or "", name=self.name.text().strip(), **self.options.values()
        )

    def state(self) -> str:
        """Return all that was entered, for `restore`; of what makes no sense, what was there before it."""
        return json.dumps({"dataset": str(self.folder or ""), "recipe": json.loads(self._latest.to_json())})

    def restore(self, state: str) -> None:
        """Show what was entered before; what can't be read counts as not entered."""
        try:
            data = json.loads(state)
            dataset = data["dataset"]
            recipe = Recipe.from_json(json.dumps(data["recipe"]))
        except (ValueError, TypeError, KeyError):
            recipe, dataset = Recipe(), ""
        self.options.show_recipe(recipe)
        self.name.setText(recipe.name)
        self.positive.clear()
        if recipe.positive:
            self._offer((recipe.positive,), recipe.positive)
        if isinstance(dataset, str) and dataset:
            self.dataset.set_folder(Path(dataset))

    def close_threads(self) -> None:
        """End the threads; the page is not used any more."""
        self.dataset.close_threads()
        self.examples.close_loader()

    def _on_dataset(self) -> None:
        found = self.dataset.found
        if found is not None:
            names = tuple(name for name, _ in found.classes)
            before = self.positive.currentData()
            self._offer(names, before if before in names else found.usual_positive)
        self._tell()

    def _offer(self, names: tuple[str, ...], chosen: str) -> None:
        self.positive.clear()
        for name in names:
            self.positive.addItem(display_class(name), name)
        self.positive.setCurrentIndex(self.positive.findData(chosen))

    def _show_options(self, shown: bool) -> None:
        self.more.setText("Fewer settings" if shown else "More settings")
        self.options.setVisible(shown)
        self._tell()

    def _problem(self) -> str:
        try:
            self._latest = self.recipe()
        except ValueError as error:
            return str(error)
        return "" if self.options.valid else "One of the further settings can't be used."

    def tell_stopped(self) -> None:
        """Say that the training was stopped, until something is changed."""
        self.wrong.setText("Stopped. Nothing was kept.")
        self.wrong.show()

    def _tell(self) -> None:
        """Say what is wrong with the settings, and whether training can start."""
        self.positive.setEnabled(self.dataset.found is not None)
        named = self.positive.count() > 0
        self.name.setPlaceholderText(self.model_name if named else "Made from the names of the sub-folders")
        # At a field it is said there, unless that is hidden.
        said_there = not self.options.valid and self.more.isChecked()
        self.wrong.setText("" if said_there else self._problem())
        self.wrong.setVisible(bool(self.wrong.text()))
        self.options.preview.setEnabled(self.ready)
        self.ready_changed.emit(self.ready)

    # Drag and drop: anywhere on the page

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder."""
        if dropped_folder(event) is not None:
            event.acceptProposedAction()
            self.dataset.set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing is held over the page any more."""
        self.dataset.set_hot(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the folder that was dropped."""
        self.dataset.set_hot(False)
        folder = dropped_folder(event)
        if folder is not None:
            event.acceptProposedAction()
            self.dataset.set_folder(folder)


_REST_MS: Final = 250
"""How long the path must rest before the folder is looked into."""
_FEW: Final = 20
"""Photos of a class below which the user is told that they are few."""


class DatasetField(QFrame):
    """A path, a button, and a sentence on what is there.

    Signals:
        changed: another folder, or it is known now what is in it.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Ask for a folder."""
        super().__init__(parent)
        self.setObjectName("drop")
        self._found: ClassFolders | None = None
        self._exact: Path | None = None
        self._counter = ClassCounter(self)
        self._counter.counted.connect(self._on_counted)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self.look_again)
        self.path = QLineEdit(self)
        self.path.setPlaceholderText("Drop a folder here, or choose one")
        self.path.setAccessibleName("Folder with the photos")
        self.path.setToolTip("The folder with one sub-folder per kind")
        self.choose = QPushButton("Choose…", self)
        self.choose.setAutoDefault(False)
        self.choose.setAccessibleName("Choose the folder with the photos")
        self.feedback = note(self, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 14)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.choose)
        column.addLayout(row)
        column.addWidget(self.feedback)
        self.path.textChanged.connect(self._on_path)
        self.choose.clicked.connect(self._choose)
        self._tell()

    @property
    def folder(self) -> Path | None:
        """The folder, absolute; it need not exist."""
        written = self.path.text().strip()
        if self._exact is not None or not written:
            return self._exact
        try:
            path = Path(written).expanduser()
        except RuntimeError:
            # There is no such user.
            path = Path(written)
        return Path(os.path.normpath(path.absolute()))

    @property
    def found(self) -> ClassFolders | None:
        """What is in the folder, None while that is not known or where it can't be trained on."""
        return self._found if self._found is not None and not self._found.problem else None

    def set_folder(self, folder: Path) -> None:
        """Use this folder."""
        self.path.setText(display_path(folder))
        # What is shown may not lead there: names can hold bytes that are no text.
        self._exact = folder
        self.look_again()

    def look_again(self) -> None:
        """Look into the folder: photos may have come or gone."""
        self._rest.stop()
        folder = self.folder
        if folder is not None:
            self._counter.request(folder)

    def close_threads(self) -> None:
        """End the thread; the field is not used any more."""
        self._rest.stop()
        self._counter.close()

    def set_hot(self, hot: bool) -> None:
        """Show that a folder is held over it."""
        self.setProperty("hot", hot)
        _dress(self)

    def _choose(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        chosen = QFileDialog.getExistingDirectory(self, "Folder with one sub-folder per kind", str(start))
        if chosen:
            self.set_folder(Path(chosen))

    def _on_path(self) -> None:
        self._exact = self._found = None
        self._rest.start()
        self._tell()

    def _on_counted(self, found: ClassFolders) -> None:
        if found.folder == self.folder:
            self._found = found
            self._tell()

    def _tell(self) -> None:
        words, role = self._about()
        self.feedback.setText(words)
        self.feedback.setProperty("role", role)
        _dress(self.feedback)
        self.changed.emit()

    def _about(self) -> tuple[str, str]:
        """Return what to say of the folder, and the role that colours it."""
        if self.folder is None:
            return "No folder chosen yet.", "muted"
        found = self._found
        if found is None:
            return "Looking into the folder…", "muted"
        if found.problem:
            return found.problem, "warning"
        counts = ", ".join(f"{display_class(name)} {photos:,}" for name, photos in found.classes)
        name, photos = min(found.classes, key=lambda pair: pair[1])
        if photos < _FEW:
            only = f"{text.count(photos, 'photo')} of “{display_class(name)}”"
            return f"{counts}. Only {only}: the model gets better with more.", "warning"
        return f"{counts}.", "muted"


def display_class(name: str) -> str:
    """Return what people read for a class, from the name of its folder."""
    return display_path(LabelSet("", "", {}).display(name))


def dropped_folder(event: QDropEvent) -> Path | None:
    """Return the folder that is dropped, None for anything else."""
    for url in event.mimeData().urls():
        if url.isLocalFile():
            path = Path(os.path.normpath(url.toLocalFile()))
            return path if path.is_dir() else None
    return None


def _dress(widget: QWidget) -> None:
    """Have a changed property change how a widget looks."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
