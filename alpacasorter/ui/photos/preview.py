"""The preview beside the grid: the photo, its tag and its details."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QKeySequence, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.taken import Clock
from alpacasorter.i18n import _, confidence, ngettext, number
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.why import GrayPhotos, Why, WhyPanel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.wording.why import what_speaks
from alpacasorter.workers.pictures import PreviewLoader

_REST_MS = 60
"""How long the selection must rest before a photo is decoded, so that holding an arrow key down decodes none."""
_LEAST = 320
"""Least size to which a photo is decoded, pixels, so that enlarging the preview shows something at once."""
_NARROWEST = 290
_NO_NAME, _ONLY_BUTTONS = 170, 130
"""Heights below which the name and the tag in words are left out, so that the buttons are never cut, pixels."""
_LOW, _LOWEST = 270, 215
"""Heights below which first the details and then the picture are left out, pixels; the tags stay."""

_MAY_BREAK: Final = re.compile(r"(?<=[/\\_.-])")


class Picture(QWidget):
    """Paints one picture as large as it fits, but not enlarged."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Paint nothing."""
        super().__init__(parent)
        self._theme = theme
        self._pixmap = QPixmap()
        self._coarse = False
        self._overlay: QImage | None = None
        self._grays = GrayPhotos()
        self._words = ""
        self.setMinimumSize(QSize(80, 60))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_pixmap(self, pixmap: QPixmap, *, coarse: bool) -> None:
        """Paint this picture; a coarse one is enlarged until the real one is loaded."""
        self._pixmap, self._coarse, self._words = pixmap, coarse, ""
        self.update()

    def show_words(self, words: str) -> None:
        """Show this text in place of the picture."""
        self._pixmap, self._words = QPixmap(), words
        self.update()

    def set_overlay(self, overlay: QImage | None) -> None:
        """Paint colors with transparency over the picture, which is gray then, stretched to it; or none."""
        if overlay is not self._overlay:
            self._overlay = overlay
            self._grays.forget()
            self.update()

    @property
    def words(self) -> str:
        """The text in place of the picture."""
        return self._words

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture or the text."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        if self._pixmap.isNull():
            painter.setPen(QColor(self._theme.colors.muted))
            painter.drawText(
                area.adjusted(16, 16, -16, -16),
                int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
                self._words,
            )
        else:
            size = self._pixmap.size().toSizeF() / self.devicePixelRatioF()
            fitted = size.scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            if fitted.width() > size.width() and not self._coarse:
                fitted = size
            target = QRectF(0, 0, fitted.width(), fitted.height())
            target.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            if self._overlay is None:
                painter.drawPixmap(target, self._pixmap, QRectF(self._pixmap.rect()))
            else:
                painter.drawImage(target, self._grays.of(self._pixmap.toImage()))
                painter.drawImage(target, self._overlay)
        painter.end()


class Selection(NamedTuple):
    """How many photos are selected, how many of them have a tag, how many of those by the user, how many are listed.

    `place` is that of the current one.
    """

    total: int = 0
    judged: int = 0
    labeled: int = 0
    listed: int = 0
    place: int | None = None


def confirm_button(parent: QWidget) -> QPushButton:
    """Return a button that confirms the tag of a photo."""
    # Translators: a button that gives a label, and its key.
    words = _("{label}  ({keys})").format(label=_("Confirm"), keys=text.CONFIRM_KEY)
    button = QPushButton(words, parent)
    button.setToolTip(_("Make the tag that is shown your label"))
    button.setAutoDefault(False)
    return button


