"""The outcome of a test: the figures in plain words, the gallery of mistakes, and what was left out.

The gallery of photos that the model judged wrong: what each is, what the model says, and how sure it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import percent
from alpacasorter.ui.widgets import tag as tags
from alpacasorter.ui.widgets.theme import RADIUS, Theme, paint_icon
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.workers.evaluating import Outcome
from alpacasorter.workers.pictures import ThumbnailLoader

_VERSIONS = (("The model as it is now", True), ("The model as it was shipped", False))


class ResultPanel(QWidget):
    """Shows the outcome of a test.

    Signals:
        open_photo(Path): the user wants to see a photo.
    """

    open_photo = Signal(object)

    def __init__(self, pictures: ThumbnailLoader, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._outcome: Outcome | None = None
        self.headline = self._label("heading")
        self.comparison = self._label("muted")
        self.warnings = self._label("warning")
        self.version = QComboBox(self)
        self.version.setAccessibleName("Whose mistakes are shown")
        for words, learned in _VERSIONS:
            self.version.addItem(words, learned)
        self.version.currentIndexChanged.connect(self._show_version)
        self.mistakes = MistakesView(Thumbnails(pictures, self), theme, self)
        self.mistakes.activated.connect(self._on_activated)
        self.faultless = QLabel("Every photo was judged right.", self)
        self.faultless.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.gallery = QStackedWidget(self)
        self.gallery.addWidget(self.mistakes)
        self.gallery.addWidget(self.faultless)
        self.left_out = QListWidget(self)
        self.left_out.setAccessibleName("Left out")
        self.left_out.setWordWrap(True)
        self.left_out.setSpacing(3)
        self.left_out.setFrameShape(QListWidget.Shape.NoFrame)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.gallery, "Mistakes")
        self.tabs.addTab(self.left_out, "Left out")
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self.headline, 1)
        top.addWidget(self.version, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.comparison)
        layout.addWidget(self.warnings)
        layout.addWidget(self.tabs, 1)
        self.setFocusProxy(self.tabs.tabBar())

    def _label(self, role: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def focus_order(self) -> tuple[QWidget, ...]:
        """Return what the Tab key goes through, as the eye does."""
        return (self.version, self.tabs.tabBar(), self.mistakes, self.left_out)

    @property
    def shows_learned(self) -> bool:
        """Whether the version of the model is shown that has learned from corrections."""
        return self._outcome is not None and self._outcome.evaluation.learned is not None and self.version.currentData()

    def show_result(self, outcome: Outcome) -> None:
        """Show the outcome of a test."""
        self._outcome = outcome
        self.version.setVisible(outcome.evaluation.learned is not None)
        self.version.blockSignals(True)
        self.version.setCurrentIndex(0)
        self.version.blockSignals(False)
        self._show_left_out(outcome)
        self._show_version()
        self.tabs.setCurrentIndex(0)
        self.setFocusProxy(self.mistakes if self.mistakes.photos.photos else self.tabs.tabBar())

    def _show_version(self) -> None:
        # NumPy is there by now, since the engine measured with it; the first window does not wait for it.
        from alpacasorter.ml.evaluation.evaluate import warnings
        from alpacasorter.ml.evaluation.report import in_words

        outcome = self._outcome
        if outcome is None:
            return
        evaluation = outcome.evaluation
        learned = evaluation.learned if self.shows_learned else None
        shown = learned or evaluation.shipped
        names = evaluation.class_names
        self.headline.setText(in_words(shown.metrics.confusion, names))
        other = evaluation.shipped if learned is not None else evaluation.learned
        if other is not None:
            whose = "As it was shipped" if learned is not None else "As it is now, with your corrections"
            self.comparison.setText(f"{whose}: {in_words(other.metrics.confusion, names)}")
        self.comparison.setVisible(other is not None)
        cautions = warnings(evaluation, outcome.corrected if learned is not None else 0)
        self.warnings.setText("\n".join(cautions))
        self.warnings.setVisible(bool(cautions))
        photos = []
        for mistake in shown.mistakes:
            positive = mistake.probability >= evaluation.threshold
            confidence = mistake.probability if positive else 1.0 - mistake.probability
            truth, said = names[not positive], names[positive]
            photos.append(WrongPhoto(mistake.path, mistake.content_key, truth, said, confidence, positive))
        self.mistakes.show_photos(photos)
        self.gallery.setCurrentWidget(self.mistakes if photos else self.faultless)
        self.tabs.setTabText(0, text.count(len(photos), "mistake") if photos else "No mistakes")

    def _show_left_out(self, outcome: Outcome) -> None:
        self.left_out.clear()
        evaluation = outcome.evaluation
        for name in evaluation.left_out:
            self.left_out.addItem(f"{display_path(name)}: this sub-folder is named after neither class.")
        for problem in evaluation.problems:
            self.left_out.addItem(f"{_within(problem.path, outcome.dataset)}: {reasons.sentence(problem.reason)}")
        count = self.left_out.count()
        self.tabs.setTabText(1, f"{count:,} left out")
        self.tabs.setTabVisible(1, count > 0)

    def _on_activated(self, index: QModelIndex) -> None:
        self.open_photo.emit(self.mistakes.photos.photos[index.row()].path)


def _within(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder that it is in."""
    try:
        return display_path(path.relative_to(folder))
    except ValueError:
        return display_path(path)


Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_TILE = QSize(184, 144)
_PAD = 8
_GAP = 6
_ICON = 32
_ONE_LINE = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine


