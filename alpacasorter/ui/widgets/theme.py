"""Colors, spacing and icons, light and dark. Everything that paints asks here; no other module names a color.

Icons are SVG files in resources/icons, drawn in the color of the text around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from alpacasorter import paths

Scheme = Literal["system", "light", "dark"]

_OUTLINED = ("QLineEdit", "QComboBox", "QAbstractSpinBox", "QCheckBox")
"""Widgets whose outline must stand out from the background."""
_DARKER = 140
"""By how much the style darkens a color for an outline, percent."""
RADIUS = 8
"""Corner radius of cards, pixels."""


@dataclass(frozen=True, slots=True)
class Colors:
    """The colors of one scheme, as "#rrggbb". The contrast of text is at least 4.5:1.

    Attributes:
        window, card, raised: backgrounds, from back to front.
        border: lines between backgrounds.
        outline: of text fields and check boxes; its contrast with all backgrounds is at least 3:1.
        text, muted: important and less important text.
        accent, on_accent: what invites a click, and text on it.
        accent_soft: background of what is selected.
        positive, on_positive: tag of the positive class.
        negative, on_negative: tag of the negative class.
        warning: unsure photos and problems.
        speaks_for, speaks_against: over a photo, what speaks for the positive class and against it; the same in both
            schemes, and told apart whatever colors one does not see.
    """

    window: str
    card: str
    raised: str
    border: str
    outline: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    positive: str
    on_positive: str
    negative: str
    on_negative: str
    warning: str
    speaks_for: str = "#1f6fe5"
    speaks_against: str = "#f08a00"


LIGHT = Colors(
    window="#f5f3ef",
    card="#ffffff",
    raised="#ece8e1",
    border="#d9d4cb",
    outline="#857e73",
    text="#25221e",
    muted="#6a645b",
    accent="#1f6b57",
    on_accent="#ffffff",
    accent_soft="#d5e8e1",
    positive="#1f6b57",
    on_positive="#ffffff",
    negative="#e4dfd6",
    on_negative="#3a362f",
    warning="#9a4a00",
)

DARK = Colors(
    window="#1d1c1a",
    card="#282623",
    raised="#34312d",
    border="#423e39",
    outline="#857e74",
    text="#ece8e2",
    muted="#b3aca1",
    accent="#74c4a9",
    on_accent="#10231c",
    accent_soft="#26423a",
    positive="#74c4a9",
    on_positive="#10231c",
    negative="#423e39",
    on_negative="#e2ddd5",
    warning="#f0a860",
)


class Theme(QObject):
    """The scheme in use. There is one for the application; widgets that paint are given it.

    Signals:
        changed: other colors are in use; repaint.
    """

    changed = Signal()

    def __init__(self, application: QApplication, scheme: Scheme = "system") -> None:
        """Style the application."""
        super().__init__(application)
        self._application = application
        self._scheme: Scheme = scheme
        self._colors = LIGHT
        application.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def colors(self) -> Colors:
        """The colors in use."""
        return self._colors

    @property
    def dark(self) -> bool:
        """Whether the dark scheme is in use."""
        return self._colors is DARK

    def use(self, scheme: Scheme) -> None:
        """Use a scheme; "system" follows the system."""
        self._scheme = scheme
        self._apply()

    def _apply(self) -> None:
        system_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        dark = system_dark if self._scheme == "system" else self._scheme == "dark"
        self._colors = DARK if dark else LIGHT
        self._application.setPalette(_palette(self._colors))
        for kind in _OUTLINED:
            self._application.setPalette(_palette(self._colors, outlined=True), kind)  # type: ignore[arg-type]
        self._application.setStyleSheet(_style_sheet(self._colors))
        self.changed.emit()


def _palette(c: Colors, *, outlined: bool = False) -> QPalette:
    """Return the palette of the application, or of its fields if `outlined`."""
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, color in {
        roles.Window: c.window,
        roles.WindowText: c.text,
        roles.Base: c.card,
        roles.AlternateBase: c.raised,
        roles.Text: c.text,
        roles.Button: c.raised,
        roles.ButtonText: c.text,
        roles.BrightText: c.warning,
        roles.ToolTipBase: c.card,
        roles.ToolTipText: c.text,
        roles.PlaceholderText: c.muted,
        roles.Link: c.accent,
        roles.LinkVisited: c.accent,
        roles.Highlight: c.accent,
        roles.HighlightedText: c.on_accent,
        roles.Accent: c.accent,
        roles.Mid: c.border,
        roles.Light: c.card,
        roles.Midlight: c.raised,
        roles.Dark: c.border,
        roles.Shadow: c.border,
    }.items():
        palette.setColor(role, QColor(color))
    if outlined:
        # The style has no color for outlines: it darkens that of the window, which is invisible if the window is dark.
        # These widgets use it for nothing else.
        palette.setColor(roles.Window, QColor(c.outline).lighter(_DARKER))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        faded = QColor(c.muted)
        faded.setAlphaF(0.55)
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    return palette


def _tools(state: str = "") -> str:
    """Return the selector of our own tool buttons; in Qt's dialogs this padding would be too much."""
    places = ("QToolBar", "QFrame#banner", "QFrame#notice", "QFrame#alert", "QFrame#changed", "WelcomePage")
    return ", ".join(f"{place} QToolButton{state}" for place in places)


