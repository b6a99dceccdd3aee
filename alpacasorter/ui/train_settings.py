"""First page of a training: which photos, what it is called, and behind "More settings" everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.examples_view import ExamplesView
from alpacasorter.ui.theme import Theme
from alpacasorter.ui.train_dataset import DatasetField, display_class, dropped_folder
from alpacasorter.ui.train_fields import Field, add_row, note
from alpacasorter.ui.train_options import TrainOptions

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
