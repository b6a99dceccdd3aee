"""Connects the main window with watching: the switch in the menu, the status bar, and the events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QLabel, QMainWindow

from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import WatchState
from alpacasorter.i18n import _
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import NoticeBanner
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine


class WatchControl(WindowControl):
    """Has the open folder watched after its scan if the user wants that.

    Attributes:
        label: shows in the status bar how the folder is watched.
    """

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        page: BrowsePage,
        notice: NoticeBanner,
        settings: Settings,
        folder: Callable[[], Path | None],
    ) -> None:
        """Add the label to the status bar of the window.

        Args:
            window: the window.
            engine: watches the folder.
            page: shows the photos.
            notice: shows messages.
            settings: store whether folders are watched.
            folder: returns the open folder.
        """
        super().__init__(window)
        self._engine = engine
        self._page = page
        self._notice = notice
        self._settings = settings
        self._folder = folder
        self._said = ""
        self._said_once: set[str] = set()
        self._state: WatchState | None = None
        self._checking: Path | None = None
        self._exists = False
        self.label = QLabel(window)
        self.label.setProperty("role", "muted")
        self.label.hide()
        # After the summary, which comes first, and before the widgets that stay on the right.
        window.statusBar().insertPermanentWidget(1, self.label)
        action = page.actions_.watch
        action.setChecked(settings.watch)
        action.toggled.connect(self._on_toggled)
        page.begun.connect(self.rest)
        engine.finished.connect(self._begin)
        watching = engine.watching
        watching.state.connect(self._on_state)
        watching.failed.connect(self._on_failed)
        watching.folder_checked.connect(self._on_folder_checked)
        watching.found.connect(page.live.on_arrived)
        watching.judged.connect(page.live.on_judged)
        watching.problems.connect(page.live.on_problems)
        watching.renamed.connect(page.live.on_renamed)
        watching.gone.connect(page.live.on_gone)
        watching.sort_event.connect(self._on_sort_event)

    def _begin(self) -> None:
        if self._settings.watch and self._folder() is not None:
            self._engine.watch_folder()

    def _on_toggled(self, on: bool) -> None:
        self._settings.watch = on
        if on:
            self._begin()
        else:
            self._engine.watching.stop()
            self.rest()

    def rest(self) -> None:
        """Show nothing, because no folder is watched, or not yet."""
        self._state = None
        self._checking = None
        self._say("")
        self.label.hide()
        self._page.set_watching(False)

    def is_missing(self) -> bool:
        """Return whether the open folder is unavailable; if it is, show that again.

        While it is not watched, that is unknown. It counts as missing until it was checked in the background; if it
        exists, `rescan` is triggered once more, and then it does not count as missing.
        """
        folder, state = self._folder(), self._state
        if folder is None:
            return False
        if state is None:
            return self._is_checked(folder)
        # A folder that is not polled is on a local disk, where is_dir() does not block. Polling notices soon enough.
        if state.online and (state.polling or folder.is_dir()):
            return False
        self._notice.tell(text.offline(folder), passing=state.online)
        return True

    def _is_checked(self, folder: Path) -> bool:
        if self._exists or self._engine.watching.is_watching:
            return False
        if self._checking != folder:
            self._checking = folder
            self._engine.watching.check_folder(folder)
        return True

    def _on_folder_checked(self, folder: Path, exists: bool) -> None:
        if folder != self._checking:
            # Another folder is open now, or the same one was opened again.
            return
        self._checking = None
        if exists:
            self._exists = True
            self._page.actions_.rescan.trigger()
            self._exists = False
        else:
            self._notice.tell(text.offline(folder), passing=True)

    def _on_state(self, state: WatchState) -> None:
        folder = self._folder()
        if folder is None:
            return
        self._state = state
        if not state.online:
            self.label.setText(_("Folder unavailable"))
            self._say(text.offline(folder))
        else:
            self.label.setText(_("Checking periodically") if state.polling else _("Watching"))
            # Shown once, because it is the same for each folder on a drive.
            self._say(state.notice, once=True)
        self.label.setToolTip(state.notice or _("New photos in this folder appear automatically"))
        self.label.show()
        self._page.set_watching(state.online)

    def _on_failed(self, sentence: str) -> None:
        self.rest()
        self._say(f"{_('The folder is no longer watched.')} {sentence}")

    def _on_sort_event(self, event: object) -> None:
        if isinstance(event, FilesPlaced):
            self._page.on_placed(event)

    def _say(self, sentence: str, *, once: bool = False) -> None:
        """Show a message instead of the previous one; `once`: not if it was shown before."""
        if sentence == self._said:
            return
        if self._said:
            self._notice.remove(self._said)
        self._said = sentence
        if sentence and not (once and sentence in self._said_once):
            self._said_once.add(sentence)
            self._notice.tell(sentence)
