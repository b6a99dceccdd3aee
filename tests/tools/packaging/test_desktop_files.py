"""What the packaged program tells the three operating systems about itself."""

import ast
import configparser
import io
import plistlib
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.ui import app as window_app
from alpacasorter.ui.app import FileOpenFilter
from tests.tools.packaging.commands import needs, run
from tools.packaging import app_info, icons, installers

ROOT = Path(__file__).resolve().parents[3]
LINUX = ROOT / "resources" / "packaging" / "linux"
WINDOWS = ROOT / "resources" / "packaging" / "windows"
MOMENT = 1_790_000_000
# Different versions of Qt may smooth edges differently; a different drawing differs by far more.
MAX_DIFFERENCE = 1.0


# Linux: desktop entry and AppStream


def _desktop_entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(LINUX / "org.alpacasorter.AlpacaSorter.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def test_desktop_entry_opens_folders_and_supported_images() -> None:
    entry = _desktop_entry()
    assert entry["Exec"].split() == ["alpacasorter", "%F"]
    assert entry["MimeType"] == ";".join(("inode/directory", *app_info.PICTURE_TYPES)) + ";"
    assert entry["Icon"] == app_info.APP_ID
    for kind in app_info.PICTURE_TYPES:
        assert kind.removeprefix("image/") in PICTURE_EXTENSIONS


def test_window_and_desktop_entry_refer_to_each_other() -> None:
    """Wayland compares the file name, X11 the window class, which Qt derives from the application's name."""
    assert window_app._DESKTOP_FILE == app_info.APP_ID
    assert (LINUX / f"{window_app._DESKTOP_FILE}.desktop").is_file()
    assert _desktop_entry()["StartupWMClass"] == app_info.NAME


def test_desktop_entry_is_valid() -> None:
    needs("desktop-file-validate")
    done = run("desktop-file-validate", LINUX / "org.alpacasorter.AlpacaSorter.desktop")
    assert (done.returncode, done.stdout) == (0, "")


def test_metainfo_matches_the_desktop_entry() -> None:
    root = ElementTree.parse(LINUX / "org.alpacasorter.AlpacaSorter.metainfo.xml").getroot()
    assert root.findtext("id") == app_info.APP_ID
    assert root.findtext("launchable") == f"{app_info.APP_ID}.desktop"
    assert root.findtext("project_license") == app_info.project()["license"]
    assert root.findtext("developer_name") == app_info.project()["authors"][0]["name"]


@pytest.mark.parametrize("version", ["0.1.0", "1.0~rc1"])
def test_metainfo_with_its_release_is_valid(version: str, tmp_path: Path) -> None:
    path = tmp_path / "org.alpacasorter.AlpacaSorter.metainfo.xml"
    path.write_text(installers.metainfo(version, MOMENT), encoding="utf-8")
    release = ElementTree.parse(path).getroot().find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("date")) == (version, "2026-09-21")
    assert (release.get("type") == "development") == ("~" in version)
    if shutil.which("appstreamcli") is None:
        pytest.skip("appstreamcli is not installed; the file was not validated")
    done = run("appstreamcli", "validate", "--no-net", path)
    assert done.returncode == 0, done.stdout


# Windows


def test_version_resource_has_the_projects_version() -> None:
    version = app_info.project()["version"]
    tree = ast.parse(app_info.version_text(), mode="eval")
    strings = {
        ast.literal_eval(call.args[0]): ast.literal_eval(call.args[1])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "StringStruct"
    }
    assert strings["FileVersion"] == strings["ProductVersion"] == version
    assert strings["OriginalFilename"] == "AlpacaSorter.exe"
    assert strings["LegalCopyright"].startswith("Copyright (c) ")
    words = {word.arg: word.value for word in ast.walk(tree) if isinstance(word, ast.keyword)}
    for name in ("filevers", "prodvers"):
        assert ast.literal_eval(words[name]) == app_info.version_numbers(version)


def test_version_resource_is_written(tmp_path: Path) -> None:
    path = app_info.version_file(tmp_path / "not yet")
    assert path.read_text(encoding="utf-8") == app_info.version_text()


def test_version_numbers() -> None:
    assert app_info.version_numbers("1.2") == (1, 2, 0, 0)
    assert app_info.version_numbers("1.2.3rc4") == (1, 2, 3, 0)
    assert "flags=2," in app_info.version_text("1.2.3rc4")
    assert "flags=0," in app_info.version_text("1.2.3")
    for bad in ("next", "1.70000"):
        with pytest.raises(ValueError, match="version"):
            app_info.version_numbers(bad)


def test_manifest_enables_long_paths_high_dpi_and_utf8() -> None:
    root = ElementTree.parse(app_info.WINDOWS_MANIFEST).getroot()
    values = {element.tag.rpartition("}")[2]: element.text for element in root.iter()}
    assert values["longPathAware"] == "true"
    assert (values["dpiAwareness"] or "").split(",")[0] == "PerMonitorV2"
    assert values["activeCodePage"] == "UTF-8"
    (level,) = [element for element in root.iter() if element.tag.endswith("requestedExecutionLevel")]
    assert level.get("level") == "asInvoker"