class PreviewPane(QFrame):
    """Shows the current photo, with buttons that tag the selected photos.

    Signals:
        labeled(str): the user tags the selected photos with this label.
        confirmed: the user confirms the tags of the selected photos.
        label_removed: the user wants their label removed from the selected photos.
    """

    labeled = Signal(str)
    confirmed = Signal()
    label_removed = Signal()

    def __init__(
        self,
        store: PhotoStore,
        thumbnails: Thumbnails,
        loader: PreviewLoader,
        theme: Theme,
        why: Why,
        parent: QWidget | None = None,
    ) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.setObjectName("preview")
        self._why = why
        self._store = store
        self._thumbnails = thumbnails
        self._loader = loader
        self._row: PhotoRow | None = None
        self._selected = Selection()
        self._loaded: tuple[Path, int] | None = None
        self._image: QImage | None = None
        self._shown: tuple[str | None, Path, bool] | None = None
        self.picture = Picture(theme, self)
        self.why = WhyPanel(why, store, thumbnails, theme, self)
        self.name = QLabel(self)
        self.name.setProperty("role", "heading")
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict = QLabel(self)
        self.details = QLabel(self)
        self.details.setProperty("role", "muted")
        for label in (self.name, self.verdict, self.details):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.positive = QPushButton(self)
        self.negative = QPushButton(self)
        tags = QHBoxLayout()
        tags.setSpacing(8)
        for button in (self.positive, self.negative):
            button.setCheckable(True)
            button.setAutoDefault(False)
            tags.addWidget(button, 1)
        self.positive.clicked.connect(lambda: self._choose(self._store.labels.positive))
        self.negative.clicked.connect(lambda: self._choose(self._store.labels.negative))
        self.confirm = confirm_button(self)
        self.confirm.clicked.connect(self.confirmed)
        self.remove_label = QPushButton(_("Remove my label"), self)
        self.remove_label.setProperty("flat", True)
        self.remove_label.setAutoDefault(False)
        keys = QKeySequence("Backspace").toString(QKeySequence.SequenceFormat.NativeText)
        self.remove_label.setToolTip(_("Let the model decide again  ({keys})").format(keys=keys))
        self.remove_label.clicked.connect(self.label_removed)
        # Its space is kept while it is hidden, so that the picture doesn't jump with every correction.
        own = QHBoxLayout()
        own.setSpacing(8)
        for button in (self.confirm, self.remove_label):
            kept = button.sizePolicy()
            kept.setRetainSizeWhenHidden(True)
            button.setSizePolicy(kept)
            own.addWidget(button)
        own.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.why)
        layout.addWidget(self.name)
        layout.addWidget(self.verdict)
        layout.addWidget(self.details)
        # At the bottom, where they keep their place however many lines there are above them.
        layout.addLayout(tags)
        layout.addLayout(own)
        self.setMinimumWidth(_NARROWEST)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._load)
        loader.loaded.connect(self._on_loaded)
        loader.failed.connect(self._on_failed)
        thumbnails.ready.connect(self._on_thumbnail)
        why.changed.connect(self._show_why)
        why.toggled.connect(self._ask_why)
        self.show_photo(None, Selection())

    @property
    def buttons(self) -> list[QAbstractButton]:
        """Its buttons, from top to bottom."""
        return [*self.why.neighbors, self.positive, self.negative, self.confirm, self.remove_label]

    def show_photo(self, row: PhotoRow | None, selected: Selection) -> None:
        """Show a photo, or none; `selected` says how many are selected in the grid."""
        another = row is not self._row
        self._row, self._selected = row, selected
        if another:
            self._shown = None
            self._rest.start()
        self.refresh()
        if another:
            self._show_thumbnail()

    def refresh(self) -> None:
        """Update everything but the picture."""
        row, labels = self._row, self._store.labels
        self._why.show(row)
        judged = row is not None and row.probability is not None
        self.confirm.setEnabled(self._selected.judged > self._selected.labeled)
        for button in (self.positive, self.negative, self.confirm):
            button.setVisible(judged or (row is not None and self._selected.judged > 0))
        self.remove_label.setVisible(judged and row is not None and row.correction is not None)
        if row is None:
            # An empty list says itself why it is empty.
            self.picture.show_words(_("Select a photo to see it here.") if self._selected.listed else "")
            for label in (self.name, self.verdict, self.details):
                label.clear()
            return
        for button, tag in ((self.positive, labels.positive), (self.negative, labels.negative)):
            # Translators: a button that gives a label, and its key.
            words = _("{label}  ({keys})").format(label=labels.display(tag), keys=text.key_for(labels, tag))
            button.setText(words.replace("&", "&&"))
            name = labels.display(tag)
            if self._selected.judged > 1:
                said = ngettext(
                    "Tag the {count} selected photo {label}",
                    "Tag the {count} selected photos {label}",
                    self._selected.judged,
                ).format(count=number(self._selected.judged), label=name)
            else:
                said = _("Tag {photo} {label}").format(photo=row.name, label=name)
            button.setAccessibleDescription(said)
        counts_as = self._store.label(row)
        self._check(counts_as)
        self.name.setText(row.name)
        self.verdict.setText(verdict(row, self._store, self._selected))
        self.details.setText(_details(row, self._store.clocks))
        self._follow(row)
        self._ask_why()

    def _choose(self, label: str) -> None:
        self._check(label)
        self.labeled.emit(label)

    def _check(self, label: str | None) -> None:
        # Not a QButtonGroup: of its buttons, the Tab key would reach only the one that is checked.
        self.positive.setChecked(label == self._store.labels.positive)
        self.negative.setChecked(label == self._store.labels.negative)

    def _follow(self, row: PhotoRow) -> None:
        """Show the picture again if the file has changed, or if it was moved before it was loaded."""
        before, self._shown = self._shown, (row.key, row.path, row.reason is None)
        if before is None or before == self._shown or row.gone:
            return
        key, path, could_be_read = before
        if (key is not None and key != row.key) or could_be_read != (row.reason is None):
            self._loaded = self._image = None
            self._show_thumbnail()
            self._rest.start()
        elif path != row.path and (self._loaded is None or self._loaded[1] == 0):
            self._rest.start()

    def _show_thumbnail(self) -> None:
        row = self._row
        if row is None:
            return
        is_known = row.key is not None and row.reason is None
        pixmap = self._thumbnails.get(row.key or "", row.path, row.key_before) if is_known else None
        if pixmap is not None and not pixmap.isNull():
            self.picture.show_pixmap(pixmap, coarse=True)
        else:
            self.picture.show_words("" if row.reason is None else _("No preview"))

    def _on_thumbnail(self, key: str) -> None:
        if self._row is not None and self._row.key == key and self._loaded is None:
            self._show_thumbnail()

    def _load(self) -> None:
        self._loaded = self._image = None
        if self._row is not None and self._row.reason is None and self.isVisible():
            self._loader.request(self._row.path, self._side_needed())
        else:
            self._why.ask()

    def _ask_why(self) -> None:
        """Ask why, as soon as the photo is decoded: the model may need no more than that."""
        if self._rest.isActive():
            return
        if self._loaded is not None or not self.isVisible():
            self._why.ask(self._image)

    def _show_why(self) -> None:
        self.picture.set_overlay(self._why.overlay(self._row))
        answer = self._why.answer
        said = "" if answer is None else what_speaks(answer, self._store.labels)
        self.picture.setAccessibleDescription(said)
        # In a low window there is no space for it elsewhere.
        self.picture.setToolTip(said)

    def _side_needed(self) -> int:
        size = self.picture.size() * self.devicePixelRatioF()
        return max(_LEAST, min(size.width(), size.height()))

    def _on_loaded(self, path: Path, image: QImage) -> None:
        if self._row is not None and self._row.path == path:
            self._loaded, self._image = (path, min(image.width(), image.height())), image
            self.picture.show_pixmap(QPixmap.fromImage(image), coarse=False)
            self._ask_why()

    def _on_failed(self, path: Path, reason: str) -> None:
        if self._row is not None and self._row.path == path:
            self._loaded, self._image = (path, 0), None
            self.picture.show_words(reason)
            self._ask_why()

    def resizeEvent(self, event: object) -> None:
        """Decode the photo again if there is space for a larger picture; leave out what there is no space for."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.details.setVisible(self.height() >= _LOW)
        self.picture.setVisible(self.height() >= _LOWEST)
        self.name.setVisible(self.height() >= _NO_NAME)
        self.verdict.setVisible(self.height() >= _ONLY_BUTTONS)
        self.why.set_room(self.height())
        if self._loaded is not None and self._side_needed() > self._loaded[1]:
            self._rest.start()

    def showEvent(self, event: object) -> None:
        """Load the photo that was selected while the pane was hidden."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._rest.start()


