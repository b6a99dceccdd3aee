"""Opens and closes the loupe and the comparison in place of the grid, and fills the screen with them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property, partial

from PySide6.QtCore import QEvent, QItemSelectionModel, QObject, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QStackedLayout, QStatusBar, QToolBar, QWidget

from alpacasorter.i18n import ngettext, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.commands import PhotoCommands
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.loupe.compare import LEAST, MOST, Compare
from alpacasorter.ui.photos.loupe.loupe import Loupe
from alpacasorter.ui.photos.loupe.zoom_view import ZoomView
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.why import Why
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.workers.closeups import CloseupLoader


class LoupeControl(QObject):
    """Shows the loupe or the comparison in place of the grid.

    Attributes:
        loupe: shows one photo.
        loader: decodes for both.
    """

    def __init__(
        self,
        page: QWidget,
        views: QStackedLayout,
        grid: PhotoGrid,
        model: PhotoModel,
        commands: PhotoCommands,
        actions: Actions,
        thumbnails: Thumbnails,
        theme: Theme,
        why: Why,
    ) -> None:
        """Add both to the views of a page, the first of which has the grid."""
        super().__init__(page)
        self._page = page
        self._views = views
        self._actions = actions
        self._grid = grid
        self._commands = commands
        self._shown: QWidget | None = None
        self._menu = actions.photo_menu(page)
        self._selected: list[PhotoRow] = []
        self._full_screen_before = False
        self._hidden: list[QWidget] = []
        self._lent: list[QAction] = []
        self._zooms = actions.zoom_in, actions.zoom_out, actions.zoom_fit, actions.zoom_full
        self.loader = CloseupLoader(self)
        self.loupe = Loupe(grid, model, thumbnails, self.loader, theme, why, page)
        self._make_compare = partial(Compare, grid, model, thumbnails, self.loader, theme, why, page)
        views.addWidget(self.loupe)
        loupe = self.loupe
        loupe.closed.connect(self.close)
        loupe.labeled.connect(commands.label)
        loupe.confirmed.connect(lambda: commands.confirm())
        loupe.flip_wanted.connect(grid.tag_clicked)
        loupe.menu_wanted.connect(self._menu.popup)
        commands.remarked.connect(loupe.remark)
        grid.open_pressed.connect(self.open)
        actions.loupe.triggered.connect(self.toggle)
        actions.compare.triggered.connect(self.open_compare)
        commands.compare_pressed.connect(self.open_compare)
        actions.full_screen.toggled.connect(self._fill_screen)
        actions.zoom_in.triggered.connect(lambda: self.view.zoom_in())
        actions.zoom_out.triggered.connect(lambda: self.view.zoom_out())
        actions.zoom_fit.triggered.connect(lambda: self.view.zoom_fit())
        actions.zoom_full.triggered.connect(lambda: self.view.zoom_full())
        self._enable()
        grid.selectionModel().selectionChanged.connect(self._select_one)
        grid.selectionModel().selectionChanged.connect(self._enable_compare)
        model.modelReset.connect(self._enable_compare)

    @cached_property
    def compare(self) -> Compare:
        """Shows two to four photos; made when it is first needed, so that the first window need not wait for it."""
        compare = self._make_compare()
        self._views.addWidget(compare)
        compare.menu_wanted.connect(self._menu.popup)
        compare.closed.connect(self.close)
        compare.labeled.connect(self._commands.label)
        compare.confirmed.connect(lambda: self._commands.confirm())
        compare.flip_wanted.connect(self._grid.tag_clicked)
        self._commands.remarked.connect(compare.remark)
        return compare

    @property
    def _is_comparing(self) -> bool:
        return isinstance(self._shown, Compare)

    @property
    def view(self) -> ZoomView:
        """The photo that is zoomed by the menu."""
        return self.compare.chosen.view if self._is_comparing else self.loupe.view

    def toggle(self) -> None:
        """Open the loupe, or go back to the grid."""
        if self._shown is not None:
            self.close()
        else:
            self.open()

    def open(self) -> None:
        """Show the current photo in the loupe."""
        if self._shown is None and self._grid.currentIndex().isValid():
            self._selected = self._grid.selected_photos()
            self._show(self.loupe)
            self.loupe.open()

    def open_compare(self) -> None:
        """Compare the selected photos, or say why not."""
        if self._is_comparing:
            return
        photos = self._grid.selected_photos() if self._shown is None else self._selected
        if not LEAST <= len(photos) <= MOST:
            count = ngettext(
                "{count} photo is selected. Select two to four to compare them.",
                "{count} photos are selected. Select two to four to compare them.",
                len(photos),
            )
            self._commands.remarked.emit(count.format(count=number(len(photos))))
            return
        self.close()
        current = self._grid.current_photo()
        self._show(self.compare)
        self._commands.stays = True
        self._commands.rejects.replace = self._replace
        self.compare.open(photos, current)
        self.compare.choose(self.compare.panes.index(self.compare.chosen))

    def close(self) -> None:
        """Show the grid again: the photo that was shown is the current one, and in view.

        What was selected before is selected again if that photo is part of it; photos that were compared are selected.
        """
        if self._shown is None:
            return
        row = self._grid.current_photo()
        selected = self.compare.rows if self._is_comparing else self._selected
        self.loupe.close_photo()
        if self._is_comparing:
            self.compare.close_photos()
        self.loader.rest()
        self._commands.stays = False
        self._commands.rejects.replace = None
        self._shown = None
        self._enable()
        if not self._full_screen_before:
            self._actions.full_screen.setChecked(False)
        self._show_window_parts()
        self._grid.setFocusProxy(None)  # type: ignore[arg-type]  # the stubs don't know that it can be taken back
        self._views.setCurrentIndex(0)
        self._grid.setFocus()
        if any(one is row for one in selected):
            self._grid.select_photos(selected)
        self._selected = []
        # Later, because the cells are laid out for the size of the window only then.
        QTimer.singleShot(0, self, lambda: self._grid.scrollTo(self._grid.currentIndex()))

    def _replace(self, rows: Collection[PhotoRow]) -> bool:
        """Compare other photos in place of these; without enough of them, show the grid again."""
        if self.compare.replace(rows):
            return True
        self.close()
        return False

    def begin(self, *, same_folder: bool) -> None:
        """The photos of a folder are about to be found; those of another one are not shown before the user asks."""
        if not same_folder:
            self.close()
        elif self._is_comparing:
            self.compare.begin_again()
        # Opening a folder shows the tool bar.
        QTimer.singleShot(0, self, self._hide_window_parts)

    def on_found(self) -> None:
        """All photos of the folder are listed: those that were compared and are gone are replaced."""
        if self._is_comparing and not self.compare.end_again():
            self.close()

    def close_down(self) -> None:
        """End the threads, and leave the whole screen, so that the window opens again as it was."""
        self.close()
        self._actions.full_screen.setChecked(False)
        self.loader.close()

    def _show(self, widget: QWidget) -> None:
        """Show a widget in place of the grid."""
        self._shown = widget
        self._full_screen_before = self._actions.full_screen.isChecked()
        self._enable()
        self._select_one()
        # Whoever gives the focus to the photos means this now.
        self._grid.setFocusProxy(widget)
        self._views.setCurrentWidget(widget)
        widget.setFocus()
        self._hide_window_parts()

    def _enable(self) -> None:
        for action in self._zooms:
            action.setEnabled(self._shown is not None)
        # Their keys zoom the photo.
        for action in (self._actions.larger, self._actions.smaller):
            action.setEnabled(self._shown is None)
        self._enable_compare()

    def _enable_compare(self) -> None:
        """Offer to compare the selected photos if there are two to four; the key says why not otherwise."""
        # By ranges: there may be 100,000.
        ranges = self._grid.selectionModel().selection()
        count = sum(ranges.at(n).height() for n in range(ranges.count()))
        if self._shown is not None:
            count = len(self._selected)
        self._actions.compare.setEnabled(not self._is_comparing and LEAST <= count <= MOST)

    def _select_one(self) -> None:
        """Keep only the photo that is shown selected, so that no key tags photos that can't be seen."""
        selection = self._grid.selectionModel()
        # Counted by ranges: there may be 100,000.
        ranges = selection.selection()
        if self._shown is not None and (ranges.count() > 1 or (ranges.count() == 1 and ranges.first().height() > 1)):
            flags = QItemSelectionModel.SelectionFlag
            selection.select(self._grid.currentIndex(), flags.ClearAndSelect)

    # The window around

    def _hide_window_parts(self) -> None:
        window = self._page.window()
        if isinstance(window, QMainWindow) and self._shown is not None:
            parts: list[QWidget] = [*window.findChildren(QToolBar), window.statusBar()]
            if window.isFullScreen():
                parts.append(window.menuBar())
            self._hidden += [part for part in parts if part.isVisibleTo(window)]
            for part in self._hidden:
                part.hide()
        self._lend_actions()

    def _show_window_parts(self) -> None:
        for part in self._hidden:
            part.show()
            if isinstance(part, QStatusBar):
                # What was said meanwhile stood beside the photo, and here it would cover the rest of the bar.
                part.clearMessage()
        self._hidden = []
        for action in self._lent:
            self._page.removeAction(action)
        self._lent = []

    def _lend_actions(self) -> None:
        """Have the keys of the menus work while the menu bar is hidden, where Qt does not look for them."""
        window = self._page.window()
        if isinstance(window, QMainWindow) and window.menuBar() in self._hidden and not self._lent:
            known = self._page.actions()
            self._lent = [
                action
                for action in window.findChildren(QAction)
                if not action.shortcut().isEmpty() and action not in known
            ]
            self._page.addActions(self._lent)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that the system has taken the window back from the whole screen."""
        window = self._page.window()
        if watched is window and event.type() == QEvent.Type.WindowStateChange and window.isActiveWindow():
            self._actions.full_screen.setChecked(window.isFullScreen())
        return super().eventFilter(watched, event)

    def _fill_screen(self, fill: bool) -> None:
        window = self._page.window()
        window.installEventFilter(self)
        if window.isFullScreen() != fill:
            window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)
        if self._shown is not None:
            self._show_window_parts()
            self._hide_window_parts()
