"""What the user labels: corrections that are stored in the background and can be undone and redone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from alpacasorter.core.events import Learned
from alpacasorter.i18n import _, join, ngettext, number
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.wording import text

Changes = Mapping[str, str | None]
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Labels that were asked for together: made, undone or redone.

    Attributes:
        correction: the command on the undo stack, with what was done in words.
        before: the labels until then by content key, None for none.
        after: the labels that were asked for.
        undone: whether it was an undo.
        redone: whether it was a redo.
        taken_back: whether it takes earlier steps back although others were made since.
    """

    correction: Correction
    before: Changes
    after: Changes
    undone: bool = False
    redone: bool = False
    taken_back: bool = False


class Corrections(QObject):
    """Turns clicks and keys into corrections that can be undone.

    A tag shows a correction only after the engine has stored it. Until then it is pending here, so that a second click
    in the meantime means the opposite of the first.

    Signals:
        requested(dict, dict): labels to store by content key, None to remove one; and paths by content key.
        revisited(list, str): corrections of the photos with these content keys were undone or redone; what, in words.
    """

    requested = Signal(dict, dict)
    revisited = Signal(list, str)

    def __init__(self, store: PhotoStore, parent: QObject | None = None) -> None:
        """Correct photos of `store`."""
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self._store = store
        self._steps: deque[Step] = deque()
        self._undone_together: list[str] | None = None

    def flip(self, shown: Mapping[PhotoRow, str | None]) -> None:
        """Tag each photo with the other label than the one shown; photos shown without a tag are skipped."""
        self._push(
            {
                row.key: (row, self._store.labels.other(self._flipped(row, label)))
                for row, label in shown.items()
                if row.key is not None and row.probability is not None and label is not None
            }
        )

    def _flipped(self, row: PhotoRow, shown: str) -> str:
        """Return the label that a flip starts from: a pending one, which the user has just given, or the one shown."""
        if row.probability is None or not self.is_pending(row.key or ""):
            return shown
        return self._store.labels.label(row.probability, self._current(row))

    def is_pending(self, key: str) -> bool:
        """Return whether the user has just labeled the photo with this content key, and it is not stored yet."""
        return any(key in step.after for step in self._steps)

    def set(self, rows: Iterable[PhotoRow], label: str | None) -> None:
        """Tag photos, or remove the user's labels with None. Photos without a prediction are skipped."""
        self._push(
            {
                row.key: (row, label)
                for row in rows
                if row.key is not None and row.probability is not None and self._current(row) != label
            }
        )

    def confirm(self, shown: Mapping[PhotoRow, str | None]) -> None:
        """Label each photo with the tag it is shown with. Those labeled already and those without a tag are skipped."""
        labels = {
            row.key: (row, label)
            for row, label in shown.items()
            if row.key is not None and row.probability is not None and label is not None and self._current(row) is None
        }
        rows, given = [row for row, _label in labels.values()], {label for _row, label in labels.values()}
        self._push(labels, partial(self._confirmed, rows, given), partial(self._confirmed, rows, given, done=True))

    def _confirmed(self, rows: Sequence[PhotoRow], labels: Collection[str], *, done: bool = False) -> str:
        photos, label = self._photos(rows), self._store.labels.display(next(iter(labels)))
        if len(labels) > 1:
            # Translators: what was done, as in "Confirmed the tags of 12 photos: this changed 4 other tags, …"
            words = _("Confirmed the tags of {photos}") if done else _("Confirm the tags of {photos}")
        else:
            # Translators: as in "Confirmed Not alpaca on IMG_0034.jpg: this changed 4 other tags, …"
            words = _("Confirmed {label} on {photos}") if done else _("Confirm {label} on {photos}")
        return words.format(label=label, photos=photos)

    def keep(self, rows: Iterable[PhotoRow]) -> None:
        """Label photos whose tags changed while the app learned with the tags they have now; others are skipped.

        Without a label of theirs, what is learned next could turn the tags again.
        """
        labels = self._store.labels
        self.confirm(
            {
                row: labels.predicted(row.probability)
                for row in rows
                if row.probability is not None and self._store.is_changed(row.key)
            }
        )

    def restore_earlier(self, rows: Iterable[PhotoRow]) -> None:
        """Tag photos whose tags changed while the app learned with the tags they had before; others are skipped."""
        earlier = {row.key: (row, tag.label) for row in rows if row.key and (tag := self._store.earlier_tag(row))}
        rows = [row for row, _label in earlier.values()]
        # Translators: what can be undone; {photos} is as in "12 photos" or "IMG_0034.jpg".
        self._push(earlier, lambda: _("Earlier tags on {photos}").format(photos=self._photos(rows)))

    def take_back(self, steps: Sequence[Step]) -> None:
        """Undo these steps. If others were made since, they stay, and this becomes a separate step.

        Photos that have been labeled otherwise since keep that label.
        """
        stack = self.stack
        latest = [stack.command(n) for n in range(stack.index() - len(steps), stack.index()) if n >= 0]
        if latest == [step.correction for step in steps]:
            self.undo_to(stack.index() - len(steps))
            return
        before: dict[str, str | None] = {}
        after: dict[str, str | None] = {}
        for step in steps:
            before = {**step.before, **before}
            after |= step.after
        rows = {key: row for key in before for row in self._store.rows_of(key)[:1]}
        labels = {key: (row, before[key]) for key, row in rows.items() if self._current(row) == after[key]}
        if not labels:
            return
        made = [step.correction for step in steps]

        def name() -> str:
            # Translators: what can be undone, as in "Undo: Undo of “Not alpaca on 12 photos”".
            return _("Undo of “{action}”").format(action=join([one.name() for one in made]))

        self._push(labels, name, taken_back=True)
        done = _("Undone: {action}.").format(action=join([one.what() for one in made]))
        self.revisited.emit(list(labels), done)

    def undo_to(self, index: int) -> None:
        """Undo all that was done since the undo stack had this index, and show it together."""
        count, self._undone_together = self.stack.index() - index, []
        try:
            while self.stack.index() > max(index, 0):
                self.stack.undo()
        finally:
            keys, self._undone_together = self._undone_together, None
        latest = self.stack.command(self.stack.index()) if count == 1 else None
        if isinstance(latest, Correction):
            said = _("Undone: {action}.").format(action=latest.what())
        elif count == 1:
            said = _("Undone: {action}.").format(action=self.stack.redoText())
        else:
            said = ngettext("Undone: {count} step.", "Undone: {count} steps.", count)
        self.revisited.emit(list(dict.fromkeys(keys)), said.format(count=number(count)))

    def _push(
        self,
        labels: Mapping[str, tuple[PhotoRow, str | None]],
        name: Callable[[], str] | None = None,
        done: Callable[[], str] | None = None,
        *,
        taken_back: bool = False,
    ) -> None:
        """Do something that can be undone.

        Args:
            labels: the new labels with their photos, by content key.
            name: what it is called, if not after its labels.
            done: the same once it is done, if that is called otherwise.
            taken_back: see `Step`.
        """
        if not labels:
            return
        after = {key: label for key, (_row, label) in labels.items()}
        before = {key: self._current(row) for key, (row, _label) in labels.items()}
        paths = {key: row.path for key, (row, _label) in labels.items()}
        rows, given = [row for row, _label in labels.values()], set(after.values())
        named = name or partial(self._name, rows, given)
        done = done or name or partial(self._name, rows, given, done=True)
        what = named if taken_back else partial(self._what, rows, given)
        self.stack.push(Correction(self, after, before, paths, (named, done, what), taken_back=taken_back))

    def _what(self, rows: Sequence[PhotoRow], labels: Collection[str | None]) -> str:
        """Return what was done to photos, to say that it is undone or redone."""
        photos, label = self._photos(rows), next(iter(labels))
        if len(labels) > 1:
            # Translators: it follows "Undone:" or "Redone:", as in "Undone: your labels for 12 photos."
            return _("your labels for {photos}").format(photos=photos)
        if label is None:
            # Translators: it follows "Undone:" or "Redone:", as in "Undone: removing your labels from 12 photos."
            words = ngettext("removing your label from {photos}", "removing your labels from {photos}", len(rows))
            return words.format(photos=photos)
        # Translators: as in "Undone: your label “Not alpaca” for IMG_0034.jpg."
        words = ngettext("your label “{label}” for {photos}", "your labels “{label}” for {photos}", len(rows))
        return words.format(label=self._store.labels.display(label), photos=photos)

    def _name(self, rows: Sequence[PhotoRow], labels: Collection[str | None], *, done: bool = False) -> str:
        """Return what is done to photos, for the menu; or what was done, for a message."""
        photos, label = self._photos(rows), next(iter(labels))
        if len(labels) > 1:
            # Translators: what can be undone; it follows "Undo:" in the menu. {photos} is as in "12 photos".
            return _("Flipped tags of {photos}").format(photos=photos)
        if label is None and done:
            # Translators: what was done, as in "Removed label from 12 photos: this changed 4 other tags, …"
            words = ngettext("Removed label from {photos}", "Removed label from {photos}", len(rows))
            return words.format(photos=photos)
        if label is None:
            # Translators: what can be undone, as in "Undo: Remove label from 12 photos".
            words = ngettext("Remove label from {photos}", "Remove label from {photos}", len(rows))
            return words.format(photos=photos)
        # Translators: what can be undone, as in "Undo: Not alpaca on 12 photos" or "Undo: Alpaca on IMG_0034.jpg".
        return _("{label} on {photos}").format(label=self._store.labels.display(label), photos=photos)

    def _photos(self, rows: Sequence[PhotoRow]) -> str:
        """Return which photos a label goes to. All copies of a photo in the folder have the same label."""
        count = len({same for row in rows for same in self._store.rows_of(row.key or "")} | set(rows))
        if len(rows) > 1:
            return text.photos(count)
        name = self._now(rows[0]).name
        if len(name) > _LONGEST_NAME:
            name = f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 :]}"
        if count == 1:
            return name
        return ngettext("{photo} and its copy", "{photo} and its {count} copies", count - 1).format(
            photo=name, count=number(count - 1)
        )

    def _now(self, row: PhotoRow) -> PhotoRow:
        """Return the row that a photo has now: after a scan it is another one."""
        if self._store.row_of(row.path) is row:
            return row
        return next(iter(self._store.rows_of(row.key or "")), row)

    def rename(self) -> None:
        """Update the names of the steps in the menu, because photos were renamed."""
        stack = self.stack
        for n in range(stack.count()):
            command = stack.command(n)
            if isinstance(command, Correction):
                command.setText(command.name())
        # The stack says so only when a step is made, undone or redone.
        stack.undoTextChanged.emit(stack.undoText())
        stack.redoTextChanged.emit(stack.redoText())

    def ask(self, step: Step, paths: Mapping[str, Path]) -> None:
        """Ask the engine to store corrections."""
        self._steps.append(step)
        self.requested.emit(dict(step.after), dict(paths))

    def revisit(self, keys: Iterable[str], words: str) -> None:
        """Say that a correction of the photos with these content keys was undone or redone."""
        if self._undone_together is not None:
            self._undone_together += keys
        else:
            self.revisited.emit(list(keys), words)

    def on_learned(self, event: Learned) -> list[Step]:
        """Corrections are stored; return which."""
        return self._settle(event.changes)

    def on_failed(self, changes: Changes) -> None:
        """Corrections could not be stored: remove them from the history too."""
        self._settle(changes)
        self.stack.clear()

    @property
    def latest_is_mine(self) -> bool:
        """Whether the latest step that can be undone was made here, and not by an import."""
        latest = self.stack.command(self.stack.index() - 1) if self.stack.canUndo() else None
        # A step with a number is about files, not about labels.
        return latest is not None and (isinstance(latest, Correction) or latest.id() != -1)

    def forget_pending(self) -> None:
        """Forget the pending corrections, because the engine will not store them any more."""
        self._steps.clear()

    def clear(self) -> None:
        """Forget the history, for another folder or a model with other labels. The corrections stay."""
        self.stack.clear()
        self._steps.clear()

    def _settle(self, changes: Changes) -> list[Step]:
        # The engine takes all that were requested until then, in order; the last one for each photo counts.
        together: dict[str, str | None] = {}
        done = 0
        for n, step in enumerate(self._steps, 1):
            if not step.after.keys() <= changes.keys():
                break
            # Of the first one this holds even if another window has changed the label in the meantime.
            done = max(done, 1)
            together |= step.after
            if all(changes[key] == label for key, label in together.items()):
                done = n
        return [self._steps.popleft() for _ in range(done)]

    def _current(self, row: PhotoRow) -> str | None:
        key = row.key or ""
        for step in reversed(self._steps):
            if key in step.after:
                return step.after[key]
        return row.correction


