"""Messages above and below the photos: progress of the scan, what was learned, new photos, notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.core.events import Learned, Progress
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.wording import text

LOW = 560
"""Height of the window below which there is less space between messages, pixels."""


class ElidedLabel(QLabel):
    """One line of text that ends with an ellipsis if there is not enough space."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as fits."""
        painter = QPainter(self)
        area = self.contentsRect().adjusted(6, 0, -6, 0)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        self.style().drawItemText(
            painter, area, Qt.AlignmentFlag.AlignVCenter, self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class ProgressStrip(QWidget):
    """The progress of a scan, with a button that stops it.

    Signals:
        stop: the user wants the scan to stop.
    """

    stop = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__(parent)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Scan"))
        self.words = QLabel(self)
        # Wide enough for any numbers, so that the length of the bar doesn't change all the time.
        widest = text.progress(Progress(88_888, 99_999, 888.0, 88 * 60.0))
        self.words.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest))
        self.stop_button = QPushButton(_("Stop"), self)
        self.stop_button.setToolTip(_("Stop the scan (Esc). The results so far are kept."))
        self.stop_button.clicked.connect(self.stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(12)
        layout.addWidget(self.bar, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.words)
        layout.addWidget(self.stop_button)
        self.hide()

    def start(self) -> None:
        """Show that a scan has begun; how many photos there are is not known yet."""
        self.bar.setRange(0, 0)
        self.words.setText(_("Looking for photos…"))
        self.show()

    def update_progress(self, event: Progress) -> None:
        """Show the progress of the scan."""
        self.bar.setRange(0, max(1, event.total))
        self.bar.setValue(event.done)
        self.words.setText(text.progress(event))


def make_compact(strip: QFrame, row: QHBoxLayout, low: bool) -> None:
    """Give a strip of text little space around it, or more."""
    if strip.property("low") != low:
        strip.setProperty("low", low)
        row.setContentsMargins(12, 0 if low else 6, 6, 0 if low else 6)
        # A style sheet reads a property only once.
        strip.style().unpolish(strip)
        strip.style().polish(strip)


class Strip(QFrame):
    """A line of text with buttons, and a cross that hides it.

    Signals:
        wanted_changed: it has something to say, or has nothing to say any more.
    """

    wanted_changed = Signal()

    def __init__(self, name: str, theme: Theme, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.wanted = False
        self._gives_way = False
        self.setObjectName(name)
        self._theme = theme
        self._buttons: list[QPushButton] = []
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        # File names and sentences of others may look like HTML.
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.close_button = QToolButton(self)
        self.close_button.setToolTip(_("Close"))
        self.close_button.setAccessibleName(_("Close this message"))
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.clicked.connect(self.hide)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 6, 6, 6)
        self._row.setSpacing(6)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.close_button)
        theme.changed.connect(self._set_icon)
        self._set_icon()
        self.hide()

    def _set_icon(self) -> None:
        self.close_button.setIcon(icon("close", self._theme.colors.muted))

    def set_low(self, low: bool) -> None:
        """Take less space, for a low window."""
        make_compact(self, self._row, low)

    def setVisible(self, visible: bool) -> None:
        """Show or hide it; while it gives way, it is shown only later."""
        changed, self.wanted = self.wanted != visible, visible
        super().setVisible(visible and not self._gives_way)
        if changed:
            self.wanted_changed.emit()

    def give_way(self, gives_way: bool) -> None:
        """Leave the space to another message, or come back."""
        self._gives_way = gives_way
        super().setVisible(self.wanted and not gives_way)

    @property
    def buttons(self) -> Sequence[QPushButton | QToolButton]:
        """The buttons from left to right."""
        return [*self._buttons, self.close_button]

    def add_button(self, words: str) -> QPushButton:
        button = QPushButton(words, self)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        self._row.insertWidget(self._row.count() - 1, button)
        self._buttons.append(button)
        return button


