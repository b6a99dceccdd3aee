"""The choices of a sort: where to, what is done, which photos go into which folders."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.ui.settings import UNSURE_LEAST, UNSURE_MOST
from alpacasorter.ui.sorting.fields import FolderField, KindField, PatternField, WheelGuard
from alpacasorter.ui.widgets.fields import note
from alpacasorter.wording import sorts

_UNSURE: Final = ("Unsure", "Unsure")
_UNREADABLE: Final = ("Can't be read", "Unreadable")


class SortForm(QWidget):
    """Holds the choices; says by itself what is missing.

    Signals:
        changed: a choice is another one now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget, *, arriving: bool = False) -> None:
        """Show the usual choices; `arriving`: for photos to come, of which those that are not sure just stay."""
        super().__init__(parent)
        self._arriving = arriving
        self._labels = LabelSet("negative", "positive", {})
        # Of every model whose classes were ever named.
        self._names: dict[str, str] = {}
        self._stay: set[str] = set()
        self.destination = FolderField("Choose where the photos go", self)
        self.action = QComboBox(self)
        self.action.setAccessibleName("What is done with the photos")
        for value, (words, _) in sorts.ACTIONS.items():
            self.action.addItem(words, value.value)
        self.meaning = note(self, "muted")
        self.positive, self.negative = KindField(self), KindField(self)
        self.unsure, self.unreadable = KindField(self), KindField(self)
        self.sure = QSpinBox(self)
        self.sure.setRange(round(UNSURE_LEAST * 100), round(UNSURE_MOST * 100))
        self.sure.setPrefix("at least " if arriving else "less than ")
        self.sure.setSuffix("% sure")
        self.pattern = PatternField(self)
        for field, (words, folder) in ((self.unsure, _UNSURE), (self.unreadable, _UNREADABLE)):
            field.set_kind(words)
            field.show_value(on=False, folder=folder)
        self._wheel = WheelGuard(self)
        self._wheel.guard(self.action, self.sure, self.pattern.ways)
        self._lay_out()
        self._order_tabs()
        self._connect()
        self._show_meaning()
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

        part("Where to", self.destination)
        part("What is done with the photos", self.action, self.meaning)
        part("Which photos go into which folder", self.positive, self.negative, self.unsure, self.unreadable)
        line = QHBoxLayout()
        words = QLabel("Sorted when" if self._arriving else "A photo is unsure when", self)
        words.setBuddy(self.sure)
        line.addWidget(words)
        line.addWidget(self.sure)
        line.addStretch(1)
        column.addLayout(line)
        part("How the folders are built", self.pattern)
        column.addStretch(1)
        self.action.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if self._arriving:
            self.unsure.hide()
            self.unreadable.hide()

    def _order_tabs(self) -> None:
        kinds = [
            widget
            for field in (self.positive, self.negative, self.unsure, self.unreadable)
            for widget in (field.goes, field.name)
        ]
        order = (self.destination.choose_button, self.action, *kinds, self.sure, self.pattern.ways, self.pattern.own)
        for one, next_one in pairwise(order):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        self.destination.changed.connect(self.changed)
        self.action.currentIndexChanged.connect(self._show_meaning)
        self.action.currentIndexChanged.connect(self.changed)
        for field in (self.positive, self.negative, self.unsure, self.unreadable):
            field.changed.connect(self.changed)
        self.sure.valueChanged.connect(self.changed)
        self.pattern.changed.connect(self.changed)

    def _show_meaning(self) -> None:
        self.meaning.setText(sorts.ACTIONS[self.chosen_action][1])

    # Values

    def set_labels(self, labels: LabelSet) -> None:
        """Use the classes of a model; a name that the user gave one of them earlier stays."""
        self._keep_kinds()
        self._labels = labels
        self._show_kinds()

    def set_sure(self, confidence: float) -> None:
        """Show the confidence, 0 to 1, from which a photo is sure."""
        self.sure.setValue(round(confidence * 100))

    @property
    def chosen_action(self) -> Action:
        """What is done with the photos."""
        # Qt gives back a plain text.
        return Action(self.action.currentData())

    @property
    def problem(self) -> str:
        """What is missing or wrong, a sentence; empty where nothing is."""
        if self.destination.folder is None:
            return "Choose where the photos go."
        fields = [self.positive, self.negative, self.unsure, self.unreadable]
        for field in fields:
            if field.on and not field.folder:
                return f"The folder for “{field.goes.text().replace('&&', '&')}” needs a name."
        return self.pattern.problem

    @property
    def unsaid(self) -> str:
        """What is missing or wrong and not said beside its field already."""
        problem = self.problem
        return "" if problem == self.pattern.wrong.text() else problem

    def options(self) -> SortOptions | None:
        """Return the choices; None where something is missing or wrong."""
        destination = self.destination.folder
        if destination is None or self.problem:
            return None
        labels = self._labels
        fields = {labels.positive: self.positive, labels.negative: self.negative}
        # Photos to come that are not sure wait for the user, whatever was once chosen for a sort by hand.
        unsure, unreadable = (self.unsure.on, self.unreadable.on) if not self._arriving else (False, False)
        return SortOptions(
            destination=destination,
            action=self.chosen_action,
            pattern=self.pattern.pattern,
            folder_names={label: field.folder for label, field in fields.items() if field.folder},
            leave_labels=frozenset(label for label, field in fields.items() if not field.on),
            min_confidence=self.sure.value() / 100,
            unsure=Leftovers.FOLDER if unsure else Leftovers.LEAVE,
            unsure_folder=self.unsure.folder or _UNSURE[1],
            unreadable=Leftovers.FOLDER if unreadable else Leftovers.LEAVE,
            unreadable_folder=self.unreadable.folder or _UNREADABLE[1],
        )

    # Kept from one time to the next

    def state(self) -> str:
        """Return the choices but for the destination, as `restore` reads them."""
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
        """Show choices of an earlier time; what makes no sense counts as not chosen."""
        said = _read(state)
        self.blockSignals(True)
        actions = [action.value for action in Action]
        if said.get("action") in actions:
            self.action.setCurrentIndex(actions.index(said["action"]))
        pattern = said.get("pattern")
        if isinstance(pattern, str) and pattern:
            self.pattern.set_pattern(pattern)
        names, stay = said.get("names"), said.get("stay")
        self._names = {k: v for k, v in names.items() if isinstance(v, str)} if isinstance(names, dict) else {}
        self._stay = {label for label in stay if isinstance(label, str)} if isinstance(stay, list) else set()
        self._show_kinds()
        for field, key, usual in (
            (self.unsure, "unsure", _UNSURE[1]),
            (self.unreadable, "unreadable", _UNREADABLE[1]),
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
    """Return a path, which may hold bytes that are no text, as a setting."""
    return json.dumps(str(path) if path is not None else "")


def read(setting: str) -> Path | None:
    """Return the path that `written` wrote; None where there is none."""
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
