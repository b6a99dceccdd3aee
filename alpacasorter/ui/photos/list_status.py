"""What is said about the list of photos: how it is out of date, on the button that updates it, and why it is empty."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QKeySequence, QPainter
from PySide6.QtWidgets import QPushButton, QWidget

from alpacasorter.core.events import Finished
from alpacasorter.i18n import _, ngettext, number, percent
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.model import OutOfDate
from alpacasorter.ui.widgets.theme import Colors
from alpacasorter.wording import text


class UpdateButton(QPushButton):
    """Updates the list, and says how it is out of date. Its space is kept while it is hidden, so that nothing moves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__(parent)
        self.setObjectName("chip")
        self.setAutoDefault(False)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance(difference(OutOfDate(888, 88))) + 24)
        kept = self.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.setSizePolicy(kept)
        self.hide()

    def tell(self, differing: OutOfDate) -> None:
        """Say how the list is out of date, or hide."""
        self.setText(difference(differing))
        self.setToolTip(why_different(differing))
        self.setVisible(bool(differing))


def difference(differing: OutOfDate) -> str:
    """Return in a few words what updating the list would change."""
    more = ngettext("{count} more", "{count} more", differing.more).format(count=number(differing.more))
    fewer = ngettext("{count} fewer", "{count} fewer", differing.fewer).format(count=number(differing.fewer))
    if differing.more and differing.fewer:
        # Translators: photos, as in "12 more, 3 fewer".
        return _("{more}, {fewer}").format(more=more, fewer=fewer)
    return more if differing.more else fewer if differing.fewer else _("Update order")


def why_different(differing: OutOfDate) -> str:
    """Return what updating the list would change, in sentences."""
    said = []
    if differing.more:
        said.append(
            ngettext(
                "{count} photo belongs here now and is not listed yet.",
                "{count} photos belong here now and are not listed yet.",
                differing.more,
            ).format(count=number(differing.more))
        )
    if differing.fewer:
        said.append(
            ngettext(
                "{count} photo that is listed no longer belongs here.",
                "{count} photos that are listed no longer belong here.",
                differing.fewer,
            ).format(count=number(differing.fewer))
        )
    if differing.order:
        said.append(_("Some photos are no longer in the order that you chose."))
    said.append(
        _("Click to update the list ({keys}).").format(
            keys=QKeySequence("Shift+F5").toString(QKeySequence.SequenceFormat.NativeText)
        )
    )
    return "\n".join(said)


def why_empty(
    which: Filter, store: PhotoStore, finished: Finished | None, *, recursive: bool, watching: bool = False
) -> str:
    """Return why a filter shows no photos: a title, then lines with details.

    Args:
        which: the filter.
        store: all photos.
        finished: how the scan ended; None before.
        recursive: whether subfolders are included.
        watching: whether the folder is watched.
    """
    if finished is None and not store.rows:
        return ""
    lines = _empty_titles(store)[which]
    if which is Filter.ALL and finished is not None:
        if finished.sorted_folders:
            lines.append(text.sorted_folders(finished.sorted_folders))
        lines += [f"{words}." for words in text.skipped_words(finished)]
        if finished.left_alone:
            ignored = ngettext("{count} other file ignored.", "{count} other files ignored.", finished.left_alone)
            lines.append(ignored.format(count=number(finished.left_alone)))
        if not recursive:
            lines.append(_("Subfolders are not included. You can change that in Settings."))
        if watching:
            lines.append(_("New photos are shown as they arrive."))
    return "\n".join(lines)


def _empty_titles(store: PhotoStore) -> dict[Filter, list[str]]:
    """Return a title for each filter that shows nothing, and what there is to say about the filter."""
    labels, no_tag = store.labels, _("No photo is tagged {label}.")
    return {
        Filter.ALL: [_("No photos in this folder.")],
        Filter.POSITIVE: [no_tag.format(label=labels.display(labels.positive))],
        Filter.NEGATIVE: [no_tag.format(label=labels.display(labels.negative))],
        Filter.UNSURE: [
            _("No unsure photos."),
            _("The model is at least {confidence} sure of each photo.").format(confidence=percent(store.unsure_below)),
        ],
        Filter.CORRECTED: [
            _("You have not labeled any photo here."),
            _("Click a tag that is wrong to correct it."),
        ],
        Filter.PROBLEMS: [_("No problems. Every photo could be read.")],
        Filter.CHANGED: [_("No other tags changed.")],
        Filter.NEW: [
            _("No new photos."),
            _("Photos that arrive while the folder is open are listed here."),
        ],
    }


def paint_empty(view: QWidget, words: str, usual: QFont, colors: Colors) -> None:
    """Paint why a list is empty into its view: a title, and below it lines with details.

    Args:
        view: where there would be photos.
        words: as `why_empty` returns them.
        usual: the font of the details; that of the title is larger.
        colors: those in use.
    """
    painter = QPainter(view)
    area = view.rect().adjusted(32, 32, -32, -32)
    title, _newline, more = words.partition("\n")
    painter.setPen(QColor(colors.text))
    font = QFont(usual)
    font.setPointSizeF(font.pointSizeF() * 1.3)
    painter.setFont(font)
    wrapped = Qt.TextFlag.TextWordWrap
    middle = QRect(area.left(), area.top(), area.width(), area.height() // 2)
    painter.drawText(middle, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | wrapped, title)
    painter.setPen(QColor(colors.muted))
    painter.setFont(usual)
    below = area.adjusted(0, middle.height() + 10, 0, 0)
    painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | wrapped, more)
    painter.end()
