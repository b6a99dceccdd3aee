"""The order in which the Tab key goes through the main window: as the eye does, from the tool bar to the status bar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QStatusBar, QToolBar, QWidget

from alpacasorter.ui.widgets.banners import Banner, BannerBar


def order_tabs(
    tool_bar: QToolBar, welcome: QWidget, page: Sequence[QWidget], messages: BannerBar, status: QStatusBar
) -> None:
    """Put what the Tab key reaches in the order of the screen; clicks on buttons leave the focus with the photos.

    Args:
        tool_bar: the tool bar of the window.
        welcome: the page without a folder; its buttons take the focus when they are clicked, too.
        page: what the key reaches on the page with the photos, in order.
        messages: the place for messages.
        status: the status bar.
    """
    for button in tool_bar.window().findChildren(QAbstractButton):
        if not welcome.isAncestorOf(button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    tools = [tool_bar.widgetForAction(action) for action in tool_bar.actions()]
    answers = [button for banner in messages.findChildren(Banner) for button in banner.buttons]
    stops = [
        *(tool for tool in tools if isinstance(tool, QAbstractButton)),
        *page,
        *answers,
        *messages.findChildren(QAbstractButton),
        *status.findChildren(QAbstractButton),
    ]
    for one, next_one in pairwise(dict.fromkeys(stops)):
        QWidget.setTabOrder(one, next_one)
