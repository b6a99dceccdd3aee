"""Checks whether Qt can open a window here: exits with 0 and no output, or with 1 and one line with what is missing."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg")
PLUGINS = ("platforms/libqxcb.so", "platforms/libqoffscreen.so", "imageformats/libqsvg.so")


def _missing_libraries() -> Iterator[str]:
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        yield "PySide6"
        return
    package = Path(spec.origin).parent
    binaries = [package / f"{name}.abi3.so" for name in MODULES]
    binaries += [package / "Qt" / "plugins" / name for name in PLUGINS]
    for binary in filter(Path.is_file, binaries):
        listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        yield from (line.split()[0] for line in listed.splitlines() if line.endswith("not found"))


def _has_fonts() -> bool:
    suffixes = {".ttf", ".otf", ".ttc", ".pfb"}
    folders = (Path(name).expanduser() for name in FONT_FOLDERS)
    return any(path.suffix in suffixes for folder in folders for path in folder.rglob("*"))


def main() -> int:
    """Check, report, and return the exit code."""
    missing: list[str] = []
    if sys.platform == "linux":
        missing += sorted(set(_missing_libraries()))
        if not _has_fonts():
            missing.append("a font")
    if not missing:
        # The import is decisive, also on systems without ldd.
        tried = subprocess.run(
            [sys.executable, "-c", "import PySide6.QtWidgets"], capture_output=True, text=True, check=False
        )
        if tried.returncode:
            missing.append((tried.stderr.strip().splitlines() or ["PySide6.QtWidgets"])[-1])
    if missing:
        print("Qt is missing " + ", ".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
