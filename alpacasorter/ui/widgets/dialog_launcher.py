"""The base of the window's controls, and the dialogs they open.

A control connects one part of the window, such as sorting, with the engine: it opens the dialogs of that part, may have
a button in the status bar, and is asked before the window closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QMainWindow, QPushButton

_Dialog = TypeVar("_Dialog", bound=QDialog)


class DialogLauncher(Generic[_Dialog]):
    """Makes a dialog when it is first needed, so that the first window need not wait for it, and shows it.

    Attributes:
        dialog: the dialog; None until it is made.
    """

    def __init__(self, make: Callable[[], _Dialog]) -> None:
        """Make the dialog with `make`, which imports it."""
        self._make = make
        self.dialog: _Dialog | None = None

    @property
    def is_visible(self) -> bool:
        """Whether the dialog is shown."""
        return self.dialog is not None and self.dialog.isVisible()

    def made(self) -> _Dialog:
        """Return the dialog, made now if it was not before."""
        if self.dialog is None:
            self.dialog = self._make()
        return self.dialog

    def show(self) -> _Dialog:
        """Show the dialog, or bring it to the front if it is shown already; return it."""
        dialog = self.made()
        if dialog.isVisible():
            dialog.raise_()
            dialog.activateWindow()
        else:
            dialog.show()
        return dialog

    def discard(self) -> None:
        """Delete the dialog; the next one is made from scratch."""
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None

    def close(self) -> None:
        """Close the dialog if there is one."""
        if self.dialog is not None:
            self.dialog.close()


class WindowControl(QObject):
    """Base of the controls. A subclass that has something to ask or to stop overrides `may_close` or `close_down`.

    Signals:
        told(str): a sentence for the user.
    """

    told = Signal(str)

    def __init__(self, window: QMainWindow) -> None:
        """Belong to `window`."""
        super().__init__(window)
        self._window = window
        self._launchers: list[DialogLauncher[QDialog]] = []

    def _launcher(self, make: Callable[[], _Dialog]) -> DialogLauncher[_Dialog]:
        """Return the launcher of a dialog that is closed with the window."""
        launcher = DialogLauncher(make)
        self._launchers.append(launcher)  # type: ignore[arg-type]  # nothing is ever put into a launcher from outside
        return launcher

    def _status_button(self, tip: str = "", place: int | None = None) -> QPushButton:
        """Return a flat button in the status bar of the window.

        Args:
            tip: its tooltip.
            place: its index among the permanent widgets; None for the last.
        """
        button = QPushButton(self._window)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        bar = self._window.statusBar()
        if place is None:
            bar.addPermanentWidget(button)
        else:
            bar.insertPermanentWidget(place, button)
        return button

    def may_close(self) -> bool:
        """Return whether the window may close; asks the user if something would be interrupted."""
        return True

    def close_down(self) -> None:
        """Close the dialogs, before the engine ends; blocks until their threads have ended."""
        for launcher in self._launchers:
            launcher.close()
