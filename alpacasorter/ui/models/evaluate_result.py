"""The result of a test: the accuracy in words, the gallery of mistakes, and what was left out."""

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
from alpacasorter.i18n import _, confidence, ngettext, number
from alpacasorter.ui.widgets import tag as tags
from alpacasorter.ui.widgets.theme import RADIUS, Theme, paint_icon
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.workers.evaluating import EvaluationResult
from alpacasorter.workers.pictures import ThumbnailLoader


class ResultPanel(QWidget):
    """Shows the result of a test.

    Signals:
        open_photo(Path): the user wants to see a photo.
    """

    open_photo = Signal(object)

    def __init__(self, pictures: ThumbnailLoader, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._result: EvaluationResult | None = None
        self.headline = self._label("heading")
        self.comparison = self._label("muted")
        self.warnings = self._label("warning")
        # A file's name may look like markup.
        self.warnings.setTextFormat(Qt.TextFormat.PlainText)
        self.version = QComboBox(self)
        self.version.setAccessibleName(_("Version of the model"))
        self.version.addItem(_("The model as it is now"), True)
        self.version.addItem(_("The model as shipped"), False)
        self.version.currentIndexChanged.connect(self._show_version)
        self.mistakes = MistakesView(Thumbnails(pictures, self), theme, self)
        self.mistakes.activated.connect(self._on_activated)
        self.faultless = QLabel(_("Every photo was judged correctly."), self)
        self.faultless.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.gallery = QStackedWidget(self)
        self.gallery.addWidget(self.mistakes)
        self.gallery.addWidget(self.faultless)
        self.left_out = QListWidget(self)
        self.left_out.setAccessibleName(_("Left out"))
        self.left_out.setWordWrap(True)
        self.left_out.setSpacing(3)
        self.left_out.setFrameShape(QListWidget.Shape.NoFrame)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.gallery, _("Mistakes"))
        self.tabs.addTab(self.left_out, _("Left out"))
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
        """Return the widgets in the order of the Tab key."""
        return (self.version, self.tabs.tabBar(), self.mistakes, self.left_out)

    @property
    def shows_learned(self) -> bool:
        """Whether the shown version of the model is the one that has learned from corrections."""
        return self._result is not None and self._result.evaluation.learned is not None and self.version.currentData()

    def show_result(self, result: EvaluationResult) -> None:
        """Show the result of a test."""
        self._result = result
        self.version.setVisible(result.evaluation.learned is not None)
        self.version.blockSignals(True)
        self.version.setCurrentIndex(0)
        self.version.blockSignals(False)
        self._show_left_out(result)
        self._show_version()
        self.tabs.setCurrentIndex(0)
        self.setFocusProxy(self.mistakes if self.mistakes.photos.photos else self.tabs.tabBar())

    def _show_version(self) -> None:
        # Imported here, because these import NumPy, which the first window must not wait for.
        from alpacasorter.ml.evaluation.evaluate import warnings
        from alpacasorter.ml.evaluation.report import in_words

        result = self._result
        if result is None:
            return
        evaluation = result.evaluation
        learned = evaluation.learned if self.shows_learned else None
        shown = learned or evaluation.shipped
        names = evaluation.class_names
        self.headline.setText(in_words(shown.metrics.confusion, names))
        other = evaluation.shipped if learned is not None else evaluation.learned
        if other is not None:
            # Translators: {result} is for example "38 of 40 photos judged correctly (95.0%). Alpaca: …"
            words = (
                _("Before learning: {result}")
                if learned is not None
                else _("As it is now, with your corrections: {result}")
            )
            self.comparison.setText(words.format(result=in_words(other.metrics.confusion, names)))
        self.comparison.setVisible(other is not None)
        cautions = warnings(evaluation, result.corrected if learned is not None else 0)
        self.warnings.setText("\n".join(cautions))
        self.warnings.setVisible(bool(cautions))
        photos = []
        for mistake in shown.mistakes:
            positive = mistake.probability >= evaluation.threshold
            certainty = mistake.probability if positive else 1.0 - mistake.probability
            actual, predicted = names[not positive], names[positive]
            photos.append(WrongPhoto(mistake.path, mistake.content_key, actual, predicted, certainty, positive))
        self.mistakes.show_photos(photos)
        self.gallery.setCurrentWidget(self.mistakes if photos else self.faultless)
        count = ngettext("{count} mistake", "{count} mistakes", len(photos)).format(count=number(len(photos)))
        self.tabs.setTabText(0, count if photos else _("No mistakes"))

    def _show_left_out(self, result: EvaluationResult) -> None:
        self.left_out.clear()
        evaluation = result.evaluation
        for name in evaluation.left_out:
            self.left_out.addItem(
                _("{name}: this subfolder is not named after a class.").format(name=display_path(name))
            )
        for problem in evaluation.problems:
            # Translators: {path} is a file or folder, {reason} a sentence.
            words = _("{path}: {reason}")
            path, reason = _within(problem.path, result.dataset), reasons.sentence(problem.reason)
            self.left_out.addItem(words.format(path=path, reason=reason))
        count = self.left_out.count()
        self.tabs.setTabText(1, ngettext("{count} left out", "{count} left out", count).format(count=number(count)))
        self.tabs.setTabVisible(1, count > 0)

    def _on_activated(self, index: QModelIndex) -> None:
        self.open_photo.emit(self.mistakes.photos.photos[index.row()].path)


