"""The first page: a place to drop a folder, and the recent folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.theme import Theme, app_icon, icon
from alpacasorter.wording import text

_ICON_SIDE = 96
_WIDTH = 560
_MOST_RECENT = 5


class WelcomePage(QWidget):
    """Shown while no folder is open.

    Signals:
        choose: the user wants to choose a folder.
        open(Path): the user chose one of the recent folders.
        forget(Path): the user wants it removed from the list.
    """

    choose = Signal()
    open = Signal(object)
    forget = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show the place to drop a folder; the recent folders are added later."""
        super().__init__(parent)
        self._theme = theme
        self._recent: list[Path] = []
        self.drop = QFrame(self)
        self.drop.setObjectName("drop")
        picture = QLabel(self.drop)
        picture.setPixmap(app_icon().pixmap(QSize(_ICON_SIDE, _ICON_SIDE), self.devicePixelRatioF()))
        title = QLabel(_("Drop a folder of photos here"), self.drop)
        title.setProperty("role", "title")
        self.hint = QLabel(_("Every photo gets a tag. Fix the wrong ones, and the app learns from you."), self.drop)
        self.hint.setProperty("role", "muted")
        self.button = QPushButton(_("Choose a folder…"), self.drop)
        self.button.setProperty("primary", True)
        self.button.setDefault(True)
        self.button.clicked.connect(self.choose)
        promise = QLabel(_("Everything stays on this computer. Photos are never changed or uploaded."), self)
        promise.setProperty("role", "muted")

        inside = QVBoxLayout(self.drop)
        inside.setContentsMargins(32, 32, 32, 32)
        inside.setSpacing(10)
        for widget in (picture, title, self.hint):
            inside.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        inside.addSpacing(8)
        inside.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)

        self._list_title = QLabel(_("Recent folders"), self)
        self._list_title.setProperty("role", "heading")
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(self.drop)
        column.addWidget(promise, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(14)
        column.addWidget(self._list_title)
        column.addLayout(self._list)
        column.addStretch(3)
        self.drop.setMinimumWidth(_WIDTH)
        around = QHBoxLayout(self)
        around.setContentsMargins(24, 16, 24, 16)
        around.addStretch(1)
        around.addLayout(column)
        around.addStretch(1)
        self._list_title.hide()
        theme.changed.connect(self._fill)

    def set_hot(self, hot: bool) -> None:
        """Highlight the place to drop while a folder is dragged over the window."""
        if self.drop.property("hot") != hot:
            self.drop.setProperty("hot", hot)
            self.drop.style().unpolish(self.drop)
            self.drop.style().polish(self.drop)

    def set_recent(self, folders: Sequence[Path]) -> None:
        """Show the recent folders, newest first."""
        self._recent = list(folders)[:_MOST_RECENT]
        self._fill()

    def _fill(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._list_title.setVisible(bool(self._recent))
        for folder in self._recent:
            self._list.addWidget(self._entry(folder))

    def _entry(self, folder: Path) -> QWidget:
        entry = QWidget(self)
        row = QHBoxLayout(entry)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        button = QToolButton(entry)
        button.setIcon(icon("folder", self._theme.colors.accent))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        shown = self.fontMetrics().elidedText(text.folder(folder), Qt.TextElideMode.ElideMiddle, _WIDTH - 90)
        button.setText(f" {shown}".replace("&", "&&"))
        button.setToolTip(text.folder(folder))
        button.clicked.connect(lambda: self.open.emit(folder))
        forget = QToolButton(entry)
        forget.setIcon(icon("close", self._theme.colors.muted))
        forget.setToolTip(_("Remove from this list. The folder itself is kept."))
        forget.setAccessibleName(_("Remove {folder} from this list").format(folder=display_path(folder.name)))
        forget.clicked.connect(lambda: self.forget.emit(folder))
        row.addWidget(button)
        row.addStretch(1)
        row.addWidget(forget)
        return entry

    def changeEvent(self, event: QEvent) -> None:
        """Elide the paths again if the font has changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fill()