class LearnedBanner(Strip):
    """Says what was learned from a correction.

    Signals:
        show_changed: the user wants to see the photos whose tags changed.
        undo: the user wants to undo the correction.
    """

    show_changed = Signal()
    undo = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.show_button = self.add_button(_("Show"))
        self.show_button.setToolTip(_("Show the photos whose tags changed (Ctrl+8)"))
        self.undo_button = self.add_button(_("Undo"))
        self._offers = (False, False)
        self._asked = False
        self.show_button.clicked.connect(self.show_changed)
        self.undo_button.clicked.connect(self.undo)
        self.words.setToolTip(
            _("Copies of a photo count once. Labels that are set aside in the learning history do not count.")
        )

    def announce(self, words: str) -> None:
        """Say what was just done; what was learned from it follows."""
        self.words.setText(words)
        self._offer(show=False, undo=False)
        self.show()

    def tell(self, event: Learned, *, flipped: int, changed: int, can_undo: bool, done: str = "") -> None:
        """Say what was learned from a correction.

        Args:
            event: the outcome.
            flipped: how many other tags of the open folder it changed.
            changed: how many tags have changed that were not marked as seen.
            can_undo: whether the correction can be undone.
            done: what was done, a sentence; empty for a correction.
        """
        self.words.setText(" ".join(filter(None, (done, text.learned(event, flipped, changed)))))
        self._offer(show=changed > 0, undo=can_undo)
        self.show()

    def set_asked(self, asked: bool) -> None:
        """Set whether a `FlippedBanner` is shown, whose buttons would be taken for these."""
        self._asked = asked
        show, undo = self._offers
        self._offer(show=show, undo=undo)

    def _offer(self, *, show: bool, undo: bool) -> None:
        self._offers = show, undo
        self.show_button.setVisible(show and not self._asked)
        self.undo_button.setVisible(undo and not self._asked)


class FlippedBanner(Strip):
    """Says that one correction changed many other tags, until the user answers.

    Signals:
        keep: the user wants to keep what was learned.
        show_changed: the user wants to see the photos whose tags changed.
        undo: the user wants to undo the correction.
    """

    keep = Signal()
    show_changed = Signal()
    undo = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("alert", theme, parent)
        self.words.setProperty("role", "heading")
        self.show_button = self.add_button(_("Show"))
        self.show_button.setToolTip(_("Show the photos whose tags changed (Ctrl+8)"))
        self.undo_button = self.add_button(_("Undo"))
        self.undo_button.setToolTip(_("Undo the correction, and with it what was learned from it"))
        self.keep_button = self.add_button(_("Keep"))
        self.keep_button.setToolTip(_("Keep what was learned. Changed still lists the photos."))
        self.show_button.clicked.connect(self.show_changed)
        self.undo_button.clicked.connect(self.undo)
        self.keep_button.clicked.connect(self.keep)
        self.close_button.clicked.connect(self.keep)

    def say(self, words: str) -> None:
        """Show this text."""
        self.words.setText(words)
        self.show()


class QuestionBanner(Strip):
    """Asks a question with a button for each answer, until the user answers or closes it.

    Signals:
        answered(str): the user chose the answer with this name.
        closed: the user does not want to answer.
    """

    answered = Signal(str)
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.words.setProperty("role", "heading")
        self.close_button.clicked.connect(self.closed)

    @property
    def answers(self) -> Sequence[QPushButton]:
        """The buttons of the answers, in the order in which they were given."""
        return tuple(self._buttons)

    def ask(self, question: str, answers: Mapping[str, str], tips: Mapping[str, str] | None = None) -> None:
        """Ask a question instead of the one before.

        Args:
            question: one or more sentences.
            answers: what stands on the button of each answer, by name.
            tips: what follows from an answer, by name.
        """
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons.clear()
        self.words.setText(question)
        before: QWidget = self.close_button.previousInFocusChain() or self
        for name, words in answers.items():
            button = self.add_button(words.replace("&", "&&"))
            button.setToolTip((tips or {}).get(name, ""))
            # Read together with the button, which says little without it.
            button.setAccessibleDescription(" ".join(filter(None, (question, button.toolTip()))))
            # A click leaves the focus with the photos, as on all buttons of the window.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(partial(self._answer, name))
            QWidget.setTabOrder(before, button)
            before = button
        self.show()

    def _answer(self, name: str) -> None:
        self.hide()
        self.answered.emit(name)


