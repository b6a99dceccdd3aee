"""Between the main window and watching: the switch in the menu, what the status bar says, and the events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QLabel, QMainWindow

from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import WatchState
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.ui.widgets.messages import NoticeBar
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine


class WatchControl(WindowControl):
    """Has the open folder watched from the end of its scan on, as long as the user wants that.

    Attributes:
        label: says in the status bar how the folder is watched.
    """

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        page: BrowsePage,
        notice: NoticeBar,
        settings: Settings,
        folder: Callable[[], Path | None],
    ) -> None:
        """Put the label into the status bar of the window.

        Args:
            window: the window.
            engine: what watches.
            page: shows what happens.
            notice: says what the user should know.
            settings: remembers whether folders are watched.
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
        self._looking_for: Path | None = None
        self._is_there = False
        self.label = QLabel(window)
        self.label.setProperty("role", "muted")
        self.label.hide()
        # After the summary, which is the first, and before all that keeps its place on the right.
        window.statusBar().insertPermanentWidget(1, self.label)
        action = page.actions_.watch
        action.setChecked(settings.watch)
        action.toggled.connect(self._on_toggled)
        page.begun.connect(self.rest)
        engine.finished.connect(self._begin)
        watching = engine.watching
        watching.state.connect(self._on_state)
        watching.failed.connect(self._on_failed)
        watching.looked.connect(self._on_looked)
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
        """Say nothing: no folder is watched now, or not yet."""
        self._state = None
        self._looking_for = None
        self._say("")
        self.label.hide()
        self._page.set_watching(False)

    def is_missing(self) -> bool:
        """Tell whether the open folder is not there just now, and say so again.

        Where it is not watched nobody knows: it is missing at first, and looked for. Once it is found, `rescan` is
        triggered anew, and then it is not missing.
        """
        folder, state = self._folder(), self._state
        if folder is None:
            return False
        if state is None:
            return self._is_looked_for(folder)
        # Of a folder on a disk of this computer the system tells, so looking there keeps nobody waiting. Who looks now
        # and then knows soon enough.
        if state.online and (state.polling or folder.is_dir()):
            return False
        self._notice.tell(text.offline(folder), passing=state.online)
        return True

    def _is_looked_for(self, folder: Path) -> bool:
        if self._is_there or self._engine.watching.is_watching:
            return False
        if self._looking_for != folder:
            self._looking_for = folder
            self._engine.watching.look_for(folder)
        return True

    def _on_looked(self, folder: Path, is_there: bool) -> None:
        if folder != self._looking_for:
            # Another one is open now, or the same one was opened anew.
            return
        self._looking_for = None
        if is_there:
            self._is_there = True
            self._page.actions_.rescan.trigger()
            self._is_there = False
        else:
            self._notice.tell(text.offline(folder), passing=True)

    def _on_state(self, state: WatchState) -> None:
        folder = self._folder()
        if folder is None:
            return
        self._state = state
        if not state.online:
            self.label.setText("Folder is offline")
            self._say(text.offline(folder))
        else:
            self.label.setText("Looking now and then" if state.polling else "Watching")
            # Said once, unless it goes on to be otherwise meanwhile: it is the same for each folder of a drive.
            self._say(state.notice, once=True)
        self.label.setToolTip(state.notice or "Photos that arrive in this folder are shown by themselves")
        self.label.show()
        self._page.set_watching(state.online)

    def _on_failed(self, sentence: str) -> None:
        self.rest()
        self._say(f"The folder is not watched any more. {sentence}")

    def _on_sort_event(self, event: object) -> None:
        if isinstance(event, FilesPlaced):
            self._page.on_placed(event)

    def _say(self, sentence: str, *, once: bool = False) -> None:
        """Say this in place of what was said before."""
        if sentence == self._said:
            return
        if self._said:
            self._notice.take_back(self._said)
        self._said = sentence
        if sentence and not (once and sentence in self._said_once):
            self._said_once.add(sentence)
            self._notice.tell(sentence)