class Correction(QUndoCommand):
    """Corrections that were made together."""

    def __init__(
        self,
        owner: Corrections,
        after: Changes,
        before: Changes,
        paths: Mapping[str, Path],
        names: tuple[Callable[[], str], Callable[[], str], Callable[[], str]],
        *,
        taken_back: bool = False,
    ) -> None:
        """Correct photos.

        Args:
            owner: asks for the labels.
            after: the new labels by content key, None for none.
            before: those until then.
            paths: the photos by content key.
            names: return what can be undone, for the menu; what was done, as the start of a sentence; and what was
                undone or redone. Each with the names that the photos have now.
            taken_back: see `Step`.
        """
        super().__init__(names[0]())
        self.name, self.done, self.what = names
        self._taken_back = taken_back
        self._owner = owner
        self._after = after
        self._before = before
        self._paths = paths
        self._is_first = True

    def redo(self) -> None:
        """Store the corrections; also called when the command is pushed."""
        step = Step(self, self._before, self._after, redone=not self._is_first, taken_back=self._taken_back)
        self._owner.ask(step, self._paths)
        if not self._is_first:
            self._owner.revisit(self._after, _("Redone: {action}.").format(action=self.what()))
        self._is_first = False

    def undo(self) -> None:
        """Restore the labels before."""
        self._owner.ask(Step(self, self._after, self._before, undone=True), self._paths)
        self._owner.revisit(self._after, _("Undone: {action}.").format(action=self.what()))
