"""The first page of the training dialog: the folder with the photos, the name of the model, and further settings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
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
from alpacasorter.core.photos.exclusion import Exclusion
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.training.examples import ExamplesView
from alpacasorter.ui.training.options import TrainOptions
from alpacasorter.ui.widgets import drops
from alpacasorter.ui.widgets.dialogs import say
from alpacasorter.ui.widgets.fields import Field, add_row, sentence_label
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.class_folders import ClassCounter, ClassFolders

_MAX_NAME: Final = 60


class TrainSettings(QWidget):
    """The settings of a run.

    Signals:
        ready_changed(bool): whether everything needed is there and valid.
        preview_wanted: the user wants a preview.
    """

    ready_changed = Signal(bool)
    preview_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Ask for a folder; everything else has its default."""
        super().__init__(parent)
        self._latest = Recipe()
        self.dataset = DatasetField(self)
        self.positive = QComboBox(self)
        self.positive.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.name = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.name.setAcceptDrops(False)
        self.name.setMaxLength(_MAX_NAME)
        self.more = QPushButton(self)
        self.more.setProperty("flat", True)
        self.more.setAutoDefault(False)
        self.more.setCheckable(True)
        self.options = TrainOptions(self)
        self.examples = ExamplesView(theme, self)
        self.wrong = sentence_label(self, "warning")
        self._lay_out()
        self.dataset.changed.connect(self._on_dataset)
        self.more.toggled.connect(self._show_options)
        self.options.changed.connect(self._check)
        self.name.textChanged.connect(self._check)
        self.positive.currentIndexChanged.connect(self._check)
        self.options.preview_wanted.connect(self.preview_wanted)
        self.setAcceptDrops(True)
        self._show_options(False)

    def _lay_out(self) -> None:
        explanation, promise = sentence_label(self, ""), sentence_label(self, "muted")
        explanation.setText(
            _(
                "Choose a folder with two subfolders: one with photos of what you want to find, and one with photos of "
                "other things. The names of the subfolders become the tags."
            )
        )
        promise.setText(
            _(
                "Training runs on this computer; a few hundred photos take a few minutes. You can keep using the "
                "window in the meantime."
            )
        )
        form = QFormLayout()
        form.setSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        find, name = _("Find"), _("Name of the model")
        find_tip = _("The class that the model looks for. The other one is everything else.")
        name_tip = _("The name of the model in the app. Existing models are not replaced.")
        add_row(form, find, Field(self.positive, find, find_tip, self))
        add_row(form, name, Field(self.name, name, name_tip, self))
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
        """The dataset folder; it need not exist."""
        return self.dataset.folder

    @property
    def ready(self) -> bool:
        """Whether everything needed is there and valid."""
        return self.dataset.found is not None and not self._problem()

    @property
    def model_name(self) -> str:
        """The name of the model: what the user entered, or one that models from elsewhere are unlikely to have."""
        chosen = str(self.positive.currentData() or "").replace("_", " ")
        # Translators: the suggested name of a model, such as "My alpaca".
        return self.name.text().strip() or _("My {class_name}").format(class_name=display_path(chosen)).strip()

    def recipe(self) -> Recipe:
        """Return the settings.

        Raises:
            ValueError: one of them is invalid; the message is a sentence for the user.
        """
        return Recipe(
            positive=self.positive.currentData() or "", name=self.name.text().strip(), **self.options.values()
        )

    def state(self) -> str:
        """Return everything that was entered, for `restore`; of invalid settings, the latest valid ones.

        A folder that can't be trained on is forgotten.
        """
        dataset = "" if self.dataset.is_refused else str(self.folder or "")
        return json.dumps({"dataset": dataset, "recipe": json.loads(self._latest.to_json())})

    def restore(self, state: str) -> None:
        """Show what was entered before, or the defaults if it can't be read."""
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
            names = tuple(name for name, _photos in found.classes)
            before = self.positive.currentData()
            self._offer(names, before if before in names else found.usual_positive)
        self._check()

    def _offer(self, names: tuple[str, ...], chosen: str) -> None:
        self.positive.clear()
        for name in names:
            self.positive.addItem(display_class(name), name)
        self.positive.setCurrentIndex(self.positive.findData(chosen))

    def _show_options(self, shown: bool) -> None:
        self.more.setText(_("Fewer settings") if shown else _("More settings"))
        self.options.setVisible(shown)
        self._check()

    def _problem(self) -> str:
        try:
            self._latest = self.recipe()
        except ValueError as error:
            return str(error)
        return "" if self.options.valid else _("One of the other settings is invalid.")

    def tell_stopped(self) -> None:
        """Say that training was stopped, until something is changed."""
        self.wrong.setText(_("Stopped. No model was made."))
        self.wrong.show()

    def _check(self) -> None:
        """Say what is wrong with the settings, and whether training can start."""
        self.positive.setEnabled(self.dataset.found is not None)
        named = self.positive.count() > 0
        self.name.setPlaceholderText(self.model_name if named else _("Taken from the names of the subfolders"))
        # Problems of the options are shown beside them, unless they are hidden.
        shown_there = not self.options.valid and self.more.isChecked()
        self.wrong.setText("" if shown_there else self._problem())
        self.wrong.setVisible(bool(self.wrong.text()))
        self.options.preview.setEnabled(self.ready)
        self.ready_changed.emit(self.ready)

    # Drag and drop: anywhere on the page

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept a folder."""
        if drops.offer_copy(event):
            self.dataset.set_highlighted(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Answer the same wherever the mouse is."""
        drops.offer_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Remove the highlight."""
        self.dataset.set_highlighted(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Use the folder that was dropped."""
        self.dataset.set_highlighted(False)
        if not drops.offer_copy(event):
            return
        dropped = drops.read(event.mimeData(), folders_only=True)
        if dropped.folder is not None:
            self.dataset.set_folder(dropped.folder)
        if dropped.remark:
            say(self, dropped.remark)