def _style_sheet(c: Colors) -> str:
    return f"""
    QToolBar {{
        background: {c.window}; border: none; border-bottom: 1px solid {c.border};
        spacing: 4px; padding: 6px 8px;
    }}
    QToolBar::separator {{ background: {c.border}; width: 1px; margin: 5px 6px; }}
    {_tools()} {{
        outline: none; border: 1px solid transparent; border-radius: 6px; padding: 5px 8px; color: {c.text};
    }}
    {_tools(":hover")} {{ background: {c.raised}; }}
    {_tools(":pressed")}, {_tools(":checked")} {{ background: {c.accent_soft}; }}
    {_tools(":focus")} {{ border-color: {c.accent}; }}
    {_tools(":disabled")} {{ color: {c.outline}; }}
    {_tools("::menu-indicator")} {{ subcontrol-origin: padding; subcontrol-position: center right; right: 4px; }}
    QToolBar QToolButton[popupMode="2"] {{ padding-right: 18px; }}
    QPushButton {{
        outline: none;
        background: {c.card}; border: 1px solid {c.border}; border-radius: 6px;
        padding: 6px 14px; color: {c.text};
    }}
    QPushButton:hover {{ background: {c.raised}; }}
    QPushButton:focus {{ border-color: {c.accent}; }}
    QPushButton:checked {{ background: {c.accent_soft}; border-color: {c.accent}; }}
    QPushButton:disabled {{ color: {c.muted}; }}
    QPushButton[primary="true"] {{
        background: {c.accent}; color: {c.on_accent};
        border-color: {c.accent}; font-weight: 600;
    }}
    QPushButton[primary="true"]:disabled {{
        background: {c.raised}; color: {c.muted}; border-color: {c.border}; font-weight: 400;
    }}
    QPushButton[primary="true"]:hover {{ border-color: {c.text}; }}
    QPushButton[primary="true"]:focus {{ border: 2px solid {c.text}; padding: 5px 13px; }}
    QPushButton[flat="true"] {{
        padding: 6px 8px; background: transparent; border-color: transparent;
        color: {c.accent}; font-weight: 600;
    }}
    QPushButton#chip {{ padding: 5px 3px; }}
    QPushButton[flat="true"]:hover {{ background: {c.raised}; }}
    QPushButton[flat="true"]:focus {{ border-color: {c.accent}; }}
    QSpinBox, QLineEdit, QComboBox {{ min-height: 24px; }}
    QLineEdit {{ padding: 0 4px; }}
    QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ padding: 0; }}
    QStatusBar {{ background: {c.window}; border-top: 1px solid {c.border}; color: {c.muted}; }}
    QStatusBar::item {{ border: none; }}
    QStatusBar QLabel {{ color: {c.muted}; padding: 2px 6px; }}
    QMenu {{ background: {c.card}; border: 1px solid {c.border}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {c.accent_soft}; color: {c.text}; }}
    QMenu::item:disabled {{ color: {c.outline}; }}
    QMenu::separator {{ height: 1px; background: {c.border}; margin: 4px 8px; }}
    QToolTip {{ background: {c.card}; color: {c.text}; border: 1px solid {c.border}; padding: 4px; }}
    QProgressBar {{ background: {c.raised}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
    QSplitter::handle {{ background: {c.border}; }}
    QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {c.border}; border-radius: 4px; min-height: 36px; margin: 2px; }}
    QScrollBar::handle:vertical:disabled {{ background: transparent; }}
    QScrollBar::handle:vertical:hover {{ background: {c.muted}; }}
    QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
    QScrollBar::handle:horizontal {{ background: {c.border}; border-radius: 4px; min-width: 36px; margin: 2px; }}
    QScrollBar::handle:horizontal:disabled {{ background: transparent; }}
    QScrollBar::handle:horizontal:hover {{ background: {c.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    *[role="muted"] {{ color: {c.muted}; }}
    *[role="title"] {{ font-size: 22pt; font-weight: 600; }}
    *[role="heading"] {{ font-weight: 600; }}
    *[role="warning"] {{ color: {c.warning}; }}
    QFrame#banner {{
        background: {c.accent_soft}; border: 1px solid {c.border}; border-radius: {RADIUS}px;
    }}
    QFrame#alert {{
        background: {c.card}; border: 2px solid {c.warning}; border-radius: {RADIUS}px;
    }}
    QFrame#changed {{ background: {c.window}; border-top: 1px solid {c.border}; }}
    QFrame#notice {{ background: {c.card}; border: 1px solid {c.warning}; border-radius: {RADIUS}px; }}
    QFrame#drop {{ border: 2px dashed {c.border}; border-radius: 14px; background: {c.card}; }}
    QFrame#drop[hot="true"] {{ border-color: {c.accent}; background: {c.accent_soft}; }}
    QFrame#preview {{ background: {c.card}; border: none; }}
    QToolButton#neighbor {{
        background: {c.card}; border: 1px solid {c.border}; border-radius: 6px; padding: 4px 2px; color: {c.text};
    }}
    QToolButton#neighbor:hover {{ background: {c.raised}; }}
    QToolButton#neighbor:focus {{ border-color: {c.accent}; }}
    QListView#grid {{ background: {c.window}; border: none; }}
    QWidget#filters {{ background: {c.window}; }}
    """


