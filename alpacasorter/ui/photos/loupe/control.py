"""Opens and closes the loupe over the page with the photos, and fills the screen with it."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QObject, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QStackedLayout, QToolBar, QWidget

from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_store import PhotoRow
from alpacasorter.ui.photos.commands import PhotoCommands
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.loupe.loupe import Loupe
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.workers.closeups import CloseupLoader


class LoupeControl(QObject):
    """Shows the loupe in place of the grid.

    Attributes:
        loupe: shows one photo.
        loader: decodes for it.
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
    ) -> None:
        """Add the loupe to the views of a page, the first of which has the grid."""
        super().__init__(page)
        self._page = page
        self._views = views
        self._actions = actions
        self._grid = grid
        self._menu = actions.photo_menu(page)
        self._selected: list[PhotoRow] = []
        self._full_screen_before = False
        self._hidden: list[QWidget] = []
        self._lent: list[QAction] = []
        self._zooms = actions.zoom_in, actions.zoom_out, actions.zoom_fit, actions.zoom_full
        self.loader = CloseupLoader(self)
        self.loupe = Loupe(grid, model, thumbnails, self.loader, theme, page)
        views.addWidget(self.loupe)
        loupe = self.loupe
        loupe.closed.connect(self.close)
        loupe.labeled.connect(commands.label)
        loupe.flip_wanted.connect(grid.tag_clicked)
        loupe.menu_wanted.connect(self._menu.popup)
        grid.open_pressed.connect(self.open)
        actions.loupe.triggered.connect(self.toggle)
        actions.full_screen.toggled.connect(self._fill_screen)
        actions.zoom_in.triggered.connect(lambda: loupe.view.zoom_in())
        actions.zoom_out.triggered.connect(lambda: loupe.view.zoom_out())
        actions.zoom_fit.triggered.connect(lambda: loupe.view.zoom_fit())
        actions.zoom_full.triggered.connect(lambda: loupe.view.zoom_full())
        self._set_open(False)
        grid.selectionModel().selectionChanged.connect(self._select_one)

    def toggle(self) -> None:
        """Open the loupe, or close it."""
        if self.loupe.is_open:
            self.close()
        else:
            self.open()

    def open(self) -> None:
        """Show the current photo in the loupe."""
        if self.loupe.is_open or not self._grid.currentIndex().isValid():
            return
        self._selected = self._grid.selected_photos()
        self._set_open(True)
        self._select_one()
        # Whoever gives the focus to the photos means the loupe now.
        self._grid.setFocusProxy(self.loupe)
        self._views.setCurrentWidget(self.loupe)
        self.loupe.setFocus()
        self._hide_window_parts()
        self.loupe.open()
        self._full_screen_before = self._actions.full_screen.isChecked()

    def close(self) -> None:
        """Show the grid again: the photo that was shown is the current one, and in view.

        What was selected before is selected again if that photo is part of it.
        """
        if not self.loupe.is_open:
            return
        row = self.loupe.row
        self.loupe.close_photo()
        self._set_open(False)
        if not self._full_screen_before:
            self._actions.full_screen.setChecked(False)
        self._show_window_parts()
        self._grid.setFocusProxy(None)  # type: ignore[arg-type]  # the stubs don't know that it can be taken back
        self._views.setCurrentIndex(0)
        self._grid.setFocus()
        if row is not None and row in self._selected:
            self._grid.select_photos(self._selected)
        self._selected = []
        # Later, because the cells are laid out for the size of the window only then.
        QTimer.singleShot(0, self, lambda: self._grid.scrollTo(self._grid.currentIndex()))

    def close_down(self) -> None:
        """End the threads, and leave the whole screen, so that the window opens again as it was."""
        self.close()
        self._actions.full_screen.setChecked(False)
        self.loader.close()

    def _set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        for action in self._zooms:
            action.setEnabled(is_open)
        # Their keys zoom the photo.
        for action in (self._actions.larger, self._actions.smaller):
            action.setEnabled(not is_open)

    def _select_one(self) -> None:
        """Keep only the photo that is shown selected, so that no key tags photos that can't be seen."""
        grid = self._grid
        if self._is_open and len(grid.selectionModel().selectedIndexes()) > 1:
            flags = QItemSelectionModel.SelectionFlag
            grid.selectionModel().select(grid.currentIndex(), flags.ClearAndSelect)

    # The window around

    def _hide_window_parts(self) -> None:
        window = self._page.window()
        if isinstance(window, QMainWindow):
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
        self._hidden = []
        for action in self._lent:
            self.loupe.removeAction(action)
        self._lent = []

    def _lend_actions(self) -> None:
        """Have the keys of the menus work while the menu bar is hidden, where Qt does not look for them."""
        window = self._page.window()
        if isinstance(window, QMainWindow) and window.menuBar() in self._hidden:
            self._lent = [action for action in window.findChildren(QAction) if not action.shortcut().isEmpty()]
            self.loupe.addActions(self._lent)

    def _fill_screen(self, fill: bool) -> None:
        window = self._page.window()
        if window.isFullScreen() != fill:
            window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)
        if self.loupe.is_open:
            self._show_window_parts()
            self._hide_window_parts()
