"""Services of the desktop: the file manager is asked directly if possible."""

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
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
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: addresses.append(url.toLocalFile()))
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


@linux_only
def test_file_manager_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qtbot: QtBot
) -> None:
    """The default program for folders may be any, even this one."""
    said = bus(tmp_path, monkeypatch, 0)
    desktop.show_in_file_manager(tmp_path / "a, b é.jpg")
    qtbot.waitUntil(said.exists)
    words = said.read_text().splitlines()
    assert words[-3:] == [
        "org.freedesktop.FileManager1.ShowItems",
        f"array:string:file://{tmp_path}/a%2C%20b%20%C3%A9.jpg",
        "string:",
    ]
    said.unlink()
    desktop.show_folder(tmp_path)
    qtbot.waitUntil(said.exists)
    assert f"array:string:file://{tmp_path}" in said.read_text().splitlines()
    qtbot.wait(50)
    assert opened == []


@linux_only
def test_without_a_file_manager_the_default_program_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qtbot: QtBot
) -> None:
    bus(tmp_path, monkeypatch, 1)
    desktop.show_in_file_manager(tmp_path / "a.jpg")
    qtbot.waitUntil(lambda: opened == [str(tmp_path)])


@linux_only
def test_without_dbus_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], qtbot: QtBot) -> None:
    bus(tmp_path, monkeypatch, 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    desktop.show_folder(tmp_path)
    qtbot.waitUntil(lambda: opened == [str(tmp_path)])


@linux_only
def test_without_a_bus(tmp_path: Path, opened: list[str]) -> None:
    desktop.show_folder(tmp_path)
    assert opened == [str(tmp_path)]


def test_other_programs_find_their_own_qt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QT_PLUGIN_PATH", str(tmp_path / "PySide6" / "plugins"))
    monkeypatch.setenv("QML2_IMPORT_PATH", "/of the user")
    desktop.hide_package_from_children()
    assert "QT_PLUGIN_PATH" in os.environ, "only the packaged program sets it itself"
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    desktop.hide_package_from_children()
    assert "QT_PLUGIN_PATH" not in os.environ
    assert os.environ["QML2_IMPORT_PATH"] == "/of the user"