def _within(path: Path, folder: Path) -> str:
    """Return a path relative to a folder that it is in."""
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
        actual: display name of its class.
        predicted: display name of the class that the model predicts.
        confidence: how certain the model is, 0 to 1.
        is_positive: whether the predicted class is the positive one.
    """

    path: Path
    key: str
    actual: str
    predicted: str
    confidence: float
    is_positive: bool

    def describe(self) -> str:
        """Return all of it in one line, for tooltips and screen readers."""
        # Translators: {file} is a photo, {actual} and {predicted} are classes, {confidence} is a percentage.
        return _("{file}: actual class {actual}, predicted {predicted} ({confidence})").format(
            file=display_path(self.path.name),
            actual=self.actual,
            predicted=self.predicted,
            confidence=confidence(self.confidence),
        )


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
        """Return a photo (PhotoRole), its name, or its text for screen readers and tooltips."""
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
    """Paints one photo with the tag that the model gave it, and its actual class."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a cell, which is the same for all."""
        lines = 2 * QFontMetrics(option.font).height()
        return QSize(_TILE.width() + 2 * (_PAD + _GAP), _TILE.height() + tags.HEIGHT + lines + 4 * _PAD + 2 * _GAP - 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one photo."""
        photo: WrongPhoto = index.data(MistakesModel.PhotoRole)
        colors, metrics = self._theme.colors, QFontMetrics(option.font)
        painter.save()
        card = QRect(option.rect.topLeft(), self.sizeHint(option, index)).adjusted(_GAP, _GAP, -_GAP, -_GAP)
        self._paint_card(painter, card, option.state)
        picture = QRect(card.topLeft() + QPoint(_PAD, _PAD), _TILE)
        self._paint_picture(painter, picture, photo)
        font = tags.tag_font(option.font)
        tag = tags.Tag(f"{photo.predicted}  {confidence(photo.confidence)}", "", photo.is_positive)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(picture.left(), picture.bottom() + 1 + _PAD)
        tag.draw(painter, tag.size(QFontMetrics(font), _TILE.width()), font, colors)
        painter.restore()
        painter.setFont(option.font)
        line = QRect(picture.left(), picture.bottom() + 1 + 2 * _PAD + tags.HEIGHT - 3, _TILE.width(), metrics.height())
        # Translators: below a photo that the model judged wrong; {name} is its class.
        actual = _("Actual: {name}").format(name=photo.actual)
        for color, words in ((colors.text, actual), (colors.muted, index.data())):
            painter.setPen(QColor(color))
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, line.width())
            painter.drawText(line, _ONE_LINE, shown)
            line.translate(0, metrics.height() + 1)
        painter.restore()

    def _paint_card(self, painter: QPainter, card: QRect, state: QStyle.StateFlag) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        marked = selected or bool(state & QStyle.StateFlag.State_HasFocus)
        width = 2.0 if marked else 1.0
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(colors.accent_soft if selected else colors.card))
        painter.setPen(QPen(QColor(colors.accent if marked else colors.border), width))
        painter.drawRoundedRect(QRectF(card).adjusted(width / 2, width / 2, -width / 2, -width / 2), RADIUS, RADIUS)

    def _paint_picture(self, painter: QPainter, area: QRect, photo: WrongPhoto) -> None:
        colors = self._theme.colors
        pixmap = self._thumbnails.get(photo.key, photo.path)
        if pixmap is None or pixmap.isNull():
            painter.fillRect(area, QColor(colors.raised))
            icon = QRectF(0, 0, _ICON, _ICON)
            icon.moveCenter(QRectF(area).center())
            paint_icon(painter, "picture", colors.muted, icon)
            return
        size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(QPoint(0, 0), size)
        target.moveCenter(area.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, pixmap)


class MistakesView(QListView):
    """Shows the photos that were judged wrong; `activated` (Enter, double-click) asks to open one."""

    def __init__(self, thumbnails: Thumbnails, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        # The style sheet styles every grid of photos by this name.
        self.setObjectName("grid")
        self.setAccessibleName(_("Photos that the model got wrong"))
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
        """Show these photos and select the first one."""
        self._thumbnails.set_size(_TILE, self.devicePixelRatioF())
        self.photos.set_photos(photos)
        if photos:
            self.setCurrentIndex(self.photos.index(0))
