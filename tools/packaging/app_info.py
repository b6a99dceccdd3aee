"""What the packaged program tells the system about itself: names, version, icons, file types, folder texts.

`alpacasorter.spec` and the tools beside this file import it; it needs nothing but the standard library.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGING: Final = ROOT / "resources" / "packaging"
"""Only building needs what lies here: the packaged program does without."""

NAME: Final = "AlpacaSorter"
CONSOLE_NAME: Final = f"{NAME}-console"
"""The program for the command line, which only Windows needs."""

APP_ID: Final = "org.alpacasorter.AlpacaSorter"
"""The name of the desktop entry and of the macOS bundle; the window tells it to the desktop, too."""

APP_SVG: Final = ROOT / "resources" / "icons" / "alpacasorter.svg"
HICOLOR: Final = PACKAGING / "linux" / "hicolor"
"""Icons of Linux, laid out as an icon theme."""

WINDOWS_ICON: Final = PACKAGING / "windows" / "alpacasorter.ico"
MACOS_ICON: Final = PACKAGING / "macos" / "alpacasorter.icns"
WINDOWS_MANIFEST: Final = PACKAGING / "windows" / "alpacasorter.manifest"
INSTALLER_SCRIPT: Final = PACKAGING / "windows" / "alpacasorter.iss"

PICTURE_TYPES: Final = (
    "image/jpeg",
    "image/png",
    "image/apng",
    "image/webp",
    "image/tiff",
    "image/gif",
    "image/bmp",
    "image/heic",
    "image/heif",
    "image/avif",
)
"""The MIME types of the pictures that are read."""

# NumPy's wheel for Apple's own processors asks for the latest system of all parts.
_MACOS_LEAST: Final = "14.0"
_WHY_FOLDERS: Final = "AlpacaSorter looks for photos in the folder that you open, and sorts them when you say so."
_FOLDER_KEYS: Final = (
    "NSDesktopFolderUsageDescription",
    "NSDocumentsFolderUsageDescription",
    "NSDownloadsFolderUsageDescription",
    "NSNetworkVolumesUsageDescription",
    "NSRemovableVolumesUsageDescription",
)

_VERSION_TEXT: Final = """\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags={flags}, OS=0x40004, fileType=1,
                    subtype=0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('040904B0', [
{strings}
    ])]),
    VarFileInfo([VarStruct('Translation', [0x0409, 1200])]),
  ],
)
"""
_PRERELEASE: Final = 0x2


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml, the one source of version, summary and authors."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def copyright_line() -> str:
    """Return the line of LICENSE that says whose the program is.

    Raises:
        ValueError: LICENSE holds no such line.
    """
    for line in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines():
        if line.startswith("Copyright"):
            return line
    raise ValueError("LICENSE has no line that begins with “Copyright”.")


def version_numbers(version: str) -> tuple[int, int, int, int]:
    """Return a version as the four numbers that Windows wants; "1.2.3rc1" becomes (1, 2, 3, 0).

    Raises:
        ValueError: the version does not begin with numbers, or one of them is too large for Windows.
    """
    match = re.match(r"\d+(\.\d+){0,3}", version)
    if match is None:
        raise ValueError(f"The version {version!r} does not begin with numbers.")
    numbers = [int(part) for part in match[0].split(".")]
    if max(numbers) > 0xFFFF:
        raise ValueError(f"The version {version!r} has a number above 65535, which Windows can't hold.")
    first, second, third, fourth = (*numbers, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def version_text(version: str | None = None) -> str:
    """Return the text of the version resource, in the form that PyInstaller's `EXE(version=FILE)` reads."""
    facts = project()
    version = facts["version"] if version is None else version
    strings = {
        "CompanyName": facts["authors"][0]["name"],
        "FileDescription": NAME,
        "FileVersion": version,
        "InternalName": NAME,
        "LegalCopyright": copyright_line(),
        "OriginalFilename": f"{NAME}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
        "Comments": facts["description"],
    }
    final = re.fullmatch(r"[\d.]+", version) is not None
    return _VERSION_TEXT.format(
        numbers=version_numbers(version),
        flags=0 if final else _PRERELEASE,
        strings="\n".join(f"      StringStruct({key!r}, {value!r})," for key, value in strings.items()),
    )


def version_file(folder: Path) -> Path:
    """Write the version resource into `folder`, which is made where it is missing, and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "version_info.txt"
    path.write_text(version_text(), encoding="utf-8", newline="\n")
    return path


def info_plist() -> dict[str, Any]:
    """Return the entries for PyInstaller's `BUNDLE(info_plist=...)` that it does not make by itself."""
    version = project()["version"]
    return {
        "CFBundleDisplayName": NAME,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": ".".join(map(str, version_numbers(version)[:3])),
        "CFBundleDevelopmentRegion": "en",
        # A folder, or photos for the folder they lie in, dropped on the icon or opened with it. Others stay the
        # first choice for both.
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": title,
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [kind],
            }
            for title, kind in (("Folder", "public.folder"), ("Picture", "public.image"))
        ],
        **dict.fromkeys(_FOLDER_KEYS, _WHY_FOLDERS),
        "LSApplicationCategoryType": "public.app-category.photography",
        "LSMinimumSystemVersion": _MACOS_LEAST,
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": copyright_line(),
        # Dark mode comes with it.
        "NSRequiresAquaSystemAppearance": False,
    }