def _details(row: PhotoRow, clocks: tuple[Clock, ...]) -> str:
    lines = []
    if row.facts is not None:
        taken = row.taken(clocks)
        if taken is not None:
            lines.append(text.taken(taken))
        lines.append(
            _("{width} × {height} pixels, {format}").format(
                width=number(row.facts.width), height=number(row.facts.height), format=row.facts.format
            )
        )
    # Zero-width spaces, so that a long path wraps instead of being cut off.
    lines.append(_MAY_BREAK.sub("\u200b", text.folder(row.path.parent)))
    return "\n".join(lines)


def verdict(row: PhotoRow, store: PhotoStore, selected: Selection) -> str:
    """Return what a photo is tagged as and by whom, in sentences.

    Args:
        row: the photo.
        store: the store it belongs to.
        selected: how many photos are selected.
    """
    said = [_verdict_on_one(row, store)]
    if earlier := store.earlier_tag(row):
        # Translators: the tag that a photo had before it changed, as in "Changed from Alpaca, 73% sure."
        words = _("Changed from {label}, {confidence} sure.")
        said.append(words.format(label=store.labels.display(earlier.label), confidence=confidence(earlier.confidence)))
    if selected.judged and selected.total > 1:
        said.append(_what_is_tagged(selected))
    return "\n".join(said)


def _verdict_on_one(row: PhotoRow, store: PhotoStore) -> str:
    if row.reason is not None:
        return reasons.sentence(row.reason)
    label, probability = store.label(row), store.confidence(row)
    if label is None or probability is None:
        return _("Not judged yet.")
    if row.correction is not None:
        words = _("You tagged this {label}.")
    elif store.is_unsure(row):
        words = _("Probably {label}, but only {confidence} sure.")
    else:
        words = _("{label}, {confidence} sure.")
    return words.format(label=store.labels.display(label), confidence=confidence(probability))


def _what_is_tagged(selected: Selection) -> str:
    """Return how many photos the buttons tag."""
    if selected.judged == selected.total:
        words = ngettext(
            "The buttons tag the {count} selected photo.",
            "The buttons tag all {count} selected photos.",
            selected.total,
        )
        return words.format(count=number(selected.total))
    words = ngettext(
        "The buttons tag {judged} of {count} selected photos; the other one has no tag.",
        "The buttons tag {judged} of {count} selected photos; the others have no tag.",
        selected.total - selected.judged,
    )
    return words.format(judged=number(selected.judged), count=number(selected.total))
