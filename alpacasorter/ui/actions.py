"""Actions: everything the user can do, each with its name, key and icon; and the menus and tool bar made of them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QUndoStack
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _
from alpacasorter.ui.order_actions import OrderActions
from alpacasorter.ui.photo_filters import Filter, filter_names, unknown_labels
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.wording import text

_FILTER_KEYS = (
    Filter.ALL,
    Filter.POSITIVE,
    Filter.NEGATIVE,
    Filter.UNSURE,
    Filter.CORRECTED,
    Filter.PROBLEMS,
    Filter.NEW,
    Filter.CHANGED,
)


class Actions(QObject):
    """All actions of the window; the code that creates them connects them.

    Keys without Ctrl that act on photos are only shown in the menus: the grid handles them while it has the focus (see
    `PhotoGrid`), so that a letter typed in a menu never tags a photo. Other keys for photos work only on the page with
    them (see `page_actions`).
    """

    def __init__(self, undo_stack: QUndoStack, theme: Theme, parent: QObject) -> None:
        """Make the actions."""
        super().__init__(parent)
        self._theme = theme
        self._icons: list[tuple[QAction, str]] = []
        standard = QKeySequence.StandardKey
        # File
        self.open = self._make(_("&Open folder…"), "folder", standard.Open, _("Show the photos of a folder"))
        self.rescan = self._make(_("Resc&an"), "rescan", standard.Refresh, _("Find new and changed photos"))
        self.watch = self._make(_("&Watch this folder"), tip=_("Show new photos as they arrive"))
        self.watch.setCheckable(True)
        self.arrivals = self._make(_("Sort &new photos…"), tip=_("Sort photos automatically as they arrive"))
        self.stop = self._make(_("S&top"), "stop", "Esc", _("Stop the scan. The results so far are kept."))
        self.sort = self._make(_("&Sort…"), "sort", "Ctrl+S", _("Move, copy or link the photos into a folder per tag"))
        self.move_there = self._make(
            _("&Move relabeled photos"),
            "",
            "Ctrl+Shift+S",
            _("Move photos that you relabeled after sorting to the folders of their new tags"),
        )
        self.sort_history = self._make(_("Sort &history…"), tip=_("See what was sorted, and undo it"))
        self.export = self._make(_("&Export results…"), tip=_("Save the tags for other programs"))
        self.contact_sheet = self._make(
            _("Contact sheet as &PDF…"), tip=_("Print photos small, with their names and tags, as a PDF document")
        )
        self.import_labels = self._make(_("&Import labels…"), tip=_("Use labels from another computer or program"))
        self.close_folder = self._make(_("&Close folder"), "", standard.Close, _("Go back to the first page"))
        self.quit = self._make(_("&Quit"), "", standard.Quit)
        self.quit.setMenuRole(QAction.MenuRole.QuitRole)
        # Edit
        self.undo, self.redo = self._undo_actions(undo_stack)
        self.select_all = self._make(_("Select &all"), "", standard.SelectAll)
        self.select_folder = self._make(
            _("Select the fol&der"), "", "Ctrl+Shift+A", _("Select the listed photos of the current photo's folder")
        )
        self.find = self._make(_("&Find…"), "", standard.Find, _("Search for photos by name or folder"))
        self.settings = self._make(_("&Settings…"), "settings", "Ctrl+,")
        self.settings.setMenuRole(QAction.MenuRole.PreferencesRole)
        # Photo
        self.positive, self.negative = QAction(self), QAction(self)
        self.positive_stay, self.negative_stay = QAction(self), QAction(self)
        self.confirm = self._make(
            _("Confirm the &tag"), tip=_("Label the photo with the tag it shows"), shown_key=text.CONFIRM_KEY
        )
        self.confirm_stay = self._make(
            _("Confirm the &tag and stay"),
            tip=_("Label the photo with the tag it shows, and stay on it"),
            shown_key=f"Shift+{text.CONFIRM_KEY}",
        )
        self.flip = self._make(_("&Flip the tag"), tip=_("Click a tag, or press the space bar"), shown_key="Space")
        self.remove_label = self._make(
            _("&Remove my label"), tip=_("Let the model decide again"), shown_key="Backspace"
        )
        self.see_change = self._make(
            _("Mark changed tag as &seen"),
            tip=_("No longer list the tags that changed. What the app learns may change them again."),
        )
        self.restore_tag = self._make(
            _("Undo chang&ed tag"),
            tip=_("Label the photos whose tags changed with the tags they had before"),
        )
        self.open_photo = self._make(
            _("&Open in another program"), "", "Ctrl+Enter", _("Open the photo in the program that the system chooses")
        )
        self.open_photo.setShortcuts([QKeySequence("Ctrl+Enter"), QKeySequence("Ctrl+Return")])
        self.show_in_folder = self._make(_("Show in file &manager"))
        self.trash = self._make(
            _("Move to tras&h"), tip=_("Move the selected photos to the system's trash"), shown_key="Del"
        )
        self.copy_files = self._make(
            _("Cop&y"), "", standard.Copy, _("Copy the photos, to paste them into a folder or another program")
        )
        self.copy_path = self._make(
            _("&Copy paths"), "", "Ctrl+Shift+C", _("Copy the paths of the photos, one per line")
        )
        # View
        self.next_unsure = self._make(_("&Next unsure photo"), "", "Ctrl+Right")
        self.previous_unsure = self._make(_("Pre&vious unsure photo"), "", "Ctrl+Left")
        self.auto_advance = self._make(
            _("Go to the ne&xt photo after labeling"),
            tip=_("After a key labels a photo, go to the next one. With Shift, stay on it."),
        )
        self.auto_advance.setCheckable(True)
        self.filters = {which: self._filter(which, number) for number, which in enumerate(_FILTER_KEYS, 1)}
        self.order = OrderActions(theme, self)
        self.orders = self.order.orders
        self.changed_tags = self._make(
            _("&Changed tags"), "", "Ctrl+Shift+8", _("Show each tag that has changed, before and after, in a strip")
        )
        self.changed_tags.setCheckable(True)
        self.update_list = self._make(
            _("&Update the list"),
            "",
            "Shift+F5",
            _("List the photos that belong here now, in order"),
        )
        self.larger = self._make(
            _("&Larger photos"), "larger", standard.ZoomIn, _("Show the photos larger, and fewer at a time")
        )
        self.smaller = self._make(
            _("&Smaller photos"), "smaller", standard.ZoomOut, _("Show the photos smaller, and more at a time")
        )
        self.preview = self._make(_("&Preview"), "preview", "F3", _("Show the selected photo larger"))
        self.preview.setCheckable(True)
        self.histograms = self._make(
            _("Histo&grams"), "", "F4", _("Show the photos by date and by how sure the model is, and choose a range")
        )
        self.histograms.setCheckable(True)
        self.why = self._make(
            _("W&hy this tag"),
            tip=_("Show what in the photo its tag comes from, and what it looks like"),
            shown_key=text.WHY_KEY,
        )
        self.why.setCheckable(True)
        self.loupe = self._make(_("Lo&upe"), tip=_("Show the photo as large as the window"), shown_key="Enter")
        self.compare = self._make(
            _("Compare si&de by side"), tip=_("See two to four selected photos side by side"), shown_key="X"
        )
        self.full_screen = self._make(_("&Full screen"), "", "F11", _("Fill the screen"))
        self.full_screen.setCheckable(True)
        self.zoom_in = self._make(_("Zoom &in"), shown_key="+")
        self.zoom_out = self._make(_("Zoom &out"), shown_key="-")
        self.zoom_fit = self._make(_("&Whole photo"), tip=_("Show the whole photo"), shown_key="0")
        self.zoom_full = self._make(
            _("&Actual size"), tip=_("Show each pixel of the photo as one pixel of the screen"), shown_key="1"
        )
        self.key_hints = self._make(
            _("&Keys below the photos"), tip=_("Show the keys you can use now below the photos")
        )
        self.key_hints.setCheckable(True)
        # Model
        self.models = self._make(_("&Models…"), tip=_("Choose, add, share or remove models"))
        self.train = self._make(_("&Train a model…"), tip=_("Make a model of your own from two folders of photos"))
        self.test_model = self._make(
            _("T&est on labeled photos…"), tip=_("See how many photos the model gets right, and which not")
        )
        self.model_card = self._make(_("&About this model"))
        # Help
        self.messages = self._make(_("&Messages…"), "", "Ctrl+Shift+M", _("Show earlier messages again"))
        self.shortcuts = self._make(_("&Keyboard shortcuts"), "", "F1", _("Show what each key does"))
        self.about = self._make(_("&About AlpacaSorter"))
        self.about.setMenuRole(QAction.MenuRole.AboutRole)
        self.page_actions = (
            self.open_photo,
            self.copy_files,
            self.copy_path,
            self.select_all,
            self.select_folder,
            self.next_unsure,
            self.previous_unsure,
        )
        for action in self.page_actions:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.set_labels(None)
        theme.changed.connect(self._set_icons)
        self._set_icons()

    def _make(
        self,
        name: str,
        icon_name: str = "",
        keys: QKeySequence.StandardKey | str = "",
        tip: str = "",
        *,
        shown_key: str = "",
    ) -> QAction:
        """Return an action.

        Args:
            name: its name in the menu.
            icon_name: see `theme.icon`; empty for none.
            keys: its keys; empty for none.
            tip: what it does; empty if the name says it all.
            shown_key: a key that a widget handles; it is only shown in the menu.
        """
        action = QAction(f"{name}\t{_native(QKeySequence(shown_key))}" if shown_key else name, self)
        if isinstance(keys, str):
            action.setShortcut(QKeySequence(keys))
        else:
            action.setShortcuts(keys)
        _set_tip(action, tip or name.replace("&", "").rstrip("…"), shown_key)
        if icon_name:
            self._icons.append((action, icon_name))
        return action

    def _undo_actions(self, stack: QUndoStack) -> tuple[QAction, QAction]:
        """Return Undo and Redo, which say in the menu what would be undone."""
        standard = QKeySequence.StandardKey
        undo, redo = self._make(_("&Undo"), "undo", standard.Undo), self._make(_("&Redo"), "redo")
        redo.setShortcuts([QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")])
        _set_tip(redo, _("Redo"))
        # On the tool bar that would make the buttons jump.
        undo.setIconText(_("Undo"))
        redo.setIconText(_("Redo"))

        def name_undo(what: str) -> None:
            undo.setText(_("&Undo: {action}").format(action=what.replace("&", "&&")) if what else _("&Undo"))

        def name_redo(what: str) -> None:
            redo.setText(_("&Redo: {action}").format(action=what.replace("&", "&&")) if what else _("&Redo"))

        for action, changed in ((undo, stack.canUndoChanged), (redo, stack.canRedoChanged)):
            action.setEnabled(False)
            changed.connect(action.setEnabled)
        stack.undoTextChanged.connect(name_undo)
        stack.redoTextChanged.connect(name_redo)
        undo.triggered.connect(stack.undo)
        redo.triggered.connect(stack.redo)
        return undo, redo

    def _filter(self, which: Filter, number: int) -> QAction:
        action = self._make("", "", f"Ctrl+{number}")
        action.setData(which)
        return action

    def _set_icons(self) -> None:
        for action, name in self._icons:
            action.setIcon(icon(name, self._theme.colors.text))

    def set_labels(self, labels: LabelSet | None) -> None:
        """Name the actions after the two labels, and choose the keys that tag photos; None until they are known."""
        if labels is None:
            for action, words in (
                (self.positive, _("Tag as the first label")),
                (self.negative, _("Tag as the second label")),
                (self.positive_stay, _("Tag as the first label and stay")),
                (self.negative_stay, _("Tag as the second label and stay")),
            ):
                action.setText(words)
                action.setEnabled(False)
        else:
            self._name_labels(labels)
        labels = labels or unknown_labels()
        self.order.set_labels(labels)
        for which, name in filter_names(labels).items():
            if which in self.filters:
                self.filters[which].setText(name.replace("&", "&&"))
                _set_tip(self.filters[which], name)

    def _name_labels(self, labels: LabelSet) -> None:
        for action, stay, label in (
            (self.positive, self.positive_stay, labels.positive),
            (self.negative, self.negative_stay, labels.negative),
        ):
            shown = labels.display(label)
            key = text.key_for(labels, label)
            name = _("Tag as {label}").format(label=shown)
            action.setText(f"{name.replace('&', '&&')}\t{_native(QKeySequence(key))}")
            _set_tip(action, _("Tag the selected photos as {label}").format(label=shown), key)
            name = _("Tag as {label} and stay").format(label=shown)
            stay.setText(f"{name.replace('&', '&&')}\t{_native(QKeySequence(f'Shift+{key}'))}")
            _set_tip(
                stay, _("Tag the selected photos as {label}, and stay on them").format(label=shown), f"Shift+{key}"
            )

    def set_photos_selected(self, *, judged: bool, corrected: bool, changed: bool, single: bool) -> None:
        """Enable what can be done with the selected photos.

        Args:
            judged: whether one of them has a prediction.
            corrected: whether one of them is labeled by the user.
            changed: whether the tag of one of them has changed.
            single: whether there is a current photo.
        """
        for action in (*self._labeling, *self._staying, self.flip):
            action.setEnabled(judged)
        self.remove_label.setEnabled(corrected)
        for action in (self.see_change, self.restore_tag):
            action.setEnabled(changed)
        for action in (
            *(self.loupe, self.open_photo, self.show_in_folder),
            *(self.copy_files, self.copy_path, self.trash),
        ):
            action.setEnabled(single)

    def set_folder_open(self, is_open: bool) -> None:
        """Enable what needs an open folder."""
        for action in (
            self.rescan,
            self.close_folder,
            self.larger,
            self.smaller,
            self.preview,
            self.why,
            self.select_all,
            self.select_folder,
            self.find,
            self.histograms,
            self.update_list,
            self.changed_tags,
            self.next_unsure,
            self.previous_unsure,
        ):
            action.setEnabled(is_open)
        for action in self.filters.values():
            action.setEnabled(is_open)
        self.order.set_enabled(is_open)
        self.arrivals.setEnabled(is_open)
        self.export.setEnabled(is_open)
        self.contact_sheet.setEnabled(is_open)
        if not is_open:
            self.sort.setEnabled(False)
            self.set_photos_selected(judged=False, corrected=False, changed=False, single=False)
            self.stop.setEnabled(False)

    # Menus and tool bar

    @property
    def most_used(self) -> tuple[QAction, ...]:
        """The actions whose keys matter most, the most important first."""
        label = self._labeling
        return *label, self.flip, self.remove_label, self.next_unsure, self.loupe, self.why, self.compare

    @property
    def _labeling(self) -> tuple[QAction, ...]:
        return self.positive, self.negative, self.confirm

    @property
    def _staying(self) -> tuple[QAction, ...]:
        return self.positive_stay, self.negative_stay, self.confirm_stay

    def photo_menu(self, parent: QWidget, *, by_mouse: bool = False) -> QMenu:
        """Return a menu for the selected photos; `by_mouse`: for the right mouse button, under which nothing moves."""
        menu = Menu(_("&Photo"), parent)
        if by_mouse:
            menu.addActions([*self._staying, self.flip, self.remove_label])
        else:
            stay = Menu(_("&Label and stay"), menu)
            stay.addActions(list(self._staying))
            menu.addActions([*self._labeling, self.flip, self.remove_label])
            menu.addMenu(stay)
        menu.addSeparator()
        menu.addActions([self.see_change, self.restore_tag])
        menu.addSeparator()
        menu.addActions(
            [self.loupe, self.compare, self.open_photo, self.show_in_folder, self.copy_files, self.copy_path]
        )
        menu.addSeparator()
        menu.addAction(self.trash)
        return menu

    def fill_menu_bar(self, window: QMainWindow, recent: QMenu, photo: QMenu) -> None:
        """Fill the menu bar of a window."""
        bar = window.menuBar()

        def add_menu(title: str) -> QMenu:
            menu = Menu(title, window)
            bar.addMenu(menu)
            return menu

        file = add_menu(_("&File"))
        file.addAction(self.open)
        file.addMenu(recent)
        file.addActions([self.rescan, self.watch, self.arrivals, self.stop])
        file.addSeparator()
        file.addActions([self.sort, self.move_there, self.sort_history])
        file.addSeparator()
        file.addActions([self.export, self.contact_sheet, self.import_labels])
        file.addSeparator()
        file.addActions([self.close_folder, self.quit])
        edit = add_menu(_("&Edit"))
        edit.addActions([self.undo, self.redo])
        edit.addSeparator()
        edit.addActions([self.select_all, self.select_folder, self.find, self.settings])
        bar.addMenu(photo)
        view = add_menu(_("&View"))
        view.addActions(list(self.filters.values()))
        view.addSeparator()
        view.addMenu(self.order.menu(Menu(_("&Order"), view)))
        view.addActions([self.changed_tags, self.update_list])
        view.addSeparator()
        view.addActions([self.next_unsure, self.previous_unsure, self.auto_advance])
        view.addSeparator()
        view.addActions([self.larger, self.smaller, self.preview, self.why, self.histograms, self.key_hints])
        zoom = Menu(_("&Zoom"), window)
        zoom.addActions([self.zoom_in, self.zoom_out, self.zoom_fit, self.zoom_full])
        view.addMenu(zoom)
        view.addAction(self.full_screen)
        model = add_menu(_("&Model"))
        model.addActions([self.models, self.train, self.test_model])
        model.addSeparator()
        model.addAction(self.model_card)
        help_menu = add_menu(_("&Help"))
        help_menu.addActions([self.shortcuts, self.messages, self.about])

    def fill_tool_bar(self, bar: QToolBar) -> None:
        """Fill the tool bar."""
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.addActions([self.open, self.sort])
        bar.addSeparator()
        bar.addActions([self.undo, self.redo])
        bar.addSeparator()
        bar.addWidget(self.order.button(bar, Menu("", bar)))
        bar.addAction(self.rescan)
        gap = QWidget(bar)
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for action in (self.smaller, self.larger, self.preview, self.settings):
            bar.addAction(action)
            button = bar.widgetForAction(action)
            if isinstance(button, QToolButton):
                _keep_icon_only(bar, button)


class Menu(QMenu):
    """A menu that keeps keys without Ctrl or Alt to itself while it is open: F5 rescans nothing, Esc only closes it."""

    def event(self, event: QEvent) -> bool:
        """Claim such keys before a shortcut of the window gets them."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and not _is_held(event):
            event.accept()
            return True
        return super().event(event)


def _keep_icon_only(bar: QToolBar, button: QToolButton) -> None:
    """Show no words on a button of a tool bar, whatever the style of the others, which changes with the width."""

    def without_words(_style: Qt.ToolButtonStyle) -> None:
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)

    # The bar has connected the button before, so this comes last.
    bar.toolButtonStyleChanged.connect(without_words)
    without_words(bar.toolButtonStyle())


def _is_held(event: QKeyEvent) -> bool:
    """Return whether Ctrl, Alt or Meta is held."""
    modifier = Qt.KeyboardModifier
    return bool(event.modifiers() & (modifier.ControlModifier | modifier.AltModifier | modifier.MetaModifier))


def _set_tip(action: QAction, tip: str, shown_key: str = "") -> None:
    """Give an action a tooltip that ends with its key; `shown_key`: one that a widget handles."""
    keys = _native(QKeySequence(shown_key) if shown_key else action.shortcut())
    action.setToolTip(_("{tip}  ({keys})").format(tip=tip, keys=keys) if keys else tip)


def _native(keys: QKeySequence) -> str:
    """Return a key sequence as this system and language write it."""
    return keys.toString(QKeySequence.SequenceFormat.NativeText)
