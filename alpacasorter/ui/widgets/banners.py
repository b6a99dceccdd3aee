"""Messages: one place at the bottom of the window, reserved for them, that shows one of them at a time."""

from __future__ import annotations

import enum
import html
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.i18n import _, moment
from alpacasorter.ui.widgets.dialogs import show_text
from alpacasorter.ui.widgets.messages import FittedText
from alpacasorter.ui.widgets.theme import Theme, icon

LOW: Final = 560
"""Height of the window below which there is less space around messages, pixels."""
_LINES: Final = 2
"""Lines of text that the reserved place has space for; in a narrow window, one more."""
_NARROW: Final = 760
"""Width of a narrow window, pixels."""
_LEAST_MS: Final = 6000
_MOST_MS: Final = 20_000
_PER_LETTER_MS: Final = 70
"""A message stays as long as a slow reader needs."""
_PER_BUTTON_MS: Final = 2000
"""And as long as it takes to decide about what it offers."""
_STALE_MS: Final = 60_000
"""What had to wait so long is no longer news; the list of messages still has it."""
_TICK_MS: Final = 250
_GUARD_MS: Final = 300
"""A click so soon after a message has appeared was not meant for it."""
_AIMED_MS: Final = 800
"""A click so soon after a message has taken the place of another one was aimed at that, from anywhere in the window."""
_BUTTON_PADDING: Final = 6
"""Above and below the text of a button, pixels; see the style sheet."""
_WIDE: Final = 900
"""Width from which there is space for all that stands beside a message, pixels."""
_REMEMBERED: Final = 200
"""How many messages can be seen again."""


class Rank(enum.IntEnum):
    """How long a message stays, and what it goes before."""

    QUESTION = 0
    """Stays until it is answered, closed or withdrawn, in front of all others."""
    NEWS = 1
    """Goes by itself once it could be read; the latest goes first."""
    STATE = 2
    """Shown like news at first. Then it stays behind news, until it is closed or no longer true."""
    OFFER = 3
    """Stays until it is taken, closed or withdrawn; only news that are later go first, while they are news."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of a message: its text, what it does, and what follows from that."""

    words: str
    does: Callable[[], object]
    tip: str = ""


class Banner(QFrame):
    """A kind of message, with buttons, and a cross that closes it. A new message of a kind replaces the one before.

    It asks for the reserved place with `show` and gives it back with `hide`; `BannerBar` decides when it is visible.

    Attributes:
        wanted: whether it has something to say now, seen or not.
    """

    def __init__(self, bar: BannerBar, rank: Rank, look: str = "banner") -> None:
        """Have nothing to say yet.

        Args:
            bar: the place where it is shown.
            rank: how long it stays.
            look: the style: "banner", "notice" or "alert".
        """
        super().__init__(bar)
        self.wanted = False
        self.rank = rank
        self._bar = bar
        self.setObjectName(look)
        self._buttons: list[QPushButton] = []
        self.words = FittedText(self)
        self.close_button = QToolButton(self)
        self.close_button.setToolTip(_("Close"))
        self.close_button.setAccessibleName(_("Close this message"))
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button.clicked.connect(self.hide)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 0, 6, 0)
        self._row.setSpacing(6)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.close_button)
        super().setVisible(False)
        bar.add(self)

    def setVisible(self, visible: bool) -> None:
        """Ask for the place, or give it back."""
        self.wanted = visible
        if visible:
            self._bar.want(self)
        else:
            self._bar.forget(self)

    def set_shown(self, shown: bool) -> None:
        """Be visible now, or wait; only for the bar."""
        super().setVisible(shown)

    @property
    def buttons(self) -> Sequence[QPushButton | QToolButton]:
        """The buttons from left to right, the cross last."""
        return [*self._buttons, self.close_button]

    def go(self) -> None:
        """Its time is over."""
        if self.rank is Rank.NEWS:
            self.hide()

    def say(self, words: str) -> None:
        """Show this text instead of the one before."""
        self.words.setText(words)
        self.show()

    def add_button(self, words: str, tip: str = "") -> QPushButton:
        """Add a button beside the cross, and return it."""
        button = QPushButton(words, self)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        # A click leaves the focus with the photos, as on all buttons of the window.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._row.insertWidget(self._row.count() - 1, button)
        QWidget.setTabOrder(self._buttons[-1] if self._buttons else self.words, button)
        QWidget.setTabOrder(button, self.close_button)
        self._buttons.append(button)
        return button


