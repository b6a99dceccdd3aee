"""The dialog of the models: choosing, adding, sharing and removing them, and what the one in use has learned.

The list of models: which there are, which one serves, which can't.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.ml.models.archive import SUFFIX
from alpacasorter.ui.models.versions import VersionsView
from alpacasorter.ui.widgets.dialogs import confirmed, lay_out, place_to_write, show_card
from alpacasorter.ui.widgets.layouts import prepare_table
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.models import SUFFIXES, Exporter
from alpacasorter.workers.training import training_available
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    from alpacasorter.ml.models.entry import ModelEntry
    from alpacasorter.ml.models.store import Added


class ModelsDialog(QDialog):
    """Shows the models beside the window; photos can be looked at and corrected while it is open.

    Signals:
        train: the user wants to train a model.
    """

    train = Signal()

    def __init__(self, engine: Engine, parent: QWidget | None = None) -> None:
        """Show the models of `engine`."""
        super().__init__(parent)
        self.setWindowTitle("Models")
        self._engine = engine
        self._choose: Path | None = None
        self._going: ModelEntry | None = None
        self.list = ModelsList(self)
        self.details = _words(self, "muted")
        self.problem = _words(self, "warning")
        self.message = _words(self, "")
        self.use_button = self._button("&Use this model", self._use)
        self.use_button.setProperty("primary", True)
        self.bundled_button = self._button("&Back to the bundled one", self._use_bundled)
        self.about_button = self._button("A&bout this model", self._about)
        self.share_button = self._button("&Share…", self._share)
        self.export_button = self._button("&Export…", self._export)
        self.export_button.setToolTip("Write the model as one file for other programs")
        self.remove_button = self._button("&Remove…", self._remove)
        self.add_button = self._button("&Add a model", None)
        self.train_button = self._button("&Train a model…", self.train.emit)
        menu = QMenu(self.add_button)
        menu.addAction("From a &file…", self.add_file)
        menu.addAction("From a f&older…", self.add_folder)
        self.add_button.setMenu(menu)
        self.exporter = Exporter(self)
        self.versions = VersionsView(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self._assemble()
        self._connect()
        self.versions.attach(engine.versions)
        self.begin()
        self.resize(840, 480)

    def begin(self) -> None:
        """Look at what there is now."""
        self.say("")
        self._on_selection()
        self._engine.models.ask()
        self._engine.versions.ask()

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # Enter belongs to the list and to the button that has the focus.
        button.setAutoDefault(False)
        if clicked is not None:
            button.clicked.connect(clicked)
        return button

    def _assemble(self) -> None:
        beside = QVBoxLayout()
        beside.setSpacing(8)
        actions = (
            self.use_button,
            self.bundled_button,
            self.about_button,
            self.share_button,
            self.export_button,
            self.remove_button,
        )
        for button in actions:
            beside.addWidget(button)
        beside.addStretch(1)
        below = QHBoxLayout()
        below.addWidget(self.add_button)
        below.addWidget(self.train_button)
        below.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.list, 1)
        left.addWidget(self.details)
        left.addWidget(self.problem)
        left.addWidget(self.message)
        left.addLayout(below)
        models = QWidget(self)
        row = QHBoxLayout(models)
        row.setContentsMargins(0, 16, 0, 0)
        row.setSpacing(16)
        row.addLayout(left, 1)
        row.addLayout(beside)
        learned = QWidget(self)
        column = QVBoxLayout(learned)
        column.setContentsMargins(0, 16, 0, 0)
        column.addWidget(self.versions)
        self.tabs.addTab(models, "&Models")
        self.tabs.addTab(learned, "What the one in use has &learned")
        inside = QVBoxLayout()
        inside.addWidget(self.tabs)
        lay_out(self, inside)
        for one, next_one in pairwise((self.list, *actions, self.add_button, self.train_button)):
            self.setTabOrder(one, next_one)
        self.list.setFocus()

    def _connect(self) -> None:
        models = self._engine.models
        models.told.connect(self._on_told)
        models.added.connect(self._on_added)
        models.shared.connect(lambda out: self._done(f"{display_path(out.name)} was written."))
        models.failed.connect(self._on_failed)
        self.exporter.exported.connect(lambda out: self._done(f"{display_path(out.name)} was written."))
        self.exporter.failed.connect(self._on_failed)
        self._engine.model_changing.connect(lambda: self.say("Opening the model…"))
        self._engine.ready.connect(self._on_ready)
        self.list.itemSelectionChanged.connect(self._on_selection)
        self.list.itemActivated.connect(self._on_activated)

    # What is said

    def say(self, words: str, *, trouble: bool = False) -> None:
        """Say what is going on, or what came of it; in the colour of warnings where it is `trouble`."""
        self.message.setText(words)
        self.message.setVisible(bool(words))
        self.message.setProperty("role", "warning" if trouble else "")
        # The style sheet looks at the property only when it is asked to.
        self.message.style().polish(self.message)

    def _busy(self, words: str) -> None:
        self.say(words)
        self._enable(busy=True)

    def _done(self, words: str, *, trouble: bool = False) -> None:
        self.say(words, trouble=trouble)
        self._on_selection()

    def _enable(self, *, busy: bool = False) -> None:
        busy = busy or self.exporter.running
        entry = self.list.chosen()
        good = entry is not None and not entry.problem
        self.use_button.setEnabled(not busy and good and entry is not None and not entry.in_use)
        self.about_button.setEnabled(good)
        self.share_button.setEnabled(not busy and good)
        self.export_button.setEnabled(not busy and good)
        self.remove_button.setEnabled(not busy and entry is not None and not entry.is_bundled and not entry.in_use)
        self.add_button.setEnabled(not busy)
        self.bundled_button.setEnabled(not busy and self._another_serves())

    def _another_serves(self) -> bool:
        entries = self.list.entries()
        return any(entry.in_use and not entry.is_bundled for entry in entries)

    # What the user does

    def add_file(self) -> None:
        """Let the user choose a model file and add it."""
        chosen, _ = QFileDialog.getOpenFileName(self, "Add a model", str(Path.home()), _model_files())
        if chosen:
            self.add(Path(chosen))

    def add_folder(self) -> None:
        """Let the user choose the folder of a model and add it."""
        chosen = QFileDialog.getExistingDirectory(self, "Add a model: choose its folder", str(Path.home()))
        if chosen:
            self.add(Path(chosen))

    def add(self, source: Path) -> None:
        """Add a model from a file or folder."""
        self._busy(f"Checking {display_path(source.name)}…")
        self._engine.models.add(source)

    def _use(self) -> None:
        entry = self.list.chosen()
        if entry is not None and self.use_button.isEnabled():
            self._busy(f"Checking “{entry.title}”…")
            self._engine.use_model(entry.path)

    def _use_bundled(self) -> None:
        self._busy("Going back to the bundled model…")
        self._engine.use_model(None)

    def _about(self) -> None:
        entry = self.list.chosen()
        if entry is not None:
            show_card(self, entry.title, entry.card)

    def _share(self) -> None:
        entry = self.list.chosen()
        if entry is None or not confirmed(
            self, f"Share “{entry.title}”", "Write the model as one file?", _what_is_shared(), "Choose where…"
        ):
            return
        out = self._place(f"Share “{entry.title}”", f"{entry.key}{SUFFIX}", _model_files(), (SUFFIX,))
        if out is not None:
            self._busy(f"Writing {display_path(out.name)}…")
            self._engine.models.share(entry.path, out)

    def _export(self) -> None:
        entry = self.list.chosen()
        if entry is None:
            return
        if not training_available():
            self.say(_without_training(), trouble=True)
            return
        out = self._place(f"Export “{entry.title}”", f"{entry.key}{SUFFIXES[0]}", _program_files(), SUFFIXES)
        if out is not None:
            self.exporter.export(entry.path, out)
            self._busy(f"Writing {display_path(out.name)}, which takes a while…")

    def _place(self, title: str, name: str, filters: str, endings: tuple[str, ...]) -> Path | None:
        out, trouble = place_to_write(self, title, name, filters, endings)
        if trouble:
            self.say(trouble, trouble=True)
        return out

    def _remove(self) -> None:
        entry = self.list.chosen()
        if entry is not None and confirmed(
            self,
            "Remove the model?",
            f"Delete “{entry.title}” from this computer?",
            "Your corrections are kept. They count again if you add the model once more.",
            "Delete it",
        ):
            self._going = entry
            self._busy(f"Removing “{entry.title}”…")
            self._engine.models.remove(entry.path)

    # What comes of it

    def _on_told(self, entries: list[ModelEntry]) -> None:
        self.list.show_models(entries, self._choose)
        self._choose = None
        going, self._going = self._going, None
        if going is not None and going.path not in [entry.path for entry in entries]:
            self.say(f"“{going.title}” was removed.")
        self._on_selection()

    def _on_added(self, added: Added) -> None:
        self._choose = added.entry.path
        there = "was added" if added.is_new else "is there already"
        self._done(f"“{added.entry.title}” {there}.")

    def _on_failed(self, sentence: str) -> None:
        self._going = None
        self._done(sentence, trouble=True)

    def _on_ready(self, model: ModelFacts) -> None:
        self.say(f"“{model.name} {model.version}” is in use.")
        if self.isVisible():
            # Until the list is told anew, it shows the one before as in use; so do the buttons.
            self._engine.models.ask()
            self._engine.versions.ask()

    def _on_activated(self) -> None:
        self._use()

    def _on_selection(self) -> None:
        entry = self.list.chosen()
        self.details.setText(details(entry) if entry else "Looking at the models…")
        self.problem.setText(entry.problem if entry else "")
        self.problem.setVisible(bool(entry and entry.problem))
        self._enable()


def _words(parent: QWidget, role: str) -> QLabel:
    label = QLabel(parent)
    label.setProperty("role", role)
    label.setWordWrap(True)
    # A model's name may look like markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


_ENTRY = Qt.ItemDataRole.UserRole
_COLUMNS = ("Model", "Version", "Made on", "Tells apart", "")
_STRETCHED = (0, 3)
_WIDEST = 280
"""Widest a column is made by what is in it, pixels: names come from whoever made the model."""
_PADDING = 4
_ROWS = 4
"""How many models are in view without scrolling."""
_MEGABYTE = 1e6


class ModelsList(QTreeWidget):
    """A line for each model. Whoever shows it connects `itemSelectionChanged` and `itemActivated`."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        prepare_table(self, _COLUMNS, "Models")
        header = self.header()
        header.setMaximumSectionSize(_WIDEST)
        header.setStretchLastSection(False)
        for column in range(len(_COLUMNS)):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if column in _STRETCHED else mode.ResizeToContents)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet(f"QTreeView::item {{ padding: {_PADDING}px 16px {_PADDING}px 0px; }}")
        row = self.fontMetrics().height() + 2 * _PADDING
        self.setMinimumHeight(header.sizeHint().height() + _ROWS * row + 2 * self.frameWidth())

    def show_models(self, entries: list[ModelEntry], choose: Path | None = None) -> None:
        """Show these models; `choose` is chosen, else the one that was, else the one in use."""
        before = self.chosen()
        wanted = choose or (before.path if before else None)
        if wanted not in [entry.path for entry in entries]:
            wanted = next((entry.path for entry in entries if entry.in_use), None)
        self.clear()
        for entry in entries:
            item = self._item(entry)
            self.addTopLevelItem(item)
            if entry.path == wanted:
                self.setCurrentItem(item)

    def chosen(self) -> ModelEntry | None:
        """Return the model that is chosen."""
        item = self.currentItem()
        entry: ModelEntry | None = item.data(0, _ENTRY) if item is not None else None
        return entry

    def entries(self) -> list[ModelEntry]:
        """Return all models that are shown."""
        items = [self.topLevelItem(number) for number in range(self.topLevelItemCount())]
        return [item.data(0, _ENTRY) for item in items if item is not None]

    def _item(self, entry: ModelEntry) -> QTreeWidgetItem:
        classes = " / ".join(entry.classes)
        item = QTreeWidgetItem([entry.name, entry.version, entry.created, classes, state(entry)])
        item.setData(0, _ENTRY, entry)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{entry.title}, {state(entry) or 'not in use'}")
        if entry.in_use:
            font = self.font()
            font.setBold(True)
            for column in range(len(_COLUMNS)):
                item.setFont(column, font)
        return item


def state(entry: ModelEntry) -> str:
    """Return what is to be known of a model at first sight."""
    if entry.in_use:
        return "In use"
    return "Can't be used" if entry.problem else ""


def details(entry: ModelEntry) -> str:
    """Return what else there is to say of a model."""
    origin = "Came with AlpacaSorter" if entry.is_bundled else f"In {text.folder(entry.path)}"
    classes = " from ".join(f"“{name}”" for name in entry.classes)
    return f"{f'Tells {classes}. ' if classes else ''}{origin}, {entry.size / _MEGABYTE:,.1f} MB."


def _model_files() -> str:
    return f"Models (*{SUFFIX});;All files (*)"


def _program_files() -> str:
    return "Keras (*.keras);;LiteRT (*.tflite)"


def _without_training() -> str:
    return (
        "Exporting a model needs TensorFlow, which is not part of this installation. "
        "“Train a model…” says how to get it."
    )


def _what_is_shared() -> str:
    return (
        "The file holds what the model learned, and for each training photo the numbers that the network made of it, "
        "but not the photo itself. Your corrections are not in it."
    )