class ChangedBanner(Strip):
    """Offers, while the changed tags are shown, to keep them all or to take them all back.

    Signals:
        seen: the user wants to mark all as seen.
        restore: the user wants to give all photos the tags that they had before.
        undo: the user wants to undo the corrections that the app learned from.
    """

    seen = Signal()
    restore = Signal()
    undo = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.seen_button = self.add_button(_("Mark all as seen"))
        self.seen_button.setToolTip(_("Keep these tags and stop listing them as changed"))
        self.restore_button = self.add_button(_("Label all as before"))
        self.restore_button.setToolTip(
            _("Label each of these photos with the tag it had before. The app learns from these labels.")
        )
        self.undo_button = self.add_button("")
        self.undo_button.setToolTip(_("Undo what you have labeled since then, and what the app learned from it"))
        self.seen_button.clicked.connect(self.seen)
        self.restore_button.clicked.connect(self.restore)
        self.undo_button.clicked.connect(self.undo)

    def say(self, changed: int, steps: int) -> None:
        """Say how many tags have changed.

        Args:
            changed: how many; none hides the buttons that need one.
            steps: how many steps can be undone to take the changes back; a step may have labeled many photos.
        """
        self.words.setText(text.changed(changed))
        self.seen_button.setVisible(changed > 0)
        self.restore_button.setVisible(changed > 0)
        undo = ngettext("Undo {count} step", "Undo {count} steps", steps)
        self.undo_button.setText(undo.format(count=number(steps)))
        self.undo_button.setVisible(changed > 0 and steps > 0)
        self.show()


class ArrivalsBanner(Strip):
    """Says that new photos have arrived in the folder.

    Signals:
        show_new: the user wants to see them.
        seen: the user wants to mark them as seen.
    """

    show_new = Signal()
    seen = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.show_button = self.add_button(_("Show"))
        self.show_button.setToolTip(_("Show only these, least certain first (Ctrl+7)"))
        self.seen_button = self.add_button(_("Mark as seen"))
        self.seen_button.setToolTip(_("Stop listing these photos as new. They stay where they are."))
        self.show_button.clicked.connect(self.show_new)
        self.seen_button.clicked.connect(self.seen)

    def say(self, words: str, *, showing: bool) -> None:
        """Set the text; `showing`: whether the new photos are shown already."""
        self.words.setText(words)
        self.show_button.setVisible(not showing)


class LearningAgainBanner(Strip):
    """Says that the corrections are being learned again for another model, until the user closes it or that is over."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self._is_closed = False
        self.close_button.clicked.connect(lambda: setattr(self, "_is_closed", True))

    def begin(self) -> None:
        """Forget that the user closed it."""
        self._is_closed = False

    def say(self, words: str) -> None:
        """Show this text, unless the user has closed it or the window is low: the status bar says the same."""
        self.words.setText(words)
        self.setVisible(bool(words) and not self._is_closed and self.window().height() >= LOW)


class NoticeBar(Strip):
    """Notices that the user can close, for example that a damaged file was replaced by its backup."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("notice", theme, parent)
        self._sentences: dict[str, bool] = {}

    def tell(self, sentence: str, *, passing: bool = False) -> None:
        """Show a notice below those that are shown already.

        Args:
            sentence: the notice.
            passing: whether it concerns only the last action: `remove_passing` and the next such notice remove it.
        """
        shown = self._sentences if not self.isHidden() else {}
        if passing:
            shown = {told: passed for told, passed in shown.items() if not passed}
        self._sentences = {**shown, sentence: passing}
        self._update()

    def remove(self, sentence: str) -> None:
        """Remove a notice that is no longer true."""
        self._sentences.pop(sentence, None)
        if not self.isHidden():
            self._update()

    def remove_passing(self) -> None:
        """Remove the notices that concern only the last action."""
        self._sentences = {sentence: passing for sentence, passing in self._sentences.items() if not passing}
        if not self.isHidden():
            self._update()

    def _update(self) -> None:
        self.words.setText("\n".join(self._sentences))
        self.setVisible(bool(self._sentences))
