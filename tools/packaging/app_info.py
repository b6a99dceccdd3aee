"""What the packaged program tells the operating system about itself: names, version, icons, file types, permissions.

Used by `alpacasorter.spec` and by the other modules here. Needs only the standard library.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGING: Final = ROOT / "resources" / "packaging"
"""Files that are only needed for the build; they are not part of the packaged program."""

NAME: Final = "AlpacaSorter"
CONSOLE_NAME: Final = f"{NAME}-console"
"""The command-line program, which only Windows needs."""

APP_ID: Final = "org.alpacasorter.AlpacaSorter"
"""The name of the desktop entry and the identifier of the macOS bundle; the window reports it to the desktop, too."""

APP_SVG: Final = ROOT / "resources" / "icons" / "alpacasorter.svg"
HICOLOR: Final = PACKAGING / "linux" / "hicolor"
"""Icons for Linux, laid out as an icon theme."""

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
"""The MIME types of the image files that the program reads."""

# Of all dependencies, NumPy's wheel for Apple silicon needs the latest system.
_MACOS_MINIMUM: Final = "14.0"
_FOLDER_PURPOSE: Final = "AlpacaSorter looks for photos in the folder you open, and sorts them when you ask it to."
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
    """Return the `project` table of pyproject.toml, the single source of version, summary and authors."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def copyright_line() -> str:
    """Return the copyright line of LICENSE.

    Raises:
        ValueError: LICENSE has no such line.
    """
    for line in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines():
        if line.startswith("Copyright"):
            return line
    raise ValueError("LICENSE has no line that starts with “Copyright”.")


def version_numbers(version: str) -> tuple[int, int, int, int]:
    """Return a version as the four numbers that Windows expects; "1.2.3rc1" becomes (1, 2, 3, 0).

    Raises:
        ValueError: the version does not start with a number, or a number is too large for Windows.
    """
    match = re.match(r"\d+(\.\d+){0,3}", version)
    if match is None:
        raise ValueError(f"The version {version!r} does not start with a number.")
    numbers = [int(part) for part in match[0].split(".")]
    if max(numbers) > 0xFFFF:
        raise ValueError(f"The version {version!r} has a number above 65535, the limit on Windows.")
    first, second, third, fourth = (*numbers, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def version_text(version: str | None = None) -> str:
    """Return the text of the version resource, in the format of PyInstaller's `EXE(version=FILE)`."""
    about = project()
    version = about["version"] if version is None else version
    strings = {
        "CompanyName": about["authors"][0]["name"],
        "FileDescription": NAME,
        "FileVersion": version,
        "InternalName": NAME,
        "LegalCopyright": copyright_line(),
        "OriginalFilename": f"{NAME}.exe",
        "ProductName": NAME,
        "ProductVersion": version,
        "Comments": about["description"],
    }
    final = re.fullmatch(r"[\d.]+", version) is not None
    return _VERSION_TEXT.format(
        numbers=version_numbers(version),
        flags=0 if final else _PRERELEASE,
        strings="\n".join(f"      StringStruct({key!r}, {value!r})," for key, value in strings.items()),
    )


def version_file(folder: Path) -> Path:
    """Write the version resource to a file in `folder`, which is created if necessary, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "version_info.txt"
    path.write_text(version_text(), encoding="utf-8", newline="\n")
    return path


def info_plist() -> dict[str, Any]:
    """Return the entries for PyInstaller's `BUNDLE(info_plist=...)` that it does not generate itself."""
    version = project()["version"]
    return {
        "CFBundleDisplayName": NAME,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": ".".join(map(str, version_numbers(version)[:3])),
        "CFBundleDevelopmentRegion": "en",
        # A folder, or photos that stand for their folder, dropped on the icon or opened with the program. It does not
        # become the default for either.
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": title,
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [kind],
            }
            for title, kind in (("Folder", "public.folder"), ("Picture", "public.image"))
        ],
        **dict.fromkeys(_FOLDER_KEYS, _FOLDER_PURPOSE),
        "LSApplicationCategoryType": "public.app-category.photography",
        "LSMinimumSystemVersion": _MACOS_MINIMUM,
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": copyright_line(),
        # This enables dark mode.
        "NSRequiresAquaSystemAppearance": False,
    }