@dataclass(frozen=True, slots=True)
class WrongPhoto:
    """A photo that was judged wrong.

    Attributes:
        path: where it is.
        key: content key.
        truth: what it is, as people read it.
        said: what the model says, as people read it.
        confidence: how sure the model is, 0 to 1.
        said_positive: whether it says the positive class.
    """

    path: Path
    key: str
    truth: str
    said: str
    confidence: float
    said_positive: bool

    def describe(self) -> str:
        """Return all of it in one line, for tool tips and screen readers."""
        name = display_path(self.path.name)
        return f"{name}: is {self.truth.lower()}, the model says {self.said.lower()}, {percent(self.confidence)} sure"


class MistakesModel(QAbstractListModel):
    """The photos that were judged wrong, in the order given."""

    PhotoRole = Qt.ItemDataRole.UserRole + 1

    def __init__(self, parent: QObject | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self.photos: Sequence[WrongPhoto] = ()

    def set_photos(self, photos: Sequence[WrongPhoto]) -> None:
        """Show these photos."""
        self.beginResetModel()
        self.photos = photos
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return how many photos there are."""
        return 0 if parent.isValid() else len(self.photos)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a photo (PhotoRole), its name, or what a screen reader and a tool tip say of it."""
        if not index.isValid():
            return None
        photo = self.photos[index.row()]
        if role == self.PhotoRole:
            return photo
        if role == Qt.ItemDataRole.DisplayRole:
            return display_path(photo.path.name)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return photo.describe()
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{photo.describe()}\n{display_path(photo.path)}"
        return None


class _Delegate(QStyledItemDelegate):
    """Paints one photo with the tag that the model gave it, and what it is."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a cell; all are of one size."""
        lines = 2 * QFontMetrics(option.font).height()
        return QSize(_TILE.width() + 2 * (_PAD + _GAP), _TILE.height() + tags.HEIGHT + lines + 4 * _PAD + 2 * _GAP - 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one photo."""
        photo: WrongPhoto = index.data(MistakesModel.PhotoRole)
        colours, metrics = self._theme.colours, QFontMetrics(option.font)
        painter.save()
        card = QRect(option.rect.topLeft(), self.sizeHint(option, index)).adjusted(_GAP, _GAP, -_GAP, -_GAP)
        self._paint_card(painter, card, option.state)
        picture = QRect(card.topLeft() + QPoint(_PAD, _PAD), _TILE)
        self._paint_picture(painter, picture, photo)
        font = tags.tag_font(option.font)
        tag = tags.Tag(f"{photo.said}  {percent(photo.confidence)}", "", photo.said_positive)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(picture.left(), picture.bottom() + 1 + _PAD)
        tag.draw(painter, tag.size(QFontMetrics(font), _TILE.width()), font, colours)
        painter.restore()
        painter.setFont(option.font)
        line = QRect(picture.left(), picture.bottom() + 1 + 2 * _PAD + tags.HEIGHT - 3, _TILE.width(), metrics.height())
        for colour, words in ((colours.text, f"in fact: {photo.truth.lower()}"), (colours.muted, index.data())):
            painter.setPen(QColor(colour))
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, line.width())
            painter.drawText(line, _ONE_LINE, shown)
            line.translate(0, metrics.height() + 1)
        painter.restore()

    def _paint_card(self, painter: QPainter, card: QRect, state: QStyle.StateFlag) -> None:
        colours = self._theme.colours
        selected = bool(state & QStyle.StateFlag.State_Selected)
        marked = selected or bool(state & QStyle.StateFlag.State_HasFocus)
        width = 2.0 if marked else 1.0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(colours.accent_soft if selected else colours.card))
        painter.setPen(QPen(QColor(colours.accent if marked else colours.border), width))
        painter.drawRoundedRect(QRectF(card).adjusted(width / 2, width / 2, -width / 2, -width / 2), RADIUS, RADIUS)

    def _paint_picture(self, painter: QPainter, area: QRect, photo: WrongPhoto) -> None:
        colours = self._theme.colours
        pixmap = self._thumbnails.get(photo.key, photo.path)
        if pixmap is None or pixmap.isNull():
            painter.fillRect(area, QColor(colours.raised))
            icon = QRectF(0, 0, _ICON, _ICON)
            icon.moveCenter(QRectF(area).center())
            paint_icon(painter, "picture", colours.muted, icon)
            return
        size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(QPoint(0, 0), size)
        target.moveCenter(area.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, pixmap)


class MistakesView(QListView):
    """Shows the photos that were judged wrong; `activated` (Enter, double click) asks for one to be opened."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        # The style sheet dresses every grid of photos by this name.
        self.setObjectName("grid")
        self.setAccessibleName("Photos that were judged wrong")
        self.photos = MistakesModel(self)
        self._thumbnails = thumbnails
        self.setModel(self.photos)
        self.setItemDelegate(_Delegate(thumbnails, theme, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.verticalScrollBar().setSingleStep(48)
        thumbnails.ready.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

    def show_photos(self, photos: Sequence[WrongPhoto]) -> None:
        """Show these photos, the first one chosen."""
        self._thumbnails.set_size(_TILE, self.devicePixelRatioF())
        self.photos.set_photos(photos)
        if photos:
            self.setCurrentIndex(self.photos.index(0))
