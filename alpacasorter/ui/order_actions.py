"""The order of the photos as the user chooses it: in the menu View > Order, and on a button that says which it is."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QToolBar, QToolButton

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _
from alpacasorter.ui.photo_filters import Order, View, unknown_labels
from alpacasorter.ui.widgets.theme import Theme, icon


class OrderActions(QObject):
    """One action for each order, and one that reverses it, which says what would then come first.

    Attributes:
        orders: the action of each order.
        reverse: begins at the other end of the order.

    Signals:
        chosen(Order, bool): the user chose an order, and whether it is reversed.
    """

    chosen = Signal(object, bool)

    def __init__(self, theme: Theme, parent: QObject) -> None:
        """Start with the order by folder."""
        super().__init__(parent)
        self._theme = theme
        self._view = View()
        self._labels = unknown_labels()
        self._buttons: list[QToolButton] = []
        group = QActionGroup(self)
        self.orders = {}
        for number, (order, name) in enumerate(_names().items(), 1):
            action = self.orders[order] = QAction(name, group)
            action.setCheckable(True)
            action.setData(order)
            action.setShortcut(QKeySequence(f"Alt+{number}"))
        self.reverse = QAction(self)
        self.reverse.setCheckable(True)
        self.reverse.setShortcut(QKeySequence("Alt+0"))
        group.triggered.connect(lambda action: self.chosen.emit(action.data(), False))
        self.reverse.triggered.connect(lambda checked: self.chosen.emit(self._view.order, checked))
        self.show_view(self._view)

    def set_labels(self, labels: LabelSet) -> None:
        """Use the names of the two labels."""
        self._labels = labels
        self.show_view(self._view)

    def set_enabled(self, enabled: bool) -> None:
        """Enable them while a folder is open."""
        for action in self.orders.values():
            action.setEnabled(enabled)
        self.reverse.setEnabled(enabled and self._view.order.can_descend)

    def show_view(self, view: View) -> None:
        """Show which order is in use."""
        self._view = view
        self.orders[view.order].setChecked(True)
        self.reverse.setChecked(view.descending and view.order.can_descend)
        self.reverse.setEnabled(view.order.can_descend and self.orders[view.order].isEnabled())
        self.reverse.setText(self._reversed_name(view.order))
        for button in self._buttons:
            self._write_on(button)

    def _reversed_name(self, order: Order) -> str:
        match order:
            case Order.NAME:
                # Translators: the order of photos by name, from the other end.
                return _("Name Z to A")
            case Order.TAKEN:
                # Translators: the photos taken last come first.
                return _("Newest first")
            case Order.CONFIDENCE:
                # Translators: the order of photos; the label is that of the negative class, as in "Not alpaca first".
                return _("{label} first").format(label=self._labels.display(self._labels.negative)).replace("&", "&&")
            case Order.FOLDER | Order.DOUBTFUL:
                return _("Reverse the order")

    def _name(self, order: Order, *, descending: bool) -> str:
        """Return the name of an order as a button shows it."""
        name = _names()[order].replace("&", "")
        if descending and order is Order.FOLDER:
            # Translators: an order of photos, from the other end, as in "By folder, reversed".
            return _("{order}, reversed").format(order=name)
        if descending and order.can_descend:
            return self._reversed_name(order).replace("&&", "&")
        return name

    # Menu and button

    def menu(self, menu: QMenu) -> QMenu:
        """Fill a menu with the orders; return it."""
        menu.addActions(list(self.orders.values()))
        menu.addSeparator()
        menu.addAction(self.reverse)
        return menu

    def button(self, bar: QToolBar, menu: QMenu) -> QToolButton:
        """Return a button for a tool bar that says which order is in use, and opens `menu` with the others."""
        button = QToolButton(bar)
        button.setObjectName("order")
        button.setToolButtonStyle(bar.toolButtonStyle())
        bar.toolButtonStyleChanged.connect(button.setToolButtonStyle)
        bar.toolButtonStyleChanged.connect(lambda _style: self._write_on(button))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.menu(menu))

        def set_icon() -> None:
            button.setIcon(icon("order", self._theme.colors.text))

        self._theme.changed.connect(set_icon)
        set_icon()
        self._buttons.append(button)
        self._write_on(button)
        return button

    def _write_on(self, button: QToolButton) -> None:
        """Write the order on a button, which is as wide as the longest name needs, so that its neighbors stay."""
        metrics = button.fontMetrics()
        # The names of the orders are written in full; that of a class may be longer, and is cut off.
        room = max(metrics.horizontalAdvance(name.replace("&", "")) for name in _names().values())

        def text(name: str) -> str:
            return metrics.elidedText(name, Qt.TextElideMode.ElideRight, room).replace("&", "&&")

        button.setMinimumWidth(0)
        widest = 0
        for order in Order:
            for descending in (False, True):
                button.setText(text(self._name(order, descending=descending)))
                widest = max(widest, button.sizeHint().width())
        name = self._name(self._view.order, descending=self._view.descending)
        button.setText(text(name))
        button.setMinimumWidth(widest)
        # Translators: the button that chooses the order of the photos, as in "Order: By name".
        words = _("Order: {order}").format(order=name)
        button.setToolTip(words)
        button.setAccessibleName(words)


def _names() -> dict[Order, str]:
    return {
        Order.FOLDER: _("By &folder"),
        Order.NAME: _("By &name"),
        Order.TAKEN: _("By &date taken"),
        Order.CONFIDENCE: _("By &tag and confidence"),
        Order.DOUBTFUL: _("Most &unsure first"),
    }
