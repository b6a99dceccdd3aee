"""The form of a sort: destination, action, which photos go into which folders, and the folder structure."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.core.sorting.planning.pattern import check_pattern, parse_pattern
from alpacasorter.i18n import _, pgettext
from alpacasorter.ui.settings import UNSURE_LEAST, UNSURE_MOST
from alpacasorter.ui.sorting.clocks import ClocksField
from alpacasorter.ui.sorting.fields import FolderField, KindField, PatternField, WheelGuard
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.wording import sorts

# Names of folders are not translated, so that photos sorted in another language go to the same folders.
_UNSURE: Final = "Unsure"
_UNREADABLE: Final = "Unreadable"


class SortForm(QWidget):
    """Lets the user choose how photos are sorted.

    Signals:
        changed: the user changed something.
    """

    changed = Signal()

    def __init__(self, parent: QWidget, *, arriving: bool = False) -> None:
        """Show the default choices; `arriving`: for photos to come, which are only sorted if the model is certain."""
        super().__init__(parent)
        self._arriving = arriving
        self._labels = LabelSet("negative", "positive", {})
        # Folder names that the user has chosen, by class; also for classes of other models.
        self._names: dict[str, str] = {}
        self._stay: set[str] = set()
        self.destination = FolderField(_("Choose a destination"), self)
        self.action = QComboBox(self)
        self.action.setAccessibleName(_("Action"))
        for action in Action:
            self.action.addItem(sorts.action_name(action), action.value)
        self.meaning = sentence_label(self, "muted")
        self.positive, self.negative = KindField(self), KindField(self)
        self.unsure, self.unreadable = KindField(self), KindField(self)
        self.sure = QSpinBox(self)
        self.sure.setRange(round(UNSURE_LEAST * 100), round(UNSURE_MOST * 100))
        before, _field, after = pgettext("percentage", "{number}%").partition("{number}")
        self.sure.setPrefix(before)
        self.sure.setSuffix(after)
        self.pattern = PatternField(self)
        self.clocks = ClocksField(self)
        self._clock_parts: list[QWidget] = []
        self.unsure.set_kind(_("Unsure photos"))
        self.unsure.show_value(on=False, folder=_UNSURE)
        self.unreadable.set_kind(_("Unreadable photos"))
        self.unreadable.show_value(on=False, folder=_UNREADABLE)
        self._wheel = WheelGuard(self)
        self._wheel.guard(self.action, self.sure, self.pattern.choices, self.clocks.camera)
        self._lay_out()
        self._order_tabs()
        self._connect()
        self._show_meaning()
        self._show_clocks()
        self.set_labels(self._labels)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 16, 16)
        column.setSpacing(6)

        def part(words: str, field: QWidget, *below: QWidget) -> None:
            if column.count():
                column.addSpacing(10)
            title = QLabel(words, self)
            title.setProperty("role", "heading")
            for widget in (title, field, *below):
                column.addWidget(widget)
            if field is self.clocks:
                self._clock_parts = [title, field]

        part(_("Destination"), self.destination)
        part(_("Action"), self.action, self.meaning)
        part(_("Photos and their folders"), self.positive, self.negative, self.unsure, self.unreadable)
        line = QHBoxLayout()
        words = QLabel(_("Minimum confidence:") if self._arriving else _("Unsure below:"), self)
        words.setBuddy(self.sure)
        line.addWidget(words)
        line.addWidget(self.sure)
        line.addStretch(1)
        column.addLayout(line)
        part(_("Folder structure"), self.pattern)
        part(_("Camera clocks"), self.clocks)
        column.addStretch(1)
        self.action.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if self._arriving:
            self.unsure.hide()
            self.unreadable.hide()

    def _order_tabs(self) -> None:
        kinds = [
            widget
            for field in (self.positive, self.negative, self.unsure, self.unreadable)
            for widget in (field.check, field.name)
        ]
        order = (
            self.destination.choose_button,
            self.action,
            *kinds,
            self.sure,
            self.pattern.choices,
            self.pattern.custom,
            self.clocks.camera,
        )
        for one, next_one in pairwise(order):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        self.destination.changed.connect(self.changed)
        self.action.currentIndexChanged.connect(self._show_meaning)
        self.action.currentIndexChanged.connect(self.changed)
        for field in (self.positive, self.negative, self.unsure, self.unreadable):
            field.changed.connect(self.changed)
        self.sure.valueChanged.connect(self.changed)
        self.pattern.changed.connect(self._show_clocks)
        self.pattern.changed.connect(self.changed)
        self.clocks.changed.connect(self.changed)

    def _show_meaning(self) -> None:
        self.meaning.setText(sorts.action_meaning(self.chosen_action))

    def _show_clocks(self) -> None:
        pattern = self.pattern.pattern
        uses = check_pattern(pattern) is None and parse_pattern(pattern).uses_taken
        for widget in self._clock_parts:
            # Which cameras take the photos to come is not known.
            widget.setVisible(uses and not self._arriving)

    # Values

    def set_labels(self, labels: LabelSet) -> None:
        """Show the classes of a model; folder names that the user chose for them earlier are kept."""
        self._keep_kinds()
        self._labels = labels
        self._show_kinds()

    def set_sure(self, confidence: float) -> None:
        """Show the confidence, 0 to 1, below which a photo is unsure."""
        self.sure.setValue(round(confidence * 100))

    @property
    def chosen_action(self) -> Action:
        """The action."""
        # Qt returns a plain string.
        return Action(self.action.currentData())

    @property
    def problem(self) -> str:
        """What is missing or wrong, as a sentence; empty if nothing is."""
        if self.destination.folder is None:
            return _("Choose a destination.")
        fields = [self.positive, self.negative, self.unsure, self.unreadable]
        for field in fields:
            if field.on and not field.folder:
                # Translators: {kind} is a kind of photos, such as the name of a tag.
                said = _("Enter a folder name for “{kind}”.")
                return said.format(kind=field.check.text().replace("&&", "&"))
        return self.pattern.problem or ("" if self.clocks.isHidden() else self.clocks.problem)

    @property
    def unsaid(self) -> str:
        """What is missing or wrong, unless it is already shown next to its field."""
        problem = self.problem
        return "" if problem in (self.pattern.wrong.text(), self.clocks.wrong.text()) else problem

    def options(self) -> SortOptions | None:
        """Return the choices; None if something is missing or wrong."""
        destination = self.destination.folder
        if destination is None or self.problem:
            return None
        labels = self._labels
        fields = {labels.positive: self.positive, labels.negative: self.negative}
        # Photos that arrive and are unsure wait for the user, whatever is set for sorts by hand.
        unsure, unreadable = (self.unsure.on, self.unreadable.on) if not self._arriving else (False, False)
        return SortOptions(
            destination=destination,
            action=self.chosen_action,
            pattern=self.pattern.pattern,
            folder_names={label: field.folder for label, field in fields.items() if field.folder},
            leave_labels=frozenset(label for label, field in fields.items() if not field.on),
            min_confidence=self.sure.value() / 100,
            unsure=Leftovers.FOLDER if unsure else Leftovers.LEAVE,
            unsure_folder=self.unsure.folder or _UNSURE,
            unreadable=Leftovers.FOLDER if unreadable else Leftovers.LEAVE,
            unreadable_folder=self.unreadable.folder or _UNREADABLE,
            clocks=self.clocks.clocks,
        )

    # Saving the choices

    def state(self) -> str:
        """Return the choices without the destination, for `restore`."""
        self._keep_kinds()
        return json.dumps(
            {
                "action": self.chosen_action.value,
                "pattern": self.pattern.pattern if not self.pattern.problem else "",
                "names": self._names,
                "stay": sorted(self._stay),
                "unsure": self.unsure.on,
                "unsure_folder": self.unsure.folder,
                "unreadable": self.unreadable.on,
                "unreadable_folder": self.unreadable.folder,
            }
        )

    def restore(self, state: str) -> None:
        """Show saved choices; invalid values are ignored."""
        said = _read(state)
        self.blockSignals(True)
        actions = [action.value for action in Action]
        if said.get("action") in actions:
            self.action.setCurrentIndex(actions.index(said["action"]))
        pattern = said.get("pattern")
        if isinstance(pattern, str) and pattern:
            self.pattern.set_pattern(pattern)
            self._show_clocks()
        names, stay = said.get("names"), said.get("stay")
        self._names = {k: v for k, v in names.items() if isinstance(v, str)} if isinstance(names, dict) else {}
        self._stay = {label for label in stay if isinstance(label, str)} if isinstance(stay, list) else set()
        self._show_kinds()
        for field, key, usual in (
            (self.unsure, "unsure", _UNSURE),
            (self.unreadable, "unreadable", _UNREADABLE),
        ):
            folder = said.get(f"{key}_folder")
            field.show_value(on=said.get(key) is True, folder=folder if isinstance(folder, str) and folder else usual)
        self.blockSignals(False)
        self.changed.emit()

    def _show_kinds(self) -> None:
        labels = self._labels
        for field, label in ((self.positive, labels.positive), (self.negative, labels.negative)):
            field.set_kind(labels.display(label))
            field.show_value(on=label not in self._stay, folder=self._names.get(label) or labels.display(label))

    def _keep_kinds(self) -> None:
        for field, label in ((self.positive, self._labels.positive), (self.negative, self._labels.negative)):
            if field.folder and field.folder != self._labels.display(label):
                self._names[label] = field.folder
            else:
                self._names.pop(label, None)
            if field.on:
                self._stay.discard(label)
            else:
                self._stay.add(label)


def written(path: Path | None) -> str:
    """Return a path as a setting. JSON, because a path may contain bytes that are not text."""
    return json.dumps(str(path) if path is not None else "")


def read(setting: str) -> Path | None:
    """Return the path that `written` returned a setting for; None if there is none."""
    try:
        path = json.loads(setting)
    except ValueError:
        return None
    return Path(path) if isinstance(path, str) and path and Path(path).is_absolute() else None


def _read(state: str) -> dict[str, Any]:
    try:
        said = json.loads(state)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