class ChoiceBanner(Banner):
    """A message with a button for each thing that the user can do now.

    Signals:
        closed: the user has closed it.
    """

    closed = Signal()

    def __init__(self, bar: BannerBar, rank: Rank, look: str = "banner") -> None:
        """Have nothing to say yet; see `Banner`."""
        super().__init__(bar, rank, look)
        if rank is Rank.QUESTION:
            self.words.setProperty("role", "heading")
        self.close_button.clicked.connect(self.closed)

    @property
    def answers(self) -> Sequence[QPushButton]:
        """The buttons of the choices, in the order in which they were given."""
        return tuple(self._buttons)

    def offer(self, words: str, choices: Sequence[Choice]) -> None:
        """Show a message with these choices instead of the one before; a click on one hides it."""
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons.clear()
        for choice in choices:
            button = self.add_button(choice.words.replace("&", "&&"), choice.tip)
            # Read together with the button, which says little without it.
            button.setAccessibleDescription(" ".join(filter(None, (words, choice.tip))))
            # Hidden first, so that a double-click does it once.
            button.clicked.connect(self.hide)
            button.clicked.connect(lambda _checked=False, does=choice.does: does())
        self.say(words)


class NoticeBanner(Banner):
    """Sentences about what went wrong, or what the user should know, such as that a damaged file was replaced."""

    def __init__(self, bar: BannerBar) -> None:
        """Have nothing to say yet."""
        super().__init__(bar, Rank.NEWS, "notice")
        self._sentences: dict[str, bool] = {}

    def tell(self, sentence: str, *, passing: bool = False) -> None:
        """Show a notice after those that are shown already.

        Args:
            sentence: the notice.
            passing: whether it concerns only the last action: it goes by itself, and `remove_passing` and the next such
                notice remove it. Others stay until they are closed or removed.
        """
        shown = self._sentences if self.wanted else {}
        if passing:
            shown = {told: passed for told, passed in shown.items() if not passed}
        # The latest is what the eye must find first.
        self._sentences = {sentence: passing, **{told: passed for told, passed in shown.items() if told != sentence}}
        self._update(anew=True)

    def remove(self, sentence: str) -> None:
        """Remove a notice that is no longer true."""
        self._sentences.pop(sentence, None)
        self._update()

    def remove_passing(self) -> None:
        """Remove the notices that concern only the last action."""
        self._sentences = {sentence: passing for sentence, passing in self._sentences.items() if not passing}
        self._update()

    def go(self) -> None:
        """Its time is over: remove what concerned only the last action; the rest stays behind other messages."""
        self.remove_passing()

    def _update(self, *, anew: bool = False) -> None:
        if not self.wanted and not anew:
            return
        self.rank = Rank.NEWS if all(self._sentences.values()) else Rank.STATE
        self.words.setText("\n".join(self._sentences))
        if not self._sentences:
            self.hide()
        elif anew:
            self.show()


@dataclass(slots=True)
class _Turn:
    """A banner that has something to say: how long it is still news, and how long it has waited, milliseconds."""

    number: int
    left: int
    waited: int = 0
    announced: bool = False


@dataclass(slots=True)
class Said:
    """A message that was said."""

    moment: datetime
    words: str


