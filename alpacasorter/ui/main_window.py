"""The main window: assembles the pages, controls and menus, and connects them with the engine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMainWindow,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.events import Finished
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ui.actions import Menu
from alpacasorter.ui.exchange.control import ExchangeControl
from alpacasorter.ui.help import about
from alpacasorter.ui.help.shortcuts import show_shortcuts
from alpacasorter.ui.models.control import EvaluateControl, ModelsControl
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.arrivals import ArrivalsControl
from alpacasorter.ui.sorting.control import SortControl
from alpacasorter.ui.status_bar import StatusBar
from alpacasorter.ui.tab_order import order_tabs
from alpacasorter.ui.training.control import TrainControl
from alpacasorter.ui.variants import VariantControl
from alpacasorter.ui.watch_control import WatchControl
from alpacasorter.ui.welcome import WelcomePage
from alpacasorter.ui.widgets import drops, keys
from alpacasorter.ui.widgets.banners import LOW, BannerBar, NoticeBanner
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader
from alpacasorter.workers.view_facts import DeviceFacts, ModelFacts

_TITLE = "AlpacaSorter"
_WIDE = 960
"""Width from which the tool bar has space for words, pixels."""
_SHARE = 0.92
"""Largest share of the screen that the window takes at the first start, which leaves space for its frame."""

_log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """One window, one engine.

    Attributes:
        engine: judges the photos and learns.
        page: the photos of the open folder.
        welcome: the first page.
        models: the dialog with the models.
        training: the dialog that trains a model.
        testing: the dialog that tests the model.
        watching: watches the open folder.
        exchange: the dialogs that export results and import labels.
        sorting: the dialogs that sort and undo.
        arrivals: sorts photos as they arrive.
        variants: switches between the variants of the model.
        banners: the place for messages below the photos.
        notice: what went wrong, and what the user should know.
    """

    def __init__(self, engine: Engine, settings: Settings, theme: Theme) -> None:
        """Assemble the window. Its engine is started later, after the first paint."""
        super().__init__()
        self.engine = engine
        self._settings = settings
        engine.exclusion = settings.exclusion
        self._theme = theme
        self._folder: Path | None = None
        self._model: ModelFacts | None = None
        self._device: DeviceFacts | None = None
        self._failing = False
        self._changing: Filter | None = None
        self._thumbnails = ThumbnailLoader(self)
        self._previews = PreviewLoader(self)
        self.welcome = WelcomePage(theme, self)
        self.banners = BannerBar(theme)
        self.notice = NoticeBanner(self.banners)
        self.page = BrowsePage(self._thumbnails, self._previews, settings, theme, self.banners, self)
        self.stack = QStackedWidget(self)
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.page)
        self.status = StatusBar(self)
        self.status.insertPermanentWidget(1, self.page.finding.shown)
        self.summary, self.device_label = self.status.summary, self.status.device
        self._show_opening()
        self._assemble()
        self.models = ModelsControl(self, engine, self.banners)
        self.training = TrainControl(self, settings, theme, self.banners)
        self.testing = EvaluateControl(self, engine, theme)
        actions, store, stack = self.page.actions_, self.page.store, self.page.corrections.stack
        shown, rejects = self.page.model.filtered, self.page.commands.rejects

        def folder() -> Path | None:
            return self._folder

        self.watching = WatchControl(self, engine, self.page, self.notice, settings, folder)
        self.variants = VariantControl(
            self, engine, self.page, self.models, self.banners, self.notice, settings, folder
        )
        self.exchange = ExchangeControl(
            self,
            engine,
            actions,
            stack,
            store,
            settings,
            self.banners,
            folder,
            filtered=shown,
            selected=self.page.grid.selected_photos,
            listed=lambda: self.page.model.listed,
        )
        self.sorting = SortControl(self, engine, actions, store, settings, self.banners, folder, stack, rejects, shown)
        # Its button is next to the label that says that the folder is watched.
        self.arrivals = ArrivalsControl(self, engine, actions, store, settings, self.sorting, folder, place=2)
        self._controls = (self.sorting, self.training, self.testing, self.arrivals, self.exchange, self.models)
        self._connect()
        self._connect_engine()
        room = self.screen().availableSize() * _SHARE
        self.resize(QSize(1180, 780).boundedTo(room))
        self.setMinimumSize(QSize(640, 480).boundedTo(room))
        self.restoreGeometry(settings.state("geometry"))
        self.page.splitter.setSizes([800, 360])
        self.page.splitter.restoreState(settings.state("splitter"))
        self._show_welcome()
        order_tabs(self._tool_bar, self.welcome, self.page.by_tab, self.banners, self.status)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def _assemble(self) -> None:
        actions = self.page.actions_
        self._recent_menu = Menu(_("Open &recent"), self)
        self._recent_menu.setEnabled(False)
        actions.fill_menu_bar(self, self._recent_menu, actions.photo_menu(self))
        self._tool_bar = QToolBar(_("Tools"), self)
        self._tool_bar.setMovable(False)
        self._tool_bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        actions.fill_tool_bar(self._tool_bar)
        self.addToolBar(self._tool_bar)
        central = QWidget(self)
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stack, 1)
        column.addWidget(self.banners)
        self.setCentralWidget(central)
        self.setAcceptDrops(True)

    def _connect(self) -> None:
        actions, page = self.page.actions_, self.page
        actions.open.triggered.connect(self.choose_folder)
        actions.rescan.triggered.connect(self.rescan)
        actions.stop.triggered.connect(self.engine.stop_scan)
        actions.close_folder.triggered.connect(self.close_folder)
        actions.quit.triggered.connect(self.close)
        actions.settings.triggered.connect(self.open_settings)
        actions.models.triggered.connect(self.models.open_dialog)
        actions.train.triggered.connect(self.training.open_dialog)
        actions.shortcuts.triggered.connect(lambda: show_shortcuts(self, self.menuBar(), actions.most_used))
        actions.test_model.triggered.connect(self.testing.open_dialog)
        actions.model_card.triggered.connect(lambda: about.show_model(self, self._model))
        actions.about.triggered.connect(lambda: about.show_about(self, self.device_label.text()))
        self.models.train.connect(self.training.open_dialog)
        tell = partial(self.notice.tell, passing=True)
        for failed in (self.models.told, self.training.told, self.exchange.told, page.failed):
            failed.connect(tell)
        page.outdated.connect(self.notice.remove)
        actions.messages.triggered.connect(self.banners.show_list)
        page.commands.remarked.connect(self.status.remark)
        page.selection_changed.connect(self.status.show_selection)
        self.exchange.revisited.connect(page.show_photos)
        self.training.use_model.connect(self.models.use_new)
        self.sorting.told.connect(self._on_sorted)
        self.variants.told.connect(self.status.summarize)
        self.sorting.rescan_needed.connect(lambda paths: self.rescan(select=paths))
        self.sorting.placed.connect(page.on_placed)
        page.model.counts_changed.connect(self.sorting.refresh)
        page.model.modelReset.connect(self.sorting.refresh)
        page.begun.connect(self.arrivals.refresh)
        self.engine.ready.connect(self.training.on_model_ready)
        self.engine.models.failed.connect(self.training.on_model_failed)
        page.progress.stop.connect(self.engine.stop_scan)
        page.in_view.connect(self.engine.prefer)
        page.live.changed.connect(self._on_live)
        page.corrections.requested.connect(self.engine.correct)
        self.welcome.choose.connect(self.choose_folder)
        self.welcome.open.connect(self.open_folder)
        self.welcome.forget.connect(self.engine.forget_recent)
        self.welcome.forget.connect(page.places.forget)

    def _connect_engine(self) -> None:
        engine = self.engine
        engine.ready.connect(self._on_ready)
        engine.model_changing.connect(self._on_model_changing)
        engine.failed.connect(self._on_failed)
        engine.notice.connect(self.notice.tell)
        engine.recent_folders.connect(self._on_recent)
        engine.device_changed.connect(self._on_device)
        engine.found.connect(self.page.on_found)
        engine.judged.connect(self.page.model.on_judged)
        engine.problems.connect(self.page.model.on_problems)
        engine.progress.connect(self.page.progress.update_progress)
        engine.finished.connect(self._on_finished)
        engine.folder_failed.connect(self._on_folder_failed)
        engine.learned.connect(self.notice.remove_passing)
        engine.learned.connect(self.page.on_learned)
        self.page.why.connect_engine(engine)
        engine.correction_failed.connect(self._on_correction_failed)

    # Folders

    @property
    def folder(self) -> Path | None:
        """The open folder."""
        return self._folder

    def choose_folder(self) -> None:
        """Let the user choose a folder and open it."""
        start = self._folder or Path.home()
        chosen = QFileDialog.getExistingDirectory(self, _("Open a folder of photos"), str(start))
        if chosen:
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path, photos: Sequence[str] = ()) -> None:
        """Open a folder instead of the current one, and select photos with these names in it."""
        if self._failing:
            # The obstacle may be gone by now.
            self._failing = False
            self.notice.hide()
            self._show_opening()
            self.engine.start()
        same = folder == self._folder
        self._folder = folder
        if not same:
            self.sorting.strip.hide()
        self.notice.remove_passing()
        self._tool_bar.show()
        self.stack.setCurrentWidget(self.page)
        self.page.begin(folder=folder, same_folder=same, select=[folder / name for name in photos])
        self.status.show_folder(folder)
        # Translators: the title of the window: the open folder and the name of the app.
        title = _("{folder} – {app}").format(folder=display_path(Path(folder.name or folder)), app=_TITLE)
        self.setWindowTitle(title)
        self.engine.open_folder(folder, recursive=self._settings.recursive)

    def rescan(self, *, select: Sequence[str] = ()) -> None:
        """Find new and changed photos in the open folder; the filter stays. A missing folder changes nothing."""
        if self._folder is not None and not self.watching.is_missing():
            self.open_folder(self._folder, select)

    def close_folder(self) -> None:
        """Go back to the first page."""
        self.engine.close_folder()
        self.page.progress.hide()
        self._show_welcome()

    def _show_welcome(self) -> None:
        self.page.closeups.close()
        self._folder = None
        self.page.places.close()
        self.watching.rest()
        self.sorting.strip.hide()
        self._tool_bar.hide()
        self.stack.setCurrentWidget(self.welcome)
        self.page.actions_.set_folder_open(False)
        self.page.corrections.clear()
        self.status.show_folder(None)
        self.setWindowTitle(_TITLE)
        self.welcome.button.setFocus()

    # Settings and help

    def open_settings(self) -> None:
        """Show the settings."""
        from alpacasorter.ui.settings_dialog import SettingsDialog  # the first window doesn't need it

        dialog = SettingsDialog(self._settings, self._device, self, self.variants.variants)
        self.variants.attach(dialog)
        dialog.recursive_changed.connect(self.rescan)
        dialog.exclusion_changed.connect(self._on_exclusion_changed)
        dialog.unsure_changed.connect(self.page.set_unsure_below)
        dialog.advance_changed.connect(self.page.actions_.auto_advance.setChecked)
        dialog.device_changed.connect(self.engine.prefer_device)
        dialog.time_again.connect(lambda: self.engine.prefer_device(self._settings.device, time_again=True))
        dialog.scheme_changed.connect(self._theme.use)
        self.engine.device_changed.connect(dialog.show_device)
        dialog.exec()
        dialog.deleteLater()

    def _on_exclusion_changed(self) -> None:
        self.engine.exclusion = self._settings.exclusion
        self.rescan()

    # Events of the engine

    def _on_ready(self, model: ModelFacts) -> None:
        other_labels = self._model is not None and self._model.labels.names != model.labels.names
        self._model = model
        self._failing = False
        self.page.set_labels(model.labels)
        cache = self.engine.cache
        if cache is not None:
            self._thumbnails.use_cache(cache)
        which, self._changing = self._changing, None
        if which is not None:
            self._on_model_changed(which, other_labels=other_labels)

    def _on_model_changing(self) -> None:
        self._changing = self.page.model.filter
        self._show_opening()
        if self._folder is not None:
            # No photo may be tagged until the other model has judged it.
            self.page.begin(same_folder=True)

    def _show_opening(self) -> None:
        self.device_label.setText(_("Opening the model…"))

    def _on_model_changed(self, which: Filter, *, other_labels: bool) -> None:
        """Judge the open folder with another model, mostly from the cache."""
        if other_labels:
            self.page.corrections.clear()
        else:
            self.page.corrections.forget_pending()
        if self._folder is not None:
            self.open_folder(self._folder)
            self.page.show_filter(Filter.ALL if other_labels or which is Filter.CHANGED else which)

    def _on_failed(self, sentence: str) -> None:
        self._failing = True
        self._show_welcome()
        self.page.progress.hide()
        self.notice.tell(sentence)
        self.device_label.setText(_("Not ready"))

    def _on_recent(self, folders: list[Path]) -> None:
        self.welcome.set_recent(folders)
        self._recent_menu.clear()
        for folder in folders:
            action = self._recent_menu.addAction(text.folder(folder).replace("&", "&&"))
            action.triggered.connect(lambda _checked=False, folder=folder: self.open_folder(folder))
        self._recent_menu.setEnabled(bool(folders))

    def _on_device(self, device: DeviceFacts) -> None:
        self._device = device
        self.status.show_device(device)

    def _on_finished(self, event: Finished) -> None:
        self.page.on_finished(event)
        self.status.summarize(text.finished(event))

    def _on_live(self) -> None:
        if self._folder is not None:
            counts = self.page.store.counts
            self.status.summarize(text.now(counts[Filter.POSITIVE] + counts[Filter.NEGATIVE], counts[Filter.PROBLEMS]))

    def _on_sorted(self, words: str) -> None:
        if words:
            self.status.summarize(words)
        else:
            self._on_live()

    def _on_folder_failed(self, folder: Path, reason: str) -> None:
        self.close_folder()
        failed = _("{folder} can't be opened. {reason}").format(folder=text.folder(folder), reason=reason)
        self.notice.tell(failed, passing=True)

    def _on_correction_failed(self, changes: dict[str, str | None], reason: str) -> None:
        self.page.corrections.on_failed(changes)
        self.notice.tell(_("Your label could not be saved. {reason}").format(reason=reason), passing=True)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and folders; what can't be opened is explained when it is dropped."""
        if drops.offer_copy(event):
            self.welcome.set_hot(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Answer the same wherever the mouse is."""
        drops.offer_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing is dragged over the window any more."""
        self.welcome.set_hot(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped, and say what can't be opened."""
        self.welcome.set_hot(False)
        if not drops.offer_copy(event):
            return
        dropped = drops.read(event.mimeData())
        if dropped.folder is not None:
            self.open_folder(dropped.folder, dropped.photos)
        if dropped.remark:
            self.notice.tell(dropped.remark, passing=True)

    # Keys and focus

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Have Ctrl with a letter work by its place on a keyboard without Latin letters, where Qt doesn't know it."""
        combination = keys.placed_combination(event)
        wanted = QKeySequence(combination) if combination is not None else None
        for action in self.findChildren(QAction) if wanted is not None else ():
            if action.isEnabled() and wanted in action.shortcuts():
                action.trigger()
                return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """When the window is active again, move the focus on if the widget that had it has gone meanwhile."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and QApplication.activeWindow() is self:
            self.engine.versions.catch_up()
            had: QWidget | None = self.focusWidget()
            if had is None or self._has_gone(had):
                self._focus_main()

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        """Move the focus on if the widget that had it was hidden or disabled; Qt gives it to any other button."""
        if old is None or not self.isAncestorOf(old) or not self._has_gone(old):
            return
        if new is None or self.isAncestorOf(new):
            self._focus_main()

    def _has_gone(self, widget: QWidget) -> bool:
        return not widget.isVisibleTo(self) or not widget.isEnabled()

    def _focus_main(self) -> None:
        """Give the focus to the photos, where the keys are needed; without a folder, to the button that opens one."""
        if self.isVisible():
            on_page = self.stack.currentWidget() is self.page
            (self.page.grid if on_page else self.welcome.button).setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out words if the window is narrow, and space if it is low."""
        super().resizeEvent(event)
        style, is_wide = Qt.ToolButtonStyle, event.size().width() >= _WIDE
        self._tool_bar.setToolButtonStyle(style.ToolButtonTextBesideIcon if is_wide else style.ToolButtonIconOnly)
        low = event.size().height() < LOW
        self.page.set_low(low)
        self.banners.set_low(low)
        self.status.set_wide(is_wide)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save the state of the window and end all threads, unless the user wants to keep something running."""
        if not all(control.may_close() for control in self._controls):
            event.ignore()
            return
        try:
            self._close_down()
        except Exception:  # noqa: BLE001  # Qt would go on closing with the error pending, and not end the app
            _log.exception("Closing the window failed halfway")
        super().closeEvent(event)

    def _close_down(self) -> None:
        self.engine.stop_scan()
        self.page.places.leave()
        for control in self._controls:
            control.close_down()
        self.page.closeups.close_down()
        self._settings.set_state("geometry", self.saveGeometry())
        self._settings.set_state("splitter", self.page.splitter.saveState())
        self._settings.save()
        self._thumbnails.close()
        self._previews.close()
        self.engine.shutdown()