_PLACEHOLDER = "currentColor"
_DISABLED = 0.35
"""Opacity of the icon of something that can't be used now. Qt would only take its color, and these have none."""
_SIZES = (16, 24, 32, 48)


@lru_cache(maxsize=64)
def _renderer(name: str, color: str) -> QSvgRenderer:
    source = (paths.resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(source.replace(_PLACEHOLDER, color).encode()))


def paint_icon(painter: QPainter, name: str, color: str, rect: QRectF) -> None:
    """Draw an icon into a rectangle."""
    _renderer(name, color).render(painter, rect)


@lru_cache(maxsize=128)
def icon(name: str, color: str) -> QIcon:
    """Return an icon in a color, paler where it is disabled, sharp on every screen; `name` is that of the SVG file."""
    result = QIcon()
    for size in _SIZES:
        pixmap, pale = QPixmap(QSize(size, size)), QPixmap(QSize(size, size))
        for picture in (pixmap, pale):
            picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        paint_icon(painter, name, color, QRectF(0, 0, size, size))
        painter.end()
        # As a whole, because its lines overlap.
        painter = QPainter(pale)
        painter.setOpacity(_DISABLED)
        painter.drawPixmap(0, 0, pixmap)
        painter.end()
        result.addPixmap(pixmap)
        result.addPixmap(pale, QIcon.Mode.Disabled)
    return result


def app_icon() -> QIcon:
    """Return the icon of the application."""
    return QIcon(str(paths.resources_dir() / "icons" / "alpacasorter.svg"))