class BannerBar(QWidget):
    """The reserved place for messages. It always has its height, so that a message moves nothing.

    It shows one message at a time: questions first, then the latest news, then what is still so. News go by themselves.
    What has gone wrong is shown before a question that was there long enough to be read, which then comes back.
    While the mouse is over the place or the keyboard focus is in it, nothing goes and nothing takes its place; nor does
    anything go by itself while the window is not the active one. There is one message of each kind, so that the queue
    is as long as there are kinds. All that was said can be seen again in a list.

    Attributes:
        said: the latest messages, the oldest first.

    Signals:
        changed: another message is shown, or none.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing."""
        super().__init__(parent)
        self.setObjectName("banners")
        self._theme = theme
        self._banners: list[Banner] = []
        self._turns: dict[Banner, _Turn] = {}
        self._shown: Banner | None = None
        self._count = 0
        self._entries: dict[Banner, Said] = {}
        self.said: deque[Said] = deque(maxlen=_REMEMBERED)
        self._spare: QWidget | None = None
        self._row = QHBoxLayout(self)
        self._row.setSpacing(12)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._guard = QTimer(self, singleShot=True)
        self._guard.timeout.connect(self._lift_guard)
        self._low = False
        self.set_low(False)
        theme.changed.connect(self._set_icons)

    # The place

    def add(self, banner: Banner) -> None:
        """Give a kind of message its place; only for `Banner`."""
        self._banners.append(banner)
        self._row.insertWidget(len(self._banners) - 1, banner, 1)
        banner.words.installEventFilter(self)
        banner.close_button.setIcon(icon("close", self._theme.colors.muted))

    def add_beside(self, widget: QWidget, spare: QWidget) -> None:
        """Add something that is shown beside a message, or alone; `spare` is left out where space is short."""
        self._spare = spare
        self._row.addWidget(widget)

    def _set_icons(self) -> None:
        for banner in self._banners:
            banner.close_button.setIcon(icon("close", self._theme.colors.muted))

    def set_low(self, low: bool) -> None:
        """Take less space around the text if the window is low; the text has as many lines as otherwise."""
        self._low = low
        metrics, around = self.fontMetrics(), 1 if low else 4
        self._row.setContentsMargins(12, around, 12, around)
        lines = (_LINES + (self.width() < _NARROW)) * metrics.lineSpacing() + 4
        button = metrics.height() + 2 * _BUTTON_PADDING + 2
        self.setFixedHeight(max(lines, button) + 2 * around)

    def changeEvent(self, event: QEvent) -> None:
        """Have the height of another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.set_low(self._low)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what there is no space for."""
        super().resizeEvent(event)
        if (event.oldSize().width() < _NARROW) != (event.size().width() < _NARROW):
            self.set_low(self._low)
        self._share()

    def showEvent(self, event: QShowEvent) -> None:
        """Let time pass."""
        super().showEvent(event)
        self._choose()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let no time pass, because nobody can read it."""
        super().hideEvent(event)
        self._tick.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Show what had to wait while the mouse was here."""
        super().leaveEvent(event)
        self._choose()

    def _share(self) -> None:
        if self._spare is not None:
            self._spare.setVisible(self._shown is None or self.width() >= _WIDE)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Show the list of messages when the user clicks one that is not shown whole."""
        if event.type() == QEvent.Type.MouseButtonRelease and isinstance(watched, FittedText) and watched.is_cut:
            self.show_list()
        return super().eventFilter(watched, event)

    def show_list(self) -> None:
        """Show what was said, the latest first; blocks until the user closes that."""
        lines = [
            f"<p><small>{html.escape(moment(one.moment))}</small><br>{html.escape(one.words)}</p>"
            for one in reversed(self.said)
        ]
        nothing = f"<p>{html.escape(_('There were no messages yet.'))}</p>"
        show_text(self.window(), _("Messages"), html="".join(lines) or nothing)

    # What is shown

    @property
    def shown(self) -> Banner | None:
        """The message that is shown now."""
        return self._shown

    def want(self, banner: Banner) -> None:
        """Put a message in the queue, or anew if it is in it; only for `Banner`."""
        self._count += 1
        letters = len(banner.words.text()) * _PER_LETTER_MS
        buttons = (len(banner.buttons) - 1) * _PER_BUTTON_MS
        self._turns[banner] = _Turn(self._count, min(max(_LEAST_MS, letters + buttons), _MOST_MS))
        self._remember(banner)
        if banner is self._shown:
            self._guard_clicks(banner, _AIMED_MS)
        self._choose()

    def forget(self, banner: Banner) -> None:
        """Take a message out of the queue; only for `Banner`."""
        if self._turns.pop(banner, None) is not None:
            self._entries.pop(banner, None)
            self._choose()

    def _remember(self, banner: Banner) -> None:
        words, entry = banner.words.text(), self._entries.get(banner)
        if entry is not None and (entry.words == words or banner.rank is Rank.STATE):
            # How far something is now replaces how far it was.
            entry.words = words
        elif words:
            self._entries[banner] = Said(datetime.now(), words)  # noqa: DTZ005  # shown to the user, on their clock
            self.said.append(self._entries[banner])

    def _is_held(self) -> bool:
        """Return whether the mouse or the keyboard focus is on what is shown."""
        focus = QApplication.focusWidget()
        shown = self._shown
        return shown is not None and (self.underMouse() or (focus is not None and shown.isAncestorOf(focus)))

    def _choose(self) -> None:
        shown, turns = self._shown, self._turns
        if shown in turns and self._is_held():
            return
        best = min(turns, key=self._place, default=None)
        if best is not shown:
            # First, because what is hidden under the mouse has Qt send events to this.
            self._shown, is_pointed_at = best, self.underMouse()
            if shown is not None:
                shown.set_shown(False)
            if best is not None:
                best.set_shown(True)
                if shown is not None:
                    self._guard_clicks(best, _AIMED_MS)
                elif is_pointed_at:
                    self._guard_clicks(best, _GUARD_MS)
            self._share()
            self.changed.emit()
        if best is not None and self.isVisible():
            self._announce(best)
        if best is None or (best.rank is Rank.QUESTION and turns[best].left <= 0):
            self._tick.stop()
        elif not self._tick.isActive() and self.isVisible():
            self._tick.start()

    def _place(self, banner: Banner) -> tuple[int, bool, int]:
        """Return what comes first: a question, but once it could be read not before what has gone wrong since."""
        turn, look = self._turns[banner], banner.objectName()
        if banner.rank is Rank.QUESTION:
            level = 0 if turn.left > 0 else 2
        elif banner.rank is Rank.OFFER:
            level = 3
        else:
            level = 4 if turn.left <= 0 else 1 if look == "notice" else 3
        return level, look != "alert", -turn.number

    def _announce(self, banner: Banner) -> None:
        """Have a screen reader say it, once."""
        turn = self._turns[banner]
        if not turn.announced:
            turn.announced = True
            event = QAccessibleAnnouncementEvent(banner, banner.words.text())
            is_urgent = banner.rank is Rank.QUESTION or banner.objectName() == "notice"
            level = QAccessible.AnnouncementPoliteness
            event.setPoliteness(level.Assertive if is_urgent else level.Polite)
            QAccessible.updateAccessibility(event)

    def _guard_clicks(self, banner: Banner, milliseconds: int) -> None:
        """Let a click or double-click that was meant for what was here before hit nothing."""
        banner.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._guard.start(max(milliseconds, QApplication.doubleClickInterval(), self._guard.remainingTime()))

    def _lift_guard(self) -> None:
        for banner in self._banners:
            banner.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, False)

    def _on_tick(self) -> None:
        shown = self._shown
        if shown is None or shown not in self._turns or not self.window().isActiveWindow():
            return
        if self._is_held():
            return
        for banner, turn in list(self._turns.items()):
            if banner is shown:
                continue
            turn.waited += _TICK_MS
            if banner.rank is Rank.NEWS and turn.waited >= _STALE_MS:
                banner.hide()
        turn = self._turns[shown]
        turn.left -= _TICK_MS
        if turn.left <= 0 < turn.left + _TICK_MS:
            shown.go()
        # What waited while the mouse was here has its turn now.
        self._choose()
