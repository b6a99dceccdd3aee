"""Which letter or digit a key stands for, on any keyboard.

On a layout with Latin letters, the one printed on the key counts, wherever it is: AZERTY, Dvorak. Where a key types a
letter of another script, such as Cyrillic, Greek, Arabic, Hebrew or Thai, its place counts: the letter that a US
keyboard has there. Qt finds that letter only for shortcuts with Ctrl, and only if a Latin layout is installed too.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent

_ROWS: Final = {10: "1234567890", 24: "QWERTYUIOP", 38: "ASDFGHJKL", 52: "ZXCVBNM"}
"""X11 and Wayland: the scan code of the first key of each row; those of its other keys follow."""
_XKB: Final = {first + place: letter for first, row in _ROWS.items() for place, letter in enumerate(row)}
_MAC_CODES: Final = (*range(10), *range(11, 24), 25, 26, 28, 29, 31, 32, 34, 35, 37, 38, 40, 45, 46)
_MAC: Final = dict(zip(_MAC_CODES, "ASDFHGZXCVBQWERYT1234659780OUIPLJKNM", strict=True))
"""macOS: the letters by virtual key code; these codes are those of places."""
_FIRST_SPECIAL: Final = 0x0100_0000
"""Codes from here on are keys that type nothing, among them dead keys."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter or digit that was pressed without Ctrl, Alt and the like.

    Attributes:
        printed: what the key types, in upper case; empty if it types no letter or digit.
        placed: what a US keyboard has there if the key types another script; else empty.
        shifted: whether Shift was held, unless a digit is typed that way.
        repeated: whether the key is being held, so that the keyboard repeats it.
    """

    printed: str
    placed: str
    shifted: bool = False
    repeated: bool = False


def letter(event: QKeyEvent) -> Letter | None:
    """Return the letter or digit that was pressed by itself or with Shift; None for all other keys."""
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    shifted = held == Qt.KeyboardModifier.ShiftModifier
    if held != Qt.KeyboardModifier.NoModifier and not shifted:
        return None
    typed, place = printed(event), placed(event)
    if shifted and _character(event).isdecimal():
        # On AZERTY, digits are typed with Shift.
        shifted = False
    elif shifted and not typed and not place:
        # Elsewhere, Shift and a digit type a symbol.
        typed = _digit_below(event)
    return Letter(typed, place, shifted, event.isAutoRepeat()) if typed or place else None


def printed(event: QKeyEvent) -> str:
    """Return the letter or digit that a key types, in upper case; empty if it types none."""
    character = _character(event)
    if character.isdecimal():
        # The digits of another script mean the same.
        return str(unicodedata.decimal(character))
    return character.upper() if character.isalpha() else ""


def placed(event: QKeyEvent) -> str:
    """Return the letter or digit on a US keyboard in place of a key that types another script; empty for others."""
    character = _character(event)
    if not character or unicodedata.category(character)[0] not in "LMN" or ord(character) < 0x250:
        return ""
    return "" if unicodedata.name(character, "LATIN").startswith("LATIN") else _place(event)


def _place(event: QKeyEvent) -> str:
    """Return the letter or digit that a US keyboard has in place of a key; empty for other keys."""
    if sys.platform == "win32":
        # There the virtual key is that of the Latin letter, also on a layout without Latin letters.
        code = event.nativeVirtualKey()
        return chr(code) if code < 0x80 and chr(code).isalnum() and chr(code).upper() == chr(code) else ""
    if sys.platform == "darwin":
        return _MAC.get(event.nativeVirtualKey(), "")
    return _XKB.get(event.nativeScanCode(), "")


def _digit_below(event: QKeyEvent) -> str:
    """Return the digit on a key that types a symbol with Shift; empty if there is none."""
    symbol = _character(event)
    digit = _place(event) if symbol and unicodedata.category(symbol)[0] in "PS" else ""
    return digit if digit.isdecimal() else ""


def placed_combination(event: QKeyEvent) -> QKeyCombination | None:
    """Return a key of another script with Ctrl or such, as it would be on a US keyboard; None for all other keys."""
    modifiers = event.modifiers()
    letter = placed(event) if modifiers & Qt.KeyboardModifier.ControlModifier else ""
    return QKeyCombination(modifiers, Qt.Key(ord(letter))) if letter else None


def is_plain(event: QKeyEvent) -> bool:
    """Return whether a key was pressed just once and by itself: not held, without Ctrl, Shift, Alt and the like."""
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return held == Qt.KeyboardModifier.NoModifier and not event.isAutoRepeat()


def is_delete(event: QKeyEvent) -> bool:
    """Return whether a key deletes files: Delete, or on a Mac, whose keyboards lack it, Command with Backspace."""
    command = event.modifiers() == Qt.KeyboardModifier.ControlModifier and sys.platform == "darwin"
    on_mac = command and event.key() == Qt.Key.Key_Backspace and not event.isAutoRepeat()
    return on_mac or (is_plain(event) and event.key() == Qt.Key.Key_Delete)


def keeps_escape(event: QEvent) -> bool:
    """Accept the Esc key for the widget that has the focus, before a shortcut of the window gets it; return whether."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if event.key() != Qt.Key.Key_Escape:
        return False
    event.accept()
    return True


def _character(event: QKeyEvent) -> str:
    code = event.key()
    return chr(code) if 0x20 < code < min(_FIRST_SPECIAL, sys.maxunicode) else ""
