"""Services of the desktop: the file manager is asked directly if possible."""

import os
import sys
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets import desktop

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one file manager")

_SAYS = """\
#!/bin/sh
printf '%s\\n' "$@" >"$0.said.part"
mv "$0.said.part" "$0.said"
exit {code}
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the desktop was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: addresses.append(url.toLocalFile()) or True)
    return addresses


def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> Path:
    """Fake a session bus whose file manager answers with an exit code; return the file with the requests."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dbus-send"
    program.write_text(_SAYS.format(code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    return folder / "dbus-send.said"


def silent(sentence: str) -> None:
    raise AssertionError(sentence)


@linux_only
def test_file_manager_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qapp: QApplication, qtbot: QtBot
) -> None:
    """The default program for folders may be any, even this one."""
    said = bus(tmp_path, monkeypatch, 0)
    desktop.show_in_file_manager(tmp_path / "a, b é.jpg", qapp, silent)
    qtbot.waitUntil(said.exists)
    words = said.read_text().splitlines()
    assert words[-3:] == [
        "org.freedesktop.FileManager1.ShowItems",
        f"array:string:file://{tmp_path}/a%2C%20b%20%C3%A9.jpg",
        "string:",
    ]
    said.unlink()
    desktop.show_folder(tmp_path, qapp, silent)
    qtbot.waitUntil(said.exists)
    assert f"array:string:file://{tmp_path}" in said.read_text().splitlines()
    qtbot.wait(50)
    assert opened == []


@linux_only
def test_without_a_file_manager_the_default_program_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qapp: QApplication, qtbot: QtBot
) -> None:
    bus(tmp_path, monkeypatch, 1)
    desktop.show_in_file_manager(tmp_path / "a.jpg", qapp, silent)
    qtbot.waitUntil(lambda: opened == [str(tmp_path)])


@linux_only
def test_without_dbus_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qapp: QApplication, qtbot: QtBot
) -> None:
    bus(tmp_path, monkeypatch, 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    desktop.show_folder(tmp_path, qapp, silent)
    qtbot.waitUntil(lambda: opened == [str(tmp_path)])


@linux_only
def test_without_a_bus(tmp_path: Path, opened: list[str], qapp: QApplication) -> None:
    desktop.show_folder(tmp_path, qapp, silent)
    assert opened == [str(tmp_path)]


@pytest.fixture
def nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desktop has no program for anything."""
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: False)


@pytest.mark.usefixtures("nothing_opens")
def test_what_can_not_be_opened_is_said(tmp_path: Path, qapp: QApplication) -> None:
    told: list[str] = []
    desktop.open_file(tmp_path / "hike 1.jpg", qapp, told.append)
    desktop.open_web_page(QUrl("https://example.org/a"), qapp, told.append)
    desktop.show_folder(tmp_path, qapp, told.append)
    desktop.show_in_file_manager(tmp_path / "hike 1.jpg", qapp, told.append)
    assert len(told) == 4
    for sentence, name in zip(told, ("hike 1.jpg", "https://example.org/a", str(tmp_path), str(tmp_path)), strict=True):
        assert name in sentence


@linux_only
@pytest.mark.usefixtures("nothing_opens")
def test_a_file_manager_that_fails_is_said_unless_nobody_asks_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication, qtbot: QtBot
) -> None:
    said = bus(tmp_path, monkeypatch, 1)
    told: list[str] = []
    desktop.show_folder(tmp_path, qapp, told.append)
    qtbot.waitUntil(lambda: len(told) == 1)
    said.unlink()
    closed = QObject()
    desktop.show_folder(tmp_path, closed, told.append)
    shiboken6.delete(closed)
    qtbot.waitUntil(said.exists)
    qtbot.wait(100)
    assert len(told) == 1


@linux_only
def test_names_of_dropped_files_need_not_be_unicode(tmp_path: Path) -> None:
    for name in ("a b#%41?.jpg", "grüße 🦙.jpg", os.fsdecode(b"caf\xe9.jpg")):
        assert desktop.local_path(desktop.file_url(tmp_path / name)) == tmp_path / name
    assert desktop.local_path(QUrl("https://example.org/a.jpg")) is None


def test_other_programs_find_their_own_qt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QT_PLUGIN_PATH", str(tmp_path / "PySide6" / "plugins"))
    monkeypatch.setenv("QML2_IMPORT_PATH", "/of the user")
    desktop.hide_package_from_children()
    assert "QT_PLUGIN_PATH" in os.environ, "only the packaged program sets it itself"
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    desktop.hide_package_from_children()
    assert "QT_PLUGIN_PATH" not in os.environ
    assert os.environ["QML2_IMPORT_PATH"] == "/of the user"
