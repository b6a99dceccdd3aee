"""What the user does with the selected photos: label them and go on; open, show or copy their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from PySide6.QtCore import QModelIndex, QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.corrections import Corrections
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.rejects import Rejects
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.desktop import open_file, show_in_file_manager
from alpacasorter.ui.widgets.keys import Letter
from alpacasorter.wording import text


class PhotoCommands(QObject):
    """Connects the actions for photos with the keys, clicks and context menu of the grid.

    Signals:
        failed(str): something could not be done; a sentence for the user.
        outdated(str): such a sentence that is no longer worth reading.
        compare_pressed: the key that compares the selected photos, whatever their number.
        remarked(str): something worth a quiet word, such as that the list ends here; a sentence.

    Attributes:
        watching: whether photos that disappear are noticed without a scan.
        rejects: the photos that go to the trash.
        stays: whether no key goes on to the next photo, as while photos are compared.
    """

    failed = Signal(str)
    outdated = Signal(str)
    remarked = Signal(str)
    compare_pressed = Signal()

    def __init__(
        self,
        actions: Actions,
        grid: PhotoGrid,
        model: PhotoModel,
        corrections: Corrections,
        settings: Settings,
        parent: QWidget,
    ) -> None:
        """Act on the selection of `grid`, which shows `model`."""
        super().__init__(parent)
        self._grid = grid
        self._model = model
        self._store: PhotoStore = model.store
        self._corrections = corrections
        self._settings = settings
        self.rejects = Rejects(grid, model)
        self._actions = actions
        self._menu = actions.photo_menu(parent, by_mouse=True)
        self.watching = self.stays = False
        self._missing: dict[PhotoRow, str] = {}
        grid.tag_clicked.connect(lambda row, label: corrections.flip({row: label}))
        grid.flip_pressed.connect(self._flip)
        grid.remove_pressed.connect(actions.remove_label.trigger)
        grid.delete_pressed.connect(actions.trash.trigger)
        grid.letter_pressed.connect(self.press)
        grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        grid.customContextMenuRequested.connect(self._open_menu)
        actions.positive.triggered.connect(lambda: self.label(self._store.labels.positive, advance=True))
        actions.negative.triggered.connect(lambda: self.label(self._store.labels.negative, advance=True))
        actions.confirm.triggered.connect(lambda: self.confirm(advance=True))
        actions.positive_stay.triggered.connect(lambda: self.label(self._store.labels.positive))
        actions.negative_stay.triggered.connect(lambda: self.label(self._store.labels.negative))
        actions.confirm_stay.triggered.connect(lambda: self.confirm())
        actions.next_unsure.triggered.connect(lambda: self.go_to_unsure(forward=True))
        actions.previous_unsure.triggered.connect(lambda: self.go_to_unsure(forward=False))
        actions.auto_advance.setChecked(settings.auto_advance)
        actions.auto_advance.toggled.connect(lambda on: setattr(settings, "auto_advance", on))
        actions.remove_label.triggered.connect(lambda: self.label(None))
        actions.flip.triggered.connect(self._flip)
        actions.restore_tag.triggered.connect(lambda: corrections.restore_earlier(grid.selected_photos()))
        actions.open_photo.triggered.connect(lambda: self._open(grid.currentIndex()))
        actions.show_in_folder.triggered.connect(self._show_in_folder)
        actions.select_all.triggered.connect(grid.selectAll)
        actions.select_folder.triggered.connect(grid.select_folder)
        actions.larger.triggered.connect(lambda: grid.step_tile(1))
        actions.smaller.triggered.connect(lambda: grid.step_tile(-1))

    def label(self, label: str | None, *, advance: bool = False) -> None:
        """Label the selected photos, or remove the user's labels with None; `advance`: see `_advance`."""
        photos = self._grid.selected_photos()
        self._corrections.set(photos, label)
        if advance:
            self._advance(photos)

    def confirm(self, *, advance: bool = False) -> None:
        """Label each of the selected photos with the tag it shows; `advance`: see `_advance`."""
        photos, shown = self._grid.selected_photos(), self._grid.delegate.shown_label
        self._corrections.confirm({photo: shown(photo) for photo in photos})
        if advance:
            self._advance(photos)

    def _flip(self) -> None:
        shown = self._grid.delegate.shown_label
        self._corrections.flip({photo: shown(photo) for photo in self._grid.selected_photos()})

    def press(self, letter: Letter) -> None:
        """Do what a letter or digit means: label the selected photos, or confirm their tags; with Shift, stay there.

        A key that is held goes on from photo to photo; where it would stay, it acts only once. One letter says why a
        photo has its tag.
        """
        if text.WHY_KEY in (letter.printed, letter.placed):
            if not letter.repeated and not letter.shifted:
                self._actions.why.trigger()
            return
        labels = self._store.labels
        meanings: dict[str, Callable[..., None]] = {
            text.key_for(labels, label): partial(self.label, label) for label in labels.names
        } | {text.CONFIRM_KEY: self.confirm}
        act = meanings.get(letter.printed) or meanings.get(letter.placed)
        views: dict[str, Callable[[], object]] = {"Z": self._actions.loupe.trigger, "X": self.compare_pressed.emit}
        view = views.get(letter.printed) or views.get(letter.placed)
        if view is not None and not letter.repeated:
            view()
        if act is not None and not (letter.repeated and (letter.shifted or not self._goes_on)):
            act(advance=not letter.shifted)

    @property
    def _goes_on(self) -> bool:
        return self._settings.auto_advance and not self.stays

    def _advance(self, photos: Sequence[PhotoRow]) -> None:
        """Go to the photo after the one that a key has labeled, if the user has not switched that off.

        Several photos stay selected, so that one sees what was labeled, and another key can label them otherwise. A
        photo that has no tag yet is stayed on, because it was not labeled; one that can't be read is passed.
        """
        if not self._goes_on or len(photos) != 1:
            return
        if photos[0].waiting:
            self.remarked.emit(_("{photo} has no tag yet.").format(photo=photos[0].name))
            return
        place = self._model.position(photos[0])
        if place is None:
            return
        if place + 1 < self._model.rowCount():
            self._grid.go_to(self._model.index(place + 1))
        else:
            self.remarked.emit(_("This is the last photo in the list."))

    def go_to_unsure(self, *, forward: bool) -> None:
        """Go to the next unsure photo in the list, or the previous one; beyond the end, go on from the other one."""
        listed, index = self._model.listed, self._grid.currentIndex()
        place = index.row() if index.isValid() else -1 if forward else len(listed)
        if forward:
            ahead, others = range(place + 1, len(listed)), range(max(place, 0))
        else:
            ahead, others = range(place - 1, -1, -1), range(len(listed) - 1, place, -1)
        for places, words in (
            (ahead, ""),
            (others, _("Continued from the top of the list.") if forward else _("Continued from the end of the list.")),
        ):
            row = self._first_unsure(listed[n] for n in places)
            if row is not None:
                self._grid.go_to(self._model.index_of(row))
                if words:
                    self.remarked.emit(words)
                return
        current = self._grid.current_photo()
        if current is not None and self._first_unsure((current,)) is not None:
            self.remarked.emit(_("No other photo in the list is unsure."))
        else:
            self.remarked.emit(_("No photo in the list is unsure."))

    def _first_unsure(self, rows: Iterable[PhotoRow]) -> PhotoRow | None:
        """Return the first unsure photo that the user has not labeled just now."""
        left = iter(rows)
        while (row := self._store.first_unsure(left)) is not None:
            if not self._corrections.is_pending(row.key or ""):
                return row
        return None

    def _open_menu(self, point: QPoint) -> None:
        if self._grid.indexAt(point).isValid():
            self._menu.popup(self._grid.viewport().mapToGlobal(point))

    def _open(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        row = self._model.photo(index)
        if row.path.exists():
            open_file(row.path, self, self.failed.emit)
            return
        if row.gone or self.watching:
            missing = _("{file} no longer exists.").format(file=display_path(row.path.name))
        else:
            missing = _("{photo} no longer exists. Rescan the folder (F5).").format(photo=display_path(row.path.name))
        if not row.gone:
            self._missing[row] = missing
        self.failed.emit(missing)

    def forget_missing(self) -> None:
        """Photos disappeared or were renamed: what was said about one of them now stands on its card."""
        for row, sentence in list(self._missing.items()):
            if row.gone or row.path.exists():
                del self._missing[row]
                self.outdated.emit(sentence)

    def _show_in_folder(self) -> None:
        current = self._grid.currentIndex()
        if current.isValid():
            show_in_file_manager(self._model.photo(current).path, self, self.failed.emit)
