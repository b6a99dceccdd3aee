"""The dialog of the models: choosing, adding, sharing and removing them, and the learning history of the one in use."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
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
from alpacasorter.i18n import _, day, size
from alpacasorter.ml.models.archive import SUFFIX
from alpacasorter.ui.models.versions import VersionsView
from alpacasorter.ui.widgets.dialogs import add_close_button, choose_file_to_write, confirmed, show_card
from alpacasorter.ui.widgets.layouts import keep_texts_whole, prepare_table
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.models import SUFFIXES, Exporter
from alpacasorter.workers.training import training_available
from alpacasorter.workers.view_facts import ModelFacts, VariantsFacts

if TYPE_CHECKING:
    from alpacasorter.ml.models.entry import ModelEntry
    from alpacasorter.ml.models.store import Added


class ModelsDialog(QDialog):
    """Shows the models; the window can be used while it is open.

    Signals:
        train: the user wants to train a model.
        variant_chosen(str): the user wants this variant of the model in use.
    """

    train = Signal()
    variant_chosen = Signal(str)

    def __init__(self, engine: Engine, parent: QWidget | None = None) -> None:
        """Show the models of `engine`."""
        super().__init__(parent)
        self.setWindowTitle(_("Models"))
        self._engine = engine
        self._choose: Path | None = None
        self._removing: ModelEntry | None = None
        self._variants: VariantsFacts | None = None
        self.list = ModelsList(self)
        self.details = _words(self, "muted")
        self.setting = _words(self, "muted")
        self.setting.setWordWrap(False)
        self.variant = QComboBox(self)
        self.setting.setBuddy(self.variant)
        # Only the user causes this.
        self.variant.activated.connect(lambda: self.variant_chosen.emit(self.variant.currentData()))
        self.problem = _words(self, "warning")
        self.message = _words(self, "")
        self.use_button = self._button(_("&Use this model"), self._use)
        self.use_button.setProperty("primary", True)
        self.bundled_button = self._button(_("Use &bundled model"), self._use_bundled)
        self.about_button = self._button(_("Ab&out this model"), self._about)
        self.share_button = self._button(_("&Share…"), self._share)
        self.export_button = self._button(_("&Export…"), self._export)
        self.export_button.setToolTip(_("Save the model as a file for other programs"))
        self.remove_button = self._button(_("&Remove…"), self._remove)
        self.add_button = self._button(_("&Add a model"), None)
        self.train_button = self._button(_("&Train a model…"), self.train.emit)
        menu = QMenu(self.add_button)
        menu.addAction(_("From a &file…"), self.add_file)
        menu.addAction(_("From a f&older…"), self.add_folder)
        self.add_button.setMenu(menu)
        self.exporter = Exporter(self)
        self.versions = VersionsView(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self._assemble()
        keep_texts_whole(self)
        self._connect()
        self.versions.attach(engine.versions)
        self.begin()
        self.resize(840, 480)

    def begin(self) -> None:
        """Ask for the current models and versions."""
        self.say("")
        self._on_selection()
        self._engine.models.ask()
        self._engine.versions.ask()

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # Enter is for the list and for the button with the focus.
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
        setting = QHBoxLayout()
        setting.addWidget(self.setting)
        setting.addWidget(self.variant)
        setting.addStretch(1)
        left.addLayout(setting)
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
        self.tabs.addTab(models, _("&Models"))
        self.tabs.addTab(learned, _("&Learning history"))
        inside = QVBoxLayout()
        inside.addWidget(self.tabs)
        add_close_button(self, inside)
        for one, next_one in pairwise((self.list, *actions, self.variant, self.add_button, self.train_button)):
            self.setTabOrder(one, next_one)
        self.list.setFocus()

    def _connect(self) -> None:
        models = self._engine.models
        models.told.connect(self._on_told)
        models.added.connect(self._on_added)
        models.shared.connect(self._on_written)
        models.failed.connect(self._on_failed)
        self.exporter.exported.connect(self._on_written)
        self.exporter.failed.connect(self._on_failed)
        self._engine.model_changing.connect(lambda: self.say(_("Opening the model…")))
        self._engine.ready.connect(self._on_ready)
        self.list.itemSelectionChanged.connect(self._on_selection)
        self.list.itemActivated.connect(self._on_activated)

    def show_variants(self, variants: VariantsFacts | None) -> None:
        """Show which variant of the model in use is used; None if it has none."""
        self._variants = variants
        self.variant.clear()
        if variants is not None:
            self.setting.setText(variants.setting.replace("&", "&&"))
            for one in variants.choices:
                self.variant.addItem(one.title, one.name)
            self.variant.setCurrentIndex(self.variant.findData(variants.current))
        self._on_selection()

    # Messages

    def say(self, words: str, *, trouble: bool = False) -> None:
        """Show what is going on or what the result is, in the color of warnings if it is `trouble`."""
        self.message.setText(words)
        self.message.setVisible(bool(words))
        self.message.setProperty("role", "warning" if trouble else "")
        # The style sheet does not notice that the property changed.
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
        self.bundled_button.setEnabled(not busy and self._is_other_in_use())

    def _is_other_in_use(self) -> bool:
        return any(entry.in_use and not entry.is_bundled for entry in self.list.entries())

    # Actions of the user

    def add_file(self) -> None:
        """Let the user choose a model file and add it."""
        chosen, _filter = QFileDialog.getOpenFileName(self, _("Add a model"), str(Path.home()), _model_files())
        if chosen:
            self.add(Path(chosen))

    def add_folder(self) -> None:
        """Let the user choose the folder of a model and add it."""
        chosen = QFileDialog.getExistingDirectory(self, _("Add a model: choose its folder"), str(Path.home()))
        if chosen:
            self.add(Path(chosen))

    def add(self, source: Path) -> None:
        """Add a model from a file or folder."""
        self._busy(_("Checking {name}…").format(name=display_path(source.name)))
        self._engine.models.add(source)

    def _use(self) -> None:
        entry = self.list.chosen()
        if entry is not None and self.use_button.isEnabled():
            self._busy(_("Checking “{name}”…").format(name=entry.title))
            self._engine.use_model(entry.path)

    def _use_bundled(self) -> None:
        self._busy(_("Switching to the bundled model…"))
        self._engine.use_model(None)

    def _about(self) -> None:
        entry = self.list.chosen()
        if entry is not None:
            show_card(self, entry.title, entry.card)

    def _share(self) -> None:
        entry = self.list.chosen()
        if entry is None:
            return
        title = _("Share “{name}”").format(name=entry.title)
        if not confirmed(self, title, _("Save the model as one file?"), _what_is_shared(), _("Choose location…")):
            return
        out = self._place(title, f"{entry.key}{SUFFIX}", _model_files(), (SUFFIX,))
        if out is not None:
            self._busy(_("Writing {file}…").format(file=display_path(out.name)))
            self._engine.models.share(entry.path, out)

    def _export(self) -> None:
        entry = self.list.chosen()
        if entry is None:
            return
        if not training_available():
            self.say(_without_training(), trouble=True)
            return
        title = _("Export “{name}”").format(name=entry.title)
        out = self._place(title, f"{entry.key}{SUFFIXES[0]}", _PROGRAM_FILES, SUFFIXES)
        if out is not None:
            # The variant in use need not be the one that is stored as the user's choice.
            variant = self._variants.current if entry.in_use and self._variants is not None else None
            self.exporter.export(entry.path, out, variant)
            self._busy(_("Writing {file}. This takes a while…").format(file=display_path(out.name)))

    def _place(self, title: str, name: str, filters: str, endings: tuple[str, ...]) -> Path | None:
        out, trouble = choose_file_to_write(self, title, name, filters, endings)
        if trouble:
            self.say(trouble, trouble=True)
        return out

    def _remove(self) -> None:
        entry = self.list.chosen()
        if entry is not None and confirmed(
            self,
            _("Remove the model?"),
            _("Delete “{name}” from this computer?").format(name=entry.title),
            _("Your corrections are kept. The model learns from them again if you add it again."),
            _("Delete"),
        ):
            self._removing = entry
            self._busy(_("Removing “{name}”…").format(name=entry.title))
            self._engine.models.remove(entry.path)

    # Results

    def _on_told(self, entries: list[ModelEntry]) -> None:
        self.list.show_models(entries, self._choose)
        self.versions.name_models({entry.bundle_id: entry.title for entry in entries if entry.bundle_id})
        self._choose = None
        removed, self._removing = self._removing, None
        if removed is not None and removed.path not in [entry.path for entry in entries]:
            self.say(_("“{name}” was removed.").format(name=removed.title))
        self._on_selection()

    def _on_added(self, added: Added) -> None:
        self._choose = added.entry.path
        words = _("“{name}” was added.") if added.is_new else _("“{name}” has already been added.")
        self._done(words.format(name=added.entry.title))

    def _on_written(self, out: Path) -> None:
        self._done(_("{file} was written.").format(file=display_path(out.name)))

    def _on_failed(self, sentence: str) -> None:
        self._removing = None
        self._done(sentence, trouble=True)

    def _on_ready(self, model: ModelFacts) -> None:
        self.say(_("“{name}” is in use.").format(name=f"{model.name} {model.version}"))
        if self.isVisible():
            # Until the list is updated, it and the buttons show the previous model as in use.
            self._engine.models.ask()
            self._engine.versions.ask()

    def _on_activated(self) -> None:
        self._use()

    def _on_selection(self) -> None:
        entry = self.list.chosen()
        self.details.setText(details(entry) if entry else _("Loading the models…"))
        offers = entry is not None and entry.in_use and self._variants is not None
        self.setting.setVisible(offers)
        self.variant.setVisible(offers)
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
_COLUMN_COUNT = 5
_STRETCHED = (0, 3)
_WIDEST = 280
"""Maximum width of a column, pixels: model names can be long."""
_PADDING = 4
_ROWS = 4
"""How many models are visible without scrolling."""
_PROGRAM_FILES = "Keras (*.keras);;LiteRT (*.tflite)"


class ModelsList(QTreeWidget):
    """A row for each model."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        columns = (_("Model"), _("Version"), _("Created"), _("Classes"), "")
        prepare_table(self, columns, _("Models"))
        header = self.header()
        header.setMaximumSectionSize(_WIDEST)
        header.setStretchLastSection(False)
        for column in range(_COLUMN_COUNT):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if column in _STRETCHED else mode.ResizeToContents)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet(f"QTreeView::item {{ padding: {_PADDING}px 16px {_PADDING}px 0px; }}")
        row = self.fontMetrics().height() + 2 * _PADDING
        self.setMinimumHeight(header.sizeHint().height() + _ROWS * row + 2 * self.frameWidth())

    def show_models(self, entries: list[ModelEntry], choose: Path | None = None) -> None:
        """Show these models and select `choose`, or else the one that was selected, or else the one in use."""
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
        """Return the selected model."""
        item = self.currentItem()
        entry: ModelEntry | None = item.data(0, _ENTRY) if item is not None else None
        return entry

    def entries(self) -> list[ModelEntry]:
        """Return all models that are shown."""
        items = [self.topLevelItem(number) for number in range(self.topLevelItemCount())]
        return [item.data(0, _ENTRY) for item in items if item is not None]

    def _item(self, entry: ModelEntry) -> QTreeWidgetItem:
        classes = " / ".join(entry.classes)
        created = day(entry.created) if entry.created else ""
        item = QTreeWidgetItem([entry.name, entry.version, created, classes, state(entry)])
        item.setData(0, _ENTRY, entry)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, spoken(entry))
        if entry.in_use:
            font = self.font()
            font.setBold(True)
            for column in range(_COLUMN_COUNT):
                item.setFont(column, font)
        return item


