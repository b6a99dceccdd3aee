"""Actions: everything the user can do, with its words, key and icon, and the menus and tool bar made of them."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QUndoStack
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photo_row import Filter, Order
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.wording import text

_ORDERS = {
    Order.FOLDER: "By folder and name",
    Order.TAKEN: "By date taken",
    Order.DOUBTFUL: "Most doubtful first",
}
_FILTER_KEYS = (
    Filter.ALL,
    Filter.POSITIVE,
    Filter.NEGATIVE,
    Filter.UNSURE,
    Filter.CORRECTED,
    Filter.PROBLEMS,
    Filter.NEW,
)
_FILTER_WORDS = {
    Filter.ALL: "All photos",
    Filter.UNSURE: "Unsure",
    Filter.CORRECTED: "Corrected",
    Filter.PROBLEMS: "Problems",
    Filter.NEW: "New",
}


class Actions(QObject):
    """All actions of the window. Whoever assembles it connects them.

    Keys that are plain letters work on the page with the photos only (see `page_actions`).
    """

    def __init__(self, undo_stack: QUndoStack, theme: Theme, parent: QObject) -> None:
        """Make the actions."""
        super().__init__(parent)
        self._theme = theme
        self._icons: list[tuple[QAction, str]] = []
        standard = QKeySequence.StandardKey
        self.open = self._make("&Open folder…", "folder", standard.Open, "Look at the photos of a folder")
        self.rescan = self._make("&Look again", "rescan", standard.Refresh, "Look for new and changed photos")
        self.watch = self._make("&Watch this folder", "", "", "Show photos that arrive by themselves")
        self.watch.setCheckable(True)
        self.stop = self._make("&Stop", "stop", "Esc", "Stop looking at photos; what is done stays")
        self.arrivals = self._make("Sort as they a&rrive…", "", "", "Have photos that arrive sorted by themselves")
        self.sort = self._make("&Sort…", "sort", "Ctrl+S", "Move, copy or link the photos into a folder for each tag")
        self.sort_history = self._make("Sort &history…", "", "", "See what was sorted, and undo it")
        self.export = self._make("&Export results…", "", "", "Write what the photos are, for other programs")
        self.import_labels = self._make("&Import labels…", "", "", "Take labels from another computer as corrections")
        self.close_folder = self._make("&Close folder", "", standard.Close, "Go back to the first page")
        self.quit = self._make("&Quit", "", standard.Quit)
        self.quit.setMenuRole(QAction.MenuRole.QuitRole)
        self.positive = self._make("Positive", "")
        self.negative = self._make("Negative", "")
        self.take_back = self._make("&Take correction back", "", "Backspace", "Let the model decide again")
        self.flip = self._make("&Flip the tag\tSpace", "", "", "Click on a tag, or press the space bar")
        self.open_photo = self._make("&Open photo\tEnter", "", "", "Open it in the program your system uses for photos")
        self.show_in_folder = self._make("Show in &folder", "")
        self.copy_path = self._make("&Copy path", "", "Ctrl+Shift+C")
        self.select_all = self._make("Select &all", "", standard.SelectAll)
        self.undo = undo_stack.createUndoAction(self, "&Undo")
        self.redo = undo_stack.createRedoAction(self, "&Redo")
        # The menu says what would be undone; on the tool bar that would make buttons jump.
        self.undo.setIconText("Undo")
        self.redo.setIconText("Redo")
        self.undo.setShortcuts(standard.Undo)
        self.redo.setShortcuts([QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")])
        self._icons += [(self.undo, "undo"), (self.redo, "redo")]
        self.larger = self._make("&Larger pictures", "larger", standard.ZoomIn)
        self.smaller = self._make("S&maller pictures", "smaller", standard.ZoomOut)
        self.preview = self._make("&Preview", "preview", "F3", "Show a larger picture beside the others")
        self.preview.setCheckable(True)
        self.settings = self._make("&Settings…", "settings", "Ctrl+,")
        self.settings.setMenuRole(QAction.MenuRole.PreferencesRole)
        self.models = self._make("&Models…", "", "", "Choose, add, share or remove models")
        self.train = self._make("&Train a model…", "", "", "Make a model of your own from two folders of photos")
        self.keys = self._make("&Mouse and keys", "", standard.HelpContents)
        self.test_model = self._make(
            "&Test on labelled photos…", "", "", "See how many photos the model judges right, and which not"
        )
        self.model_card = self._make("About the &model", "")
        self.about = self._make("&About AlpacaSorter", "")
        self.about.setMenuRole(QAction.MenuRole.AboutRole)
        self.filters = {which: self._filter(which, number) for number, which in enumerate(_FILTER_KEYS, 1)}
        self.order_group = QActionGroup(self)
        self.orders = {order: self._order(order, words) for order, words in _ORDERS.items()}
        self.page_actions = (self.positive, self.negative, self.take_back, self.copy_path, self.select_all)
        for action in self.page_actions:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.set_labels(LabelSet("negative", "positive", {}))
        theme.changed.connect(self._dress)
        self._dress()

    def _make(self, words: str, icon_name: str, keys: QKeySequence.StandardKey | str = "", tip: str = "") -> QAction:
        action = QAction(words, self)
        if isinstance(keys, str):
            action.setShortcut(QKeySequence(keys))
        else:
            action.setShortcuts(keys)
        plain = words.replace("&", "").rstrip("…")
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{tip or plain}  ({key})" if key else tip or plain)
        if icon_name:
            self._icons.append((action, icon_name))
        return action

    def _filter(self, which: Filter, number: int) -> QAction:
        action = self._make(_FILTER_WORDS.get(which, ""), "", f"Ctrl+{number}")
        action.setData(which)
        return action

    def _order(self, order: Order, words: str) -> QAction:
        action = QAction(words, self.order_group)
        action.setCheckable(True)
        action.setData(order)
        return action

    def _dress(self) -> None:
        for action, name in self._icons:
            action.setIcon(icon(name, self._theme.colours.text))

    def set_labels(self, labels: LabelSet) -> None:
        """Name the actions and choose the keys that give the two labels."""
        for action, which, label in (
            (self.positive, Filter.POSITIVE, labels.positive),
            (self.negative, Filter.NEGATIVE, labels.negative),
        ):
            shown = labels.display(label).replace("&", "&&")
            key = text.key_for(labels, label)
            action.setText(f"Tag as {shown.lower()}")
            action.setShortcut(QKeySequence(key))
            action.setToolTip(f"Say that the selected photos are: {shown.lower()}  ({key})")
            self.filters[which].setText(shown)

    def set_photos_selected(self, *, judged: bool, corrected: bool, single: bool) -> None:
        """Enable what can be done with the selected photos."""
        for action in (self.positive, self.negative, self.flip):
            action.setEnabled(judged)
        self.take_back.setEnabled(corrected)
        for action in (self.open_photo, self.show_in_folder, self.copy_path):
            action.setEnabled(single)

    def set_folder_open(self, is_open: bool) -> None:
        """Enable what needs an open folder."""
        for action in (
            self.rescan,
            self.close_folder,
            self.larger,
            self.smaller,
            self.preview,
            self.select_all,
        ):
            action.setEnabled(is_open)
        for action in (*self.filters.values(), *self.orders.values()):
            action.setEnabled(is_open)
        self.arrivals.setEnabled(is_open)
        self.export.setEnabled(is_open)
        if not is_open:
            self.sort.setEnabled(False)
            self.set_photos_selected(judged=False, corrected=False, single=False)
            self.stop.setEnabled(False)

    # Menus and tool bar

    def photo_menu(self, parent: QWidget) -> QMenu:
        """Return the menu of the selected photos, for the right mouse button too."""
        menu = QMenu("&Photo", parent)
        menu.addActions([self.positive, self.negative, self.flip, self.take_back])
        menu.addSeparator()
        menu.addActions([self.open_photo, self.show_in_folder, self.copy_path])
        return menu

    def fill_menu_bar(self, window: QMainWindow, recent: QMenu, photo: QMenu) -> None:
        """Fill the menu bar of a window."""
        bar = window.menuBar()
        file = bar.addMenu("&File")
        file.addAction(self.open)
        file.addMenu(recent)
        file.addActions([self.rescan, self.watch, self.arrivals, self.stop])
        file.addSeparator()
        file.addActions([self.sort, self.sort_history])
        file.addSeparator()
        file.addActions([self.export, self.import_labels])
        file.addSeparator()
        file.addActions([self.close_folder, self.quit])
        edit = bar.addMenu("&Edit")
        edit.addActions([self.undo, self.redo])
        edit.addSeparator()
        edit.addActions([self.select_all, self.settings])
        bar.addMenu(photo)
        view = bar.addMenu("&View")
        view.addActions(list(self.filters.values()))
        view.addSeparator()
        view.addActions(list(self.orders.values()))
        view.addSeparator()
        view.addActions([self.larger, self.smaller, self.preview])
        model = bar.addMenu("&Model")
        model.addActions([self.models, self.train, self.test_model])
        model.addSeparator()
        model.addAction(self.model_card)
        help_menu = bar.addMenu("&Help")
        help_menu.addActions([self.keys, self.about])

    def fill_tool_bar(self, bar: QToolBar) -> None:
        """Fill the tool bar."""
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.addActions([self.open, self.sort])
        bar.addSeparator()
        bar.addActions([self.undo, self.redo])
        bar.addSeparator()
        order = QToolButton(bar)
        order.setText("Order")
        order.setIcon(icon("order", self._theme.colours.text))
        self._theme.changed.connect(lambda: order.setIcon(icon("order", self._theme.colours.text)))
        order.setToolButtonStyle(bar.toolButtonStyle())
        bar.toolButtonStyleChanged.connect(order.setToolButtonStyle)
        order.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(order)
        menu.addActions(list(self.orders.values()))
        order.setMenu(menu)
        order.setToolTip("In which order photos are shown")
        bar.addWidget(order)
        bar.addAction(self.rescan)
        gap = QWidget(bar)
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for action in (self.smaller, self.larger, self.preview, self.settings):
            bar.addAction(action)
            button = bar.widgetForAction(action)
            if isinstance(button, QToolButton):
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