def _installer_sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (WINDOWS / "alpacasorter.iss").read_text(encoding="utf-8-sig").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith((";", "#")):
            lines.append(line)
    return sections


def test_installer_needs_no_administrator_and_keeps_user_data() -> None:
    sections = _installer_sections()
    assert "PrivilegesRequired=lowest" in sections["Setup"]
    assert "UninstallDelete" not in sections
    assert all(line.endswith('"{app}\\_internal"') for line in sections["InstallDelete"])
    assert all(line.startswith("Root: HKCU;") for line in sections["Registry"])
    assert all("Tasks:" in line for line in sections["Registry"])
    assert all(line.endswith("Flags: unchecked") for line in sections["Tasks"])


def test_installer_finds_its_files() -> None:
    # Without the byte order mark, the compiler reads it in the system's code page.
    assert app_info.INSTALLER_SCRIPT.read_bytes().startswith(b"\xef\xbb\xbf")
    setup = dict(line.split("=", 1) for line in _installer_sections()["Setup"])
    base = app_info.INSTALLER_SCRIPT.parent / setup["SourceDir"].replace("\\", "/")
    assert base.resolve() == ROOT
    assert (base / setup["SetupIconFile"].replace("\\", "/")).is_file()


def test_installer_gets_all_values_it_uses() -> None:
    command = installers.inno_setup_command(Path("iscc"), Path("dist"), "1.2.3rc1", Path("out"))
    values = dict(word[2:].split("=", 1) for word in command if word.startswith("/D"))
    text = app_info.INSTALLER_SCRIPT.read_text(encoding="utf-8-sig")
    defined = {line.split()[1] for line in text.splitlines() if line.startswith("#define")}
    used = {part.split("}")[0] for part in text.split("{#")[1:]}
    assert used == defined | values.keys()
    assert values["Numbers"] == "1.2.3.0"
    assert f"{values['OutName']}.exe" == installers.setup_file_name("1.2.3rc1")


# macOS


def test_info_plist_is_valid_and_asks_for_folder_access() -> None:
    info = plistlib.loads(plistlib.dumps(app_info.info_plist()))
    kinds = {kind for entry in info["CFBundleDocumentTypes"] for kind in entry["LSItemContentTypes"]}
    assert kinds == {"public.folder", "public.image"}
    assert {entry["CFBundleTypeRole"] for entry in info["CFBundleDocumentTypes"]} == {"Viewer"}
    purposes = [key for key in info if key.endswith("FolderUsageDescription")]
    assert len(purposes) == 3
    assert all(info[key].endswith(".") for key in purposes)
    assert info["CFBundleShortVersionString"] == app_info.project()["version"]
    assert info["NSHighResolutionCapable"] is True


def test_folder_from_the_system_is_opened_once(qapp: QApplication, tmp_path: Path, qtbot) -> None:
    photo = tmp_path / "größe" / "a photo.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"x")
    asked: list[Path] = []
    watcher = FileOpenFilter(asked.append, qapp)
    qapp.installEventFilter(watcher)
    try:
        for path in (photo, photo.with_name("another.jpg"), photo):
            qapp.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(path))))
        qtbot.waitUntil(lambda: bool(asked))
        qapp.sendEvent(qapp, QFileOpenEvent(QUrl("http://localhost/a.jpg")))
        qapp.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path))))
        qtbot.waitUntil(lambda: len(asked) > 1)
    finally:
        qapp.removeEventFilter(watcher)
        watcher.deleteLater()
    assert asked == [photo.parent, tmp_path]


# Icons


def test_linux_icons_match_the_drawing() -> None:
    stored = {path.relative_to(app_info.HICOLOR).parts[0]: path for path in app_info.HICOLOR.rglob("*.png")}
    assert stored.keys() == {f"{size}x{size}" for size in icons.HICOLOR_SIZES}
    for size in icons.HICOLOR_SIZES:
        with Image.open(stored[f"{size}x{size}"]) as picture, Image.open(io.BytesIO(icons.png(size))) as drawn:
            assert picture.size == (size, size)
            assert _difference(picture, drawn) < MAX_DIFFERENCE
    (scalable,) = app_info.HICOLOR.rglob("*.svg")
    assert scalable.read_bytes() == app_info.APP_SVG.read_bytes()


@pytest.mark.parametrize(
    ("name", "sizes", "share"), [("WINDOWS_ICON", "WINDOWS_SIZES", None), ("MACOS_ICON", "MACOS_SIZES", "MACOS_SHARE")]
)
def test_windows_and_macos_icons_match_the_drawing(name: str, sizes: str, share: str | None) -> None:
    path: Path = getattr(app_info, name)
    assert path.stat().st_size < 150_000
    with Image.open(path) as picture:
        stored = {size[0] * (size[2] if len(size) > 2 else 1) for size in picture.info["sizes"]}
        assert stored == set(getattr(icons, sizes))
        largest = max(getattr(icons, sizes))
        picture.load()
        assert picture.size == (largest, largest)
        with Image.open(io.BytesIO(icons.png(largest, getattr(icons, share) if share else 1.0))) as drawn:
            assert _difference(picture, drawn) < MAX_DIFFERENCE


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Return the largest mean difference in a channel, out of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))).mean)