def state(entry: ModelEntry) -> str:
    """Return the state of a model for the table."""
    if entry.in_use:
        return _("In use")
    return _("Can't be used") if entry.problem else ""


def spoken(entry: ModelEntry) -> str:
    """Return a model and its state for screen readers."""
    if entry.in_use:
        words = _("{name}, in use")
    elif entry.problem:
        words = _("{name}, can't be used")
    else:
        words = _("{name}, not in use")
    return words.format(name=entry.title)


def details(entry: ModelEntry) -> str:
    """Return what else there is to say about a model."""
    if entry.is_bundled:
        origin = _("Bundled with AlpacaSorter, {size}.").format(size=size(entry.size))
    else:
        # Translators: where a model is stored, and its size.
        origin = _("In {folder}, {size}.").format(folder=text.folder(entry.path), size=size(entry.size))
    if not entry.classes:
        return origin
    positive, negative = entry.classes
    classes = _("Tells “{positive}” from “{negative}”.").format(positive=positive, negative=negative)
    # Below this, the variant of the one in use can be changed.
    chosen = [] if entry.in_use else [one.title for one in entry.variants if one.is_chosen]
    words = text.variant(entry.setting, chosen[0]) if chosen else ""
    return "\n".join(filter(None, (f"{classes} {origin}", words)))


def _model_files() -> str:
    # Translators: a file filter; {pattern} is for example "*.alpacamodel".
    models = _("Models ({pattern})").format(pattern=f"*{SUFFIX}")
    return f"{models};;{_('All files ({pattern})').format(pattern='*')}"


def _without_training() -> str:
    return _(
        "Exporting a model needs TensorFlow, which is not part of this installation. “Train a model…” explains how to"
        " get it."
    )


def _what_is_shared() -> str:
    return _(
        "The file contains what the model has learned and, for each training photo, the numbers that the network"
        " computed from it, but not the photo itself. Your corrections are not included."
    )