_TYPING_MS: Final = 250
"""Time after the latest change of the path before the folder is opened."""
_FEW: Final = 20
"""Photos of a class below which the user is warned."""


class DatasetField(QFrame):
    """The folder with the photos: a path, a button, and a sentence about what is in it.

    Signals:
        changed: another folder was chosen, or its classes are known now.
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
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self.recount)
        self.path = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.path.setAcceptDrops(False)
        self.path.setPlaceholderText(_("Drop a folder here, or choose one"))
        self.path.setAccessibleName(_("Folder with the photos"))
        self.path.setToolTip(_("The folder with one subfolder per class"))
        self.choose = QPushButton(_("Choose…"), self)
        self.choose.setAutoDefault(False)
        self.choose.setAccessibleName(_("Choose the folder with the photos"))
        self.feedback = sentence_label(self, "muted")
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
        self._describe()

    @property
    def folder(self) -> Path | None:
        """The folder, as an absolute path; it need not exist."""
        entered = self.path.text().strip()
        if self._exact is not None or not entered:
            return self._exact
        try:
            path = Path(entered).expanduser()
        except RuntimeError:
            # There is no such user.
            path = Path(entered)
        return Path(os.path.normpath(path.absolute()))

    @property
    def found(self) -> ClassFolders | None:
        """The classes in the folder; None while they are unknown, or if it can't be trained on."""
        return self._found if self._found is not None and not self._found.problem else None

    @property
    def is_refused(self) -> bool:
        """Whether it is known that the folder can't be trained on."""
        return self._found is not None and bool(self._found.problem)

    def set_folder(self, folder: Path) -> None:
        """Use this folder."""
        self.path.setText(display_path(folder))
        # The path that is shown may not be exact: names can contain bytes that are not text.
        self._exact = folder
        self.recount()

    def leave_out(self, exclusion: Exclusion) -> None:
        """Count without what the user leaves out, from the next count on."""
        self._counter.exclusion = exclusion

    def recount(self) -> None:
        """Count the photos again: some may have been added or removed."""
        self._typing.stop()
        folder = self.folder
        if folder is not None:
            self._counter.request(folder)

    def close_threads(self) -> None:
        """End the thread; the field is not used any more."""
        self._typing.stop()
        self._counter.close()

    def set_highlighted(self, on: bool) -> None:
        """Show that a folder is held over the field."""
        self.setProperty("hot", on)
        _restyle(self)

    def _choose(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        chosen = QFileDialog.getExistingDirectory(self, _("Folder with one subfolder per class"), str(start))
        if chosen:
            self.set_folder(Path(chosen))

    def _on_path(self) -> None:
        self._exact = self._found = None
        self._typing.start()
        self._describe()

    def _on_counted(self, found: ClassFolders) -> None:
        if found.folder == self.folder:
            self._found = found
            self._describe()

    def _describe(self) -> None:
        words, role = self._description()
        self.feedback.setText(words)
        self.feedback.setProperty("role", role)
        _restyle(self.feedback)
        self.changed.emit()

    def _description(self) -> tuple[str, str]:
        """Return what to say about the folder, and the role of the label."""
        if self.folder is None:
            return _("No folder chosen yet."), "muted"
        found = self._found
        if found is None:
            return _("Counting photos…"), "muted"
        if found.problem:
            return found.problem, "warning"
        (first, first_count), (second, second_count) = found.classes
        counts = _("{first}: {first_count} · {second}: {second_count}").format(
            first=display_class(first),
            first_count=number(first_count),
            second=display_class(second),
            second_count=number(second_count),
        )
        name, count = min(found.classes, key=lambda pair: pair[1])
        if count >= _FEW:
            return counts, "muted"
        few = ngettext(
            "There is only {count} photo of “{class_name}”. More photos make a better model.",
            "There are only {count} photos of “{class_name}”. More photos make a better model.",
            count,
        ).format(count=number(count), class_name=display_class(name))
        return f"{counts}\n{few}", "warning"


def display_class(name: str) -> str:
    """Return the display name of a class, from the name of its folder."""
    return display_path(LabelSet("", "", {}).display(name))


def _restyle(widget: QWidget) -> None:
    """Apply the style sheet again, after a property has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
