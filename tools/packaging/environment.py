"""Prints, as JSON, what a frozen program was built from; `inventory.read_environment` runs it with that Python.

    PYTHON environment.py FOLDER

Prints Python's version and license files, each installed distribution with its files, licenses and SBOMs, and the
modules that the program in FOLDER contains. It runs in isolation, so it can't import anything from this package.
"""

import base64
import importlib
import importlib.metadata
import json
import re
import sys
import sysconfig
from pathlib import Path
from typing import Any

_LICENSE = re.compile(r"(^|/)(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT)[^/]*$", re.IGNORECASE)


def _distribution(found: importlib.metadata.Distribution) -> dict[str, Any]:
    about = found.metadata
    named = set(about.get_all("License-File") or [])
    files, texts, bills = [], [], []
    for entry in found.files or []:
        path = entry.as_posix()
        digest = ""
        if entry.hash is not None and entry.hash.mode == "sha256":
            digest = base64.urlsafe_b64decode(entry.hash.value + "=" * (-len(entry.hash.value) % 4)).hex()
        files.append([path, digest])
        if ".dist-info/" not in path:
            continue
        inside = re.sub(r"^.*?\.dist-info/(licenses/)?", "", path)
        if inside in named or _LICENSE.search(inside):
            texts.append(str(entry.locate()))
        elif "/sboms/" in path and path.endswith(".json"):
            bills.append(str(entry.locate()))
    return {
        "name": about["Name"],
        "version": found.version,
        "expression": (about.get_all("License-Expression") or [""])[0],
        "license": (about.get_all("License") or [""])[0],
        "classifiers": [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")],
        "files": sorted(files),
        "texts": sorted(texts),
        "bills": sorted(bills),
    }


def _packed_modules(folder: Path) -> tuple[list[str], list[str]]:
    """Return the paths of the programs in the folder, and the modules in their archives."""
    readers = importlib.import_module("PyInstaller.archive.readers")
    # A namespace package, such as google, contains no code itself.
    empty = importlib.import_module("PyInstaller.loader.pyimod01_archive").PYZ_ITEM_NSPKG

    programs, modules = [], set()
    for place in (folder, folder / "Contents" / "MacOS"):
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if not path.is_file():
                continue
            try:
                archive = readers.CArchiveReader(str(path))
            except (readers.ArchiveReadError, OSError):
                continue  # some other file next to the program
            programs.append(path.relative_to(folder).as_posix())
            for name, entry in archive.toc.items():
                if entry[-1] == "z":
                    packed = archive.open_embedded_archive(name).toc
                    modules |= {module for module, (kind, *_) in packed.items() if kind != empty}
    return programs, sorted(modules)


def _python_texts() -> list[str]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = (
        Path(sysconfig.get_path("stdlib"), "LICENSE.txt"),
        Path(sys.base_prefix, "LICENSE.txt"),
        Path("/usr/share/doc", version, "copyright"),
    )
    return [str(place) for place in places if place.is_file()][:1]


def main() -> int:
    """Print the answer."""
    programs, modules = _packed_modules(Path(sys.argv[1]))
    if not programs:
        print(f"No frozen program is in {sys.argv[1]}.", file=sys.stderr)
        return 1
    folders = [
        Path(sys.base_prefix),
        Path(sys.base_prefix, "DLLs"),
        Path(sysconfig.get_config_var("LIBDIR") or sys.base_prefix),
    ]
    answer = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "standard": sorted(sys.stdlib_module_names),
        "texts": _python_texts(),
        "own_files": sorted({path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}),
        "programs": programs,
        "modules": modules,
        "distributions": sorted(map(_distribution, importlib.metadata.distributions()), key=lambda d: str(d["name"])),
    }
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
